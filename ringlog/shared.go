package ringlog

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Shared is a hold on a segment that a process of the same host reads in its own mapping. While somebody holds it, its frames stay as they
// are, whatever is trimmed. Holds are values that compare equal for the same segment; end each once, by Release or Retire.
type Shared struct{ seg *segment }

// CanShare reports whether the arena's segments can be shared at all. A race build's cannot: they are on the heap.
func (a *Arena) CanShare() bool { return a.cfg.Backing == Memfd }

// Share holds the segment that b lies in, which the caller leases. false: b lies in no segment, or its segment cannot be shared
// (only a memfd can, since it is sealed), or half of the arena is shared already: what others hold cannot be spilled, and the
// logs must go on. Safe from any goroutine.
func (a *Arena) Share(b []byte) (Shared, bool) {
	if !a.CanShare() {
		return Shared{}, false
	}
	addr := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	a.mu.Lock()
	i := slices.IndexFunc(a.mu.all, func(s *segment) bool { return s.holds(addr) })
	if i < 0 {
		a.mu.Unlock()
		return Shared{}, false
	}
	s := Shared{a.mu.all[i]}
	a.mu.Unlock()
	return s, s.Hold()
}

// Hold takes one more hold on a segment that the caller leases, or holds. false: half of the arena is shared already.
func (s Shared) Hold() bool {
	a := s.seg.arena
	if a.shared.Add(1) > int64(a.maxShared()) {
		a.shared.Add(-1)
		return false
	}
	s.seg.refs.Add(1)
	return true
}

// maxShared is how many holds of others the arena bears.
func (a *Arena) maxShared() int { return int(a.cfg.LimitBytes / int64(a.layout.Bytes) / 2) }

// Release ends the hold: the other process reads nothing of it any more.
func (s Shared) Release() {
	s.seg.arena.shared.Add(-1)
	s.seg.unpin()
}

// Retire ends the hold of a process that may still read: when its last frame is trimmed, the segment is given back to the system
// instead of being used again, and goes when that process has gone or unmapped it.
func (s Shared) Retire() {
	s.seg.retired.Store(true)
	s.Release()
}

// Gone reports that the segment is not part of the arena any more: nothing will be written to it.
func (s Shared) Gone() bool { return s.seg.gone.Load() }

// Bytes is the segment's size.
func (s Shared) Bytes() int { return s.seg.arena.layout.Bytes }

// Offset is where b begins in the segment; false if it does not lie there.
func (s Shared) Offset(b []byte) (uint32, bool) {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(s.seg.mem)))
	addr := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	if addr < from || addr+uintptr(len(b)) > from+uintptr(len(s.seg.mem)) {
		return 0, false
	}
	return uint32(addr - from), true
}

// Address orders segments by where they lie.
func (s Shared) Address() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(s.seg.mem))) }

// Descriptor returns a new descriptor of the segment's memory, for the caller to close. The caller holds the segment.
func (s Shared) Descriptor() (int, error) {
	fd, err := unix.FcntlInt(uintptr(s.seg.fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, fmt.Errorf("ringlog: duplicate the descriptor of a segment: %w", err)
	}
	return fd, nil
}

// ErrNotSealed means a descriptor whose memory could shrink under a reader.
var ErrNotSealed = errors.New("memory is not sealed")
