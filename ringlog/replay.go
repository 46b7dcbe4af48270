package ringlog

import (
	"runtime/debug"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Replay appends to dst the positions of the committed frames of a chain with a tick greater than after, in log order, and returns it.
// Sealed segments answer by their footers, without a scan; the open one is scanned. Frames below the chain's trim bound may or may not be
// among them; any may be trimmed before it is acquired. Safe from any goroutine.
func (l *Log) Replay(name frame.Chain, after frame.Tick, dst []frame.Pos) (_ []frame.Pos, err error) {
	defer l.arena.caught(debug.SetPanicOnFault(true), &err)
	committed := l.Committed()
	for number := SegmentNumber(0); ; number++ {
		if err := l.Err(); err != nil {
			return dst, err
		}
		l.mu.Lock()
		u := l.atOrAfter(number)
		if u == nil {
			l.mu.Unlock()
			return dst, nil
		}
		number = u.number
		s := u.seg
		if s == nil {
			dst = u.replaySpilled(l.arena.layout, name, after, dst)
			l.mu.Unlock()
			continue
		}
		wanted := !u.sealed
		for i := range u.chains {
			if !u.sealed {
				break // the chains of an open unit are the writer's
			}
			wanted = wanted || (u.chains[i].chain == name && u.chains[i].max > after)
		}
		if wanted {
			s.refs.Add(1) // it lives as long as l.mu is held
		}
		l.mu.Unlock()
		if wanted {
			dst, err = l.replaySegment(s, number, committed, name, after, dst)
		}
		if err != nil {
			return dst, err
		}
	}
}

func (u *unit) replaySpilled(y Layout, name frame.Chain, after frame.Tick, dst []frame.Pos) []frame.Pos {
	for _, f := range u.spilled.index {
		if u.chains[f.chain].chain == name && f.tick > after {
			dst = append(dst, y.Join(u.number, int(f.offset)))
		}
	}
	return dst
}

// replaySegment answers from a pinned segment, and unpins it.
func (l *Log) replaySegment(s *segment, number SegmentNumber, committed frame.Pos, name frame.Chain, after frame.Tick, dst []frame.Pos) ([]frame.Pos, error) {
	defer s.unpin()
	y := l.arena.layout
	if s.end.Load() != 0 {
		return replayFooter(s, y, number, name, after, dst)
	}
	for offset := SegmentHeaderLen; y.Join(number, offset) < committed; {
		b, err := l.frameAt(s, y.Join(number, offset), offset)
		if err != nil {
			return dst, err
		}
		h := frame.DecodeHeader(b)
		if h.Type != frame.Pad && h.Chain() == name && h.Tick > after {
			dst = append(dst, y.Join(number, offset))
		}
		offset += h.Padded()
	}
	return dst, nil
}

func replayFooter(s *segment, y Layout, number SegmentNumber, name frame.Chain, after frame.Tick, dst []frame.Pos) ([]frame.Pos, error) {
	footer, err := parseFooter(s.mem)
	if err != nil {
		return dst, err
	}
	for i := range footer.chains {
		c, first := footer.chain(i)
		if c.chain != name || c.max <= after {
			continue
		}
		for j := first; j < first+c.frames; j++ {
			offset := footer.entry(j)
			if offset < SegmentHeaderLen || offset > footer.end-frame.HeaderLen {
				return dst, ErrCorrupt
			}
			if c.min > after || frame.DecodeHeader(s.mem[offset:]).Tick > after {
				dst = append(dst, y.Join(number, offset))
			}
		}
	}
	return dst, nil
}
