package ringlog

import (
	"sync/atomic"
	"unsafe"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// The flags of segment.refs, above the count of leases (see "Segment states" in the package document).
const (
	deadFlag int64 = 1 << 40 // trimmed, spilled or closed: no new leases
	freeFlag int64 = 1 << 41 // in the arena's free list (or destroyed)
)

// segment is a piece of mapped memory and who uses it. It lives as long as its arena.
type segment struct {
	mapping
	arena *Arena

	// refs counts leases and carries deadFlag and freeFlag. Invariant: memory is rewritten or unmapped only while freeFlag is set.
	refs atomic.Int64
	// owner and number change only while freeFlag is set; a pin verifies them after its increment.
	owner  atomic.Pointer[Log]
	number atomic.Uint64
	// end is the offset of the sealing PAD, 0 while the segment is open. Stored before the committed position moves on.
	end atomic.Int64
	bad atomic.Bool // a fault was seen in it: not to be reused
	// retired: a process that vanished may still read it: not to be reused. gone: it was given back to the system.
	retired, gone atomic.Bool

	next *segment // in a list of segments to recycle; belongs to whoever won freeFlag
}

// pin takes a lease if the segment is still the given one of the log.
func (s *segment) pin(l *Log, n SegmentNumber) bool {
	if s.refs.Add(1) < deadFlag && s.owner.Load() == l && s.number.Load() == uint64(n) {
		return true
	}
	s.unpin()
	return false
}

// unpin gives a lease back; the last one of a dead segment recycles it, that of a living one makes it fit for spilling.
func (s *segment) unpin() {
	v := s.refs.Add(-1)
	if v == 0 && s.arena.hungry.Load() {
		s.arena.notify()
	} else if v == deadFlag && s.refs.CompareAndSwap(deadFlag, freeFlag) {
		s.arena.recycle(s)
	} else if v&(deadFlag-1) == deadFlag-1 {
		panic("ringlog: lease released twice")
	}
}

// kill forbids new leases and reports whether the caller must recycle the segment (nobody holds it).
func (s *segment) kill() bool {
	return s.refs.Add(deadFlag) == deadFlag && s.refs.CompareAndSwap(deadFlag, freeFlag)
}

// holds reports whether an address lies in the segment's memory.
func (s *segment) holds(addr uintptr) bool {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(s.mem)))
	return addr >= from && addr < from+uintptr(len(s.mem))
}

// format makes a free segment the given one of a log: empty, with its magic stored last (crash states C0, C1, C7).
func (s *segment) format(h *SegmentHeader, c Checkpoint) {
	word(s.mem, 0).Store(0)
	putSegmentHeader(s.mem, h)
	putCheckpoint(s.mem, c)
	word(s.mem, SegmentHeaderLen).Store(0)
	word(s.mem, 0).Store(segmentMagic)
}

// putFrame stores everything of a header but its first word, which is returned for the committing store.
func putFrame(b []byte, h *frame.Header) uint64 {
	var head [frame.HeaderLen]byte
	frame.PutHeader(head[:], h)
	copy(b[8:frame.HeaderLen], head[8:])
	return le64(head[:])
}
