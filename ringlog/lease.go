package ringlog

import (
	"fmt"
	"runtime/debug"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Lease keeps one frame readable until Release. It is a value: copy it as you like, release it once.
type Lease struct {
	b       []byte
	seg     *segment
	block   *block
	foreign *Foreign
}

// Bytes is exactly the frame, unpadded, borrowed until Release. Nobody may write to it.
func (e Lease) Bytes() []byte { return e.b[:len(e.b):len(e.b)] }

// Padded is the frame with the zeros that follow it in memory, a multiple of frame.Align, borrowed like Bytes: what a link sends without
// adding any. A frame that came back from disk may lack them; it is then just the frame.
func (e Lease) Padded() []byte {
	if n := frame.PadLen(len(e.b)); e.seg != nil && n <= cap(e.b) {
		return e.b[:n]
	}
	return e.b
}

// Release gives the frame back. Safe from any goroutine; it may call Wake of waiting logs of the arena.
// The zero Lease may be released.
func (e Lease) Release() {
	if e.seg != nil {
		e.seg.unpin()
	} else if e.block != nil {
		e.block.unref()
	} else if e.foreign != nil {
		e.foreign.unref()
	}
}

// Acquire leases the committed frame at pos. A frame in memory costs no lock, no copy and no allocation; a spilled one is read from disk,
// through a cache of blocks (InMemory tells). Safe from any goroutine. ErrNotCommitted: too early. ErrTrimmed: too late.
// ErrCorrupt: no frame begins there, or the disk gave back other bytes than it got. ErrPoisoned, ErrClosed: the log has ended.
func (l *Log) Acquire(pos frame.Pos) (lease Lease, err error) {
	defer l.arena.caughtLease(debug.SetPanicOnFault(true), &lease, &err)
	if p := l.failed.Load(); p != nil {
		return Lease{}, *p
	}
	if committed := l.Committed(); pos >= committed {
		return Lease{}, fmt.Errorf("acquire %d: %w: want less than %d", pos, ErrNotCommitted, committed)
	}
	n, offset := l.arena.layout.Split(pos)
	if lease.seg = l.pin(n); lease.seg == nil {
		return l.acquireSpilled(n, offset)
	}
	if lease.b, err = l.frameAt(lease.seg, pos, offset); err != nil {
		lease.Release()
		return Lease{}, err
	}
	return lease, nil
}

// caughtLease is deferred by Acquire: a fault ends the lease as well.
func (a *Arena) caughtLease(panicOnFault bool, lease *Lease, err *error) {
	debug.SetPanicOnFault(panicOnFault)
	if r := recover(); r != nil {
		lease.Release()
		*lease, *err = Lease{}, a.judge(r)
	}
}

// frameAt returns the frame's bytes in a pinned segment; pos is committed.
func (l *Log) frameAt(s *segment, pos frame.Pos, offset int) ([]byte, error) {
	if offset < SegmentHeaderLen || offset%frame.Align != 0 || offset+frame.HeaderLen > len(s.mem) {
		return nil, fmt.Errorf("%w: no frame can begin at %d", ErrCorrupt, pos)
	}
	n := int(lenOf(word(s.mem, offset).Load()))
	if n < frame.HeaderLen || n > len(s.mem)-offset {
		return nil, fmt.Errorf("%w: frame at %d has length %d", ErrCorrupt, pos, n)
	}
	b := s.mem[offset : offset+n : min(offset+frame.PadLen(n), len(s.mem))]
	if got := le64(b[16:]); got != uint64(pos) && !l.cfg.Relay {
		return nil, fmt.Errorf("%w: frame at %d says it is at %d", ErrCorrupt, pos, got)
	}
	return b, nil
}
