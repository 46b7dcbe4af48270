package ringlog

import (
	"fmt"
	"runtime/debug"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// writer is the state of a log's one writing goroutine.
type writer struct {
	seg     *segment // nil: the next claim takes one
	unit    *unit
	number  SegmentNumber // of seg, or of the next one to take
	at      int           // offset of the next frame in seg
	claimed int           // length of the open claim; 0: none

	entries    []entry  // frames of the open segment
	starts     []uint32 // scratch of the footer
	ranges     []chainRange
	chains     map[frame.Chain]*chain // the writer's own view of Log.mu.chains
	last       *chain                 // of the frame before
	checkpoint uint64                 // sequence of the last one
	tail       int                    // Invariant: tailLen of the open segment with one more frame of a new chain
}

// maxRelayChains bounds what frames from peers can make a receive log remember.
const maxRelayChains = 1 << 16

// Claim makes room for a frame of n bytes, header included, and returns its bytes and position. The caller fills all of
// b[frame.HeaderLen:] and then calls Commit or Abandon; it owns b until then. What b holds before is undefined.
// ErrNoSegment: nothing is free now, yield and retry. ErrFrameTooLarge: never possible. ErrPoisoned, ErrClosed: the log has ended.
func (l *Log) Claim(n int) (b []byte, pos frame.Pos, err error) {
	defer l.arena.caught(debug.SetPanicOnFault(true), &err)
	w := &l.writer
	if p := l.failed.Load(); p != nil {
		return nil, 0, *p
	}
	if w.claimed != 0 || n < frame.HeaderLen {
		return nil, 0, fmt.Errorf("claim of %d bytes with %d bytes claimed, want one claim at a time of %d bytes or more", n, w.claimed, frame.HeaderLen)
	}
	padded := frame.PadLen(n)
	if w.seg == nil || w.at+padded+w.tail > len(w.seg.mem) {
		if err := l.roll(n); err != nil {
			return nil, 0, err
		}
	}
	word(w.seg.mem, w.at+padded).Store(0)
	word(w.seg.mem, w.at).Store(uint64(uint32(-int32(n))))
	w.claimed = n
	return w.seg.mem[w.at : w.at+n : w.at+n], l.arena.layout.Join(w.number, w.at), nil
}

// Commit publishes the claimed frame and returns its position. Of h, Len, Pos, Incarnation, Core, Prev and Sum are set here.
// If the memory faults, the log is poisoned (see Err) and nothing was published.
func (l *Log) Commit(h frame.Header) (pos frame.Pos) {
	var err error // a fault; Err keeps it
	defer l.arena.caught(debug.SetPanicOnFault(true), &err)
	w := &l.writer
	if w.claimed == 0 || w.seg == nil {
		if l.Err() != nil {
			return 0
		}
		panic("ringlog: commit without a claim")
	}
	c := l.chainOf(h.Chain())
	pos = l.arena.layout.Join(w.number, w.at)
	h.Len, h.Pos, h.Prev = int32(w.claimed), pos, c.last
	h.Incarnation, h.Core = l.cfg.Incarnation, l.cfg.Core
	b := w.seg.mem[w.at : w.at+w.claimed]
	l.seal8(b, &h)
	c.last = pos
	w.note(c, h.Tick)
	l.publish()
	return pos
}

// seal8 writes the header and, with its first word, commits the frame.
func (l *Log) seal8(b []byte, h *frame.Header) {
	h.Flags &^= frame.Summed
	if l.cfg.Sums {
		h.Flags |= frame.Summed
	}
	first := putFrame(b, h)
	if l.cfg.Sums {
		putLE64(b[8:], frame.ChecksumAs(first, b))
	}
	word(b, 0).Store(first)
}

// publish moves the committed position past the frame and ends the claim.
func (l *Log) publish() {
	w := &l.writer
	padded := frame.PadLen(w.claimed)
	clear(w.seg.mem[w.at+w.claimed : w.at+padded])
	w.at += padded
	w.claimed = 0
	l.committed.Store(uint64(l.arena.layout.Join(w.number, w.at)))
}

// Abandon turns the open claim into a PAD, which readers skip. Without an open claim it does nothing.
func (l *Log) Abandon() {
	var err error // a fault; Err keeps it
	defer l.arena.caught(debug.SetPanicOnFault(true), &err)
	w := &l.writer
	if w.claimed == 0 || w.seg == nil {
		return
	}
	l.pad(w.claimed)
	l.publish()
}

// pad writes a PAD of n bytes at the writer's place and commits it.
func (l *Log) pad(n int) {
	w := &l.writer
	h := frame.Header{Len: int32(n), Type: frame.Pad, Pos: l.arena.layout.Join(w.number, w.at), Incarnation: l.cfg.Incarnation, Core: l.cfg.Core}
	b := w.seg.mem[w.at : w.at+n]
	word(b, 0).Store(putFrame(b, &h))
}

// Append stores a whole received frame verbatim and returns its position in this log, which is not the one in its header. It copies
// raw. The log must be a relay. Besides Claim's errors it returns frame.ErrCorrupt if raw is not exactly one frame with a valid header.
func (l *Log) Append(raw []byte) (pos frame.Pos, err error) {
	defer l.arena.caught(debug.SetPanicOnFault(true), &err)
	if !l.cfg.Relay {
		return 0, fmt.Errorf("append to %v, which is not a relay", l.cfg.identity())
	}
	if len(raw) < frame.HeaderLen {
		return 0, fmt.Errorf("%w: %d bytes, want a header of %d", frame.ErrCorrupt, len(raw), frame.HeaderLen)
	}
	h := frame.DecodeHeader(raw)
	if err := h.Valid(len(raw)); err != nil || int(h.Len) != len(raw) || h.Type == frame.Pad {
		return 0, fmt.Errorf("%w: append %v of %d bytes as a frame of %d: %w", frame.ErrCorrupt, h.Type, len(raw), h.Len, errOr(err))
	}
	w := &l.writer
	if len(w.chains) >= maxRelayChains && w.chains[h.Chain()] == nil {
		return 0, fmt.Errorf("append a frame of %v: %w: %d", h.Chain(), errNoChainRoom, len(w.chains))
	}
	b, pos, err := l.Claim(len(raw))
	if err != nil {
		return 0, err
	}
	copy(b[8:], raw[8:])
	word(b, 0).Store(le64(raw))
	w.note(l.chainOf(h.Chain()), h.Tick)
	l.publish()
	return pos, nil
}

// Checkpoint writes the committed and trimmed positions into the open segment's header: recovery takes a bad frame below the
// former for damage. It is done at the beginning of each segment anyway. For the writer's goroutine.
func (l *Log) Checkpoint() (err error) {
	defer l.arena.caught(debug.SetPanicOnFault(true), &err)
	if err := l.Err(); err != nil || l.writer.seg == nil {
		return err
	}
	putCheckpoint(l.writer.seg.mem, l.nextCheckpoint())
	return nil
}

func (l *Log) nextCheckpoint() Checkpoint {
	l.writer.checkpoint++
	l.mu.Lock()
	defer l.mu.Unlock()
	return Checkpoint{l.writer.checkpoint, l.Committed(), l.trimmed()}
}

// note books the frame at the writer's place to its chain.
func (w *writer) note(c *chain, t frame.Tick) {
	u := w.unit
	if c.openIn != w.number+1 {
		c.openIn, c.openAt = w.number+1, uint32(len(u.chains))
		u.chains = append(u.chains, unitChain{chainRange{chain: c.name, min: t, max: t}, c})
	}
	r := &u.chains[c.openAt]
	r.min, r.max = min(r.min, t), max(r.max, t)
	r.frames++
	w.entries = append(w.entries, entry{uint32(w.at), c.openAt})
	w.tail = tailLen(len(u.chains)+1, len(w.entries)+1)
}

// chainOf finds or makes a chain's state; the same one as last time in most cases.
func (l *Log) chainOf(name frame.Chain) *chain {
	w := &l.writer
	if w.last != nil && w.last.name == name {
		return w.last
	}
	c := w.chains[name]
	if c == nil {
		l.mu.Lock()
		c = l.chain(name)
		l.mu.Unlock()
		w.chains[name] = c
	}
	w.last = c
	return c
}
