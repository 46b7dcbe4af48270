package ringlog

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Foreign is a segment of another process of the host, mapped read-only: its frames are read where that process wrote them.
//
// The other process promises to leave frames alone that it has told of, until it is told that they are done with. Nothing in memory
// can enforce that: so what a frame says is checked on every access, and its first bytes again after use (Intact). The
// memory cannot shrink, so reading it never faults, whatever becomes of the other process.
type Foreign struct {
	mem    []byte
	layout Layout
	refs   atomic.Int64 // leases, and one for the owner until Unmap; at 0 the memory is unmapped
}

// MapForeign maps the segment of the given size behind a descriptor, and closes the descriptor in any case. The error wraps ErrNotSealed, or
// ErrCorrupt for a size that no segment has.
func MapForeign(fd, segmentBytes int) (*Foreign, error) {
	defer unix.Close(fd)
	layout, err := NewLayout(segmentBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_SHRINK == 0 {
		return nil, fmt.Errorf("foreign segment: %w: seals %#x (%v)", ErrNotSealed, seals, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("foreign segment: %w", err)
	}
	if st.Size != int64(segmentBytes) {
		return nil, fmt.Errorf("foreign segment: %w: %d bytes, want %d", ErrCorrupt, st.Size, segmentBytes)
	}
	mem, err := unix.Mmap(fd, 0, segmentBytes, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("foreign segment of %d bytes: mmap: %w", segmentBytes, err)
	}
	// Page tables ahead of the readers; a kernel that does not know this faults on first touch instead.
	_ = ignoringEINTR(func() error { return unix.Madvise(mem, unix.MADV_POPULATE_READ) })
	f := &Foreign{mem: mem, layout: layout}
	f.refs.Store(1)
	return f, nil
}

// Frame returns the frame of n bytes at an offset, if the segment's header and the frame's own agree that it lies there. The bytes stay
// mapped until Unmap. The error wraps ErrCorrupt.
func (f *Foreign) Frame(offset, n uint32) ([]byte, error) {
	if offset < SegmentHeaderLen || offset%frame.Align != 0 || n < frame.HeaderLen || uint64(offset)+uint64(n) > uint64(len(f.mem)) {
		return nil, fmt.Errorf("%w: no frame of %d bytes can begin at offset %d of %d", ErrCorrupt, n, offset, len(f.mem))
	}
	h, err := DecodeSegmentHeader(f.mem[:SegmentHeaderLen])
	if err != nil {
		return nil, err
	}
	if h.Bytes != len(f.mem) || h.Relay {
		return nil, fmt.Errorf("%w: foreign segment %d says it has %d bytes, want %d (relay: %v)", ErrCorrupt, h.Number, h.Bytes, len(f.mem), h.Relay)
	}
	b := f.mem[offset : offset+n : offset+n]
	got := frame.DecodeHeader(b)
	if want := f.layout.Join(h.Number, int(offset)); got.Pos != want || got.Len != int32(n) || got.Incarnation != h.Incarnation {
		return nil, fmt.Errorf("%w: frame at %d of incarnation %d with %d bytes, want %d, %d, %d",
			ErrCorrupt, got.Pos, got.Incarnation, got.Len, want, h.Incarnation, n)
	}
	return b, nil
}

// Acquire lends the frame at pos, which was taken by Frame and is not given back yet. The error wraps ErrCorrupt: another frame lies there.
func (f *Foreign) Acquire(pos frame.Pos) (Lease, error) {
	_, offset := f.layout.Split(pos)
	if offset < SegmentHeaderLen || offset%frame.Align != 0 || offset+frame.HeaderLen > len(f.mem) {
		return Lease{}, fmt.Errorf("%w: no frame can begin at %d", ErrCorrupt, pos)
	}
	n := int(lenOf(word(f.mem, offset).Load()))
	if n < frame.HeaderLen || n > len(f.mem)-offset {
		return Lease{}, fmt.Errorf("%w: foreign frame at %d has length %d", ErrCorrupt, pos, n)
	}
	b := f.mem[offset : offset+n : offset+n]
	if got := le64(b[16:]); got != uint64(pos) {
		return Lease{}, fmt.Errorf("%w: foreign frame at %d says it is at %d", ErrCorrupt, pos, got)
	}
	f.refs.Add(1)
	return Lease{b: b, foreign: f}, nil
}

// Intact checks, after use, that the frame at pos is still the one of that incarnation and length. The error wraps ErrCorrupt: what was read
// cannot be trusted.
func (f *Foreign) Intact(pos frame.Pos, length int32, i frame.Incarnation) error {
	_, offset := f.layout.Split(pos)
	h := frame.DecodeHeader(f.mem[offset:][:frame.HeaderLen])
	if h.Pos != pos || h.Len != length || h.Incarnation != i {
		return fmt.Errorf("%w: foreign frame at %d with %d bytes of incarnation %d was overwritten in use by one at %d with %d of %d",
			ErrCorrupt, pos, length, i, h.Pos, h.Len, h.Incarnation)
	}
	return nil
}

// Bytes is the segment's size.
func (f *Foreign) Bytes() int { return len(f.mem) }

// Leased reports whether a Lease of Acquire was not released yet.
func (f *Foreign) Leased() bool { return f.refs.Load() > 1 }

// Unmap gives the mapping back once the last lease is released. Nobody may use the Foreign any more.
func (f *Foreign) Unmap() { f.unref() }

func (f *Foreign) unref() {
	if n := f.refs.Add(-1); n == 0 {
		if err := unix.Munmap(f.mem); err != nil {
			panic(fmt.Sprintf("ringlog: unmap a foreign segment of %d bytes: %v", len(f.mem), err)) // a mapping of ours: cannot be
		}
	} else if n < 0 {
		panic("ringlog: foreign segment released twice")
	}
}
