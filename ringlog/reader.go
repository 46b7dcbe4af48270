package ringlog

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Reader is a cursor over the committed frames of a log, in log order. It holds no lease between polls: what is trimmed before it
// got there is skipped. One goroutine uses a Reader; it may be another one than the writer's.
type Reader struct {
	log *Log
	pos frame.Pos
	err error
}

// Reader returns a cursor that begins at from, which is 0, or the position of a frame, or the committed position at some time.
func (l *Log) Reader(from frame.Pos) *Reader {
	return &Reader{log: l, pos: max(from, l.arena.layout.First(0))}
}

// Pos is the position of the next frame to read.
func (r *Reader) Pos() frame.Pos { return r.pos }

// Err is nil, or why the reader stopped for good: ErrPoisoned, ErrClosed, ErrCorrupt or an error of the spill file.
func (r *Reader) Err() error { return r.err }

// Poll calls f with up to most committed frames and returns how many there were; 0 means that nothing is new, or Err. PADs are
// skipped. b is exactly the frame, valid until f returns (Log.Acquire(pos) keeps it). If f returns false, that frame was the last one.
// f must not panic on a fault of b by itself: Poll poisons the log.
func (r *Reader) Poll(most int, f func(pos frame.Pos, b []byte) bool) (n int) {
	if r.err != nil {
		return 0
	}
	n, err := r.poll(most, f)
	r.err = err
	return n
}

func (r *Reader) poll(most int, f func(frame.Pos, []byte) bool) (n int, err error) {
	l := r.log
	defer l.arena.caught(debug.SetPanicOnFault(true), &err)
	y := l.arena.layout
	goOn := true
	for n < most && goOn {
		if err := l.Err(); err != nil {
			return n, err
		}
		committed := l.Committed()
		if r.pos >= committed {
			return n, nil
		}
		number, offset := y.Split(r.pos)
		s := l.pin(number)
		if s == nil {
			var k int
			if k, goOn, err = r.pollAway(number, offset, f); err != nil {
				return n, err
			}
			n += k
			continue
		}
		end := int(s.end.Load())
		if at, offset := y.Split(committed); at == number {
			end = offset
		}
		var k int
		if k, goOn, err = r.pollSegment(s, number, end, most-n, f); err != nil {
			return n + k, err
		}
		n += k
	}
	return n, nil
}

// pollSegment reads frames of a pinned segment up to the offset end, and unpins it. If the segment is sealed and read
// to its end, the cursor moves to the next one.
func (r *Reader) pollSegment(s *segment, number SegmentNumber, end, most int, f func(frame.Pos, []byte) bool) (n int, goOn bool, err error) {
	defer s.unpin()
	l := r.log
	y := l.arena.layout
	for goOn = true; n < most && goOn; {
		_, offset := y.Split(r.pos)
		if offset >= end {
			if int(s.end.Load()) == end {
				r.pos = y.First(number + 1)
			}
			return n, true, nil
		}
		b, err := l.frameAt(s, r.pos, offset)
		if err != nil {
			return n, false, err
		}
		pos := r.pos
		r.pos += frame.Pos(frame.PadLen(len(b)))
		if frame.Type(b[4]) != frame.Pad {
			goOn = f(pos, b)
			n++
		}
	}
	return n, goOn, nil
}

// pollAway reads one frame of a segment that is not in memory, or moves the cursor over what is gone.
func (r *Reader) pollAway(number SegmentNumber, offset int, f func(frame.Pos, []byte) bool) (n int, goOn bool, err error) {
	l := r.log
	next := l.nextAway(number, offset)
	r.pos = next
	nextNumber, nextOffset := l.arena.layout.Split(next)
	if nextNumber != number {
		return 0, true, nil
	}
	lease, err := l.acquireSpilled(number, nextOffset)
	if errors.Is(err, ErrTrimmed) {
		return 0, true, nil // since nextAway looked
	} else if err != nil {
		return 0, false, fmt.Errorf("read %d: %w", next, err)
	}
	defer lease.Release()
	r.pos = next + frame.Pos(frame.PadLen(len(lease.b)))
	return 1, f(next, lease.b), nil
}

// nextAway finds where a reader goes on that stands in a segment which is not in memory: the next spilled frame of that segment, or
// the beginning of the next one that lives, or the committed position.
func (l *Log) nextAway(number SegmentNumber, offset int) frame.Pos {
	y := l.arena.layout
	l.mu.Lock()
	defer l.mu.Unlock()
	if u := l.find(number); u != nil {
		if i := u.spilled.frameAtOrAfter(offset); i < len(u.spilled.index) {
			return y.Join(number, int(u.spilled.index[i].offset))
		}
	}
	if u := l.atOrAfter(number + 1); u != nil {
		return y.First(u.number)
	}
	return l.Committed() // under mu: no segment can be begun meanwhile, so nothing is skipped
}
