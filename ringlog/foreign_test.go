package ringlog

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// share writes a frame and shares its segment with this very process, through a descriptor and a mapping as another one would have them.
func share(t *testing.T, l *Log, tick frame.Tick) (Shared, *Foreign, frame.Pos, uint32) {
	t.Helper()
	pos := mustWrite(t, l, chainA, tick, 5000)
	lease, err := l.Acquire(pos)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	s, ok := l.arena.Share(lease.Bytes())
	if !ok {
		t.Fatal("a leased frame of a memfd is not shared")
	}
	fd, err := s.Descriptor()
	if err != nil {
		t.Fatal(err)
	}
	f, err := MapForeign(fd, s.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	offset, ok := s.Offset(lease.Bytes())
	if !ok {
		t.Fatal("the frame is not in the segment that was shared for it")
	}
	return s, f, pos, offset
}

// fill writes until the arena is full.
func fill(t *testing.T, l *Log, tick frame.Tick) {
	t.Helper()
	l.Trim(chainA, tick-1)
	for {
		if _, err := writeStepping(l, chainA, tick, 5000); errors.Is(err, ErrNoSegment) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// lap writes several segments' worth, and trims it.
func lap(t *testing.T, l *Log, from frame.Tick) {
	t.Helper()
	for tick := from; tick < from+100; tick++ {
		l.Trim(chainA, tick-1)
		mustWrite(t, l, chainA, tick, 5000)
	}
}

func TestSharedSegmentIsHeldAndThenUsedAgain(t *testing.T) {
	if raceBuild {
		testHeapIsNotShared(t)
		return
	}
	a := testArena(t, Memfd, 4)
	l := testLog(t, a, LogConfig{Sums: true})
	s, f, pos, offset := share(t, l, 1)
	defer f.Unmap()
	lap(t, l, 2)
	b, err := f.Frame(offset, 5000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checkFrame(pos, b); err != nil {
		t.Errorf("a held frame changed: %v", err)
	}
	if err := f.Intact(pos, 5000, 1); err != nil {
		t.Error(err)
	}
	s.Release()
	fill(t, l, 200)
	if err := f.Intact(pos, 5000, 1); !errors.Is(err, ErrCorrupt) {
		t.Errorf("after its release the frame is %v, want %v", err, ErrCorrupt)
	}
	if _, err := f.Acquire(pos); !errors.Is(err, ErrCorrupt) {
		t.Errorf("acquired after its release: %v, want %v", err, ErrCorrupt)
	}
}

func testHeapIsNotShared(t *testing.T) {
	l := testLog(t, testArena(t, Heap, 4), LogConfig{})
	pos := mustWrite(t, l, chainA, 1, 5000)
	lease, err := l.Acquire(pos)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	if _, ok := l.arena.Share(lease.Bytes()); ok {
		t.Error("memory of the heap is shared")
	}
}

func TestRetiredSegmentIsNotUsedAgain(t *testing.T) {
	if raceBuild {
		testHeapIsNotShared(t)
		return
	}
	a := testArena(t, Memfd, 4)
	l := testLog(t, a, LogConfig{Sums: true})
	s, f, pos, _ := share(t, l, 1)
	s.Retire()
	lap(t, l, 2)
	if !s.Gone() {
		t.Error("a retired segment without frames is still in the arena")
	}
	lease, err := f.Acquire(pos)
	if err != nil {
		t.Fatal(err)
	}
	f.Unmap() // the lease outlives it
	if _, err := checkFrame(pos, lease.Bytes()); err != nil {
		t.Errorf("a frame of a retired segment changed: %v", err)
	}
	lease.Release()
	if st := a.Stats(); st.Leases != 0 || st.Segments > 4 {
		t.Errorf("left over: %+v", st)
	}
}

// At most half of an arena is held by others.
func TestHoldsOfOthersAreBounded(t *testing.T) {
	if raceBuild {
		testHeapIsNotShared(t)
		return
	}
	a := testArena(t, Memfd, 8)
	var held []Shared
	for i := range 8 {
		s := &segment{arena: a}
		if h := (Shared{s}); h.Hold() {
			held = append(held, h)
		} else if s.refs.Load() != 0 {
			t.Errorf("hold %d was refused and counts", i)
		}
	}
	if len(held) != 4 {
		t.Errorf("%d holds, want 4", len(held))
	}
	for _, h := range held {
		h.Release()
	}
}

func TestForeignMemoryMustBeSealedAndWhole(t *testing.T) {
	memory := func(size int64, seals int) int {
		fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Ftruncate(fd, size); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
			t.Fatal(err)
		}
		return fd
	}
	for _, c := range []struct {
		name   string
		size   int64
		seals  int
		claims int
		want   error
	}{
		{"not sealed", testSegment, 0, testSegment, ErrNotSealed},
		{"may shrink", testSegment, unix.F_SEAL_GROW, testSegment, ErrNotSealed},
		{"shorter than said", testSegment, unix.F_SEAL_SHRINK, 2 * testSegment, ErrCorrupt},
		{"no size of a segment", testSegment, unix.F_SEAL_SHRINK, testSegment - 64, ErrCorrupt},
		{"too large", testSegment, unix.F_SEAL_SHRINK, 2 * MaxSegmentBytes, ErrCorrupt},
	} {
		fd := memory(c.size, c.seals)
		if _, err := MapForeign(fd, c.claims); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
			t.Errorf("%s: the descriptor is still open", c.name)
		}
	}
}

// FuzzForeignFrame: whatever lies in the memory and whatever a reference says, a frame that is returned lies within, where it says it does.
func FuzzForeignFrame(f *testing.F) {
	mem := make([]byte, MinSegmentBytes)
	putSegmentHeader(mem, &SegmentHeader{Incarnation: 1, Number: 3, Bytes: MinSegmentBytes})
	word(mem, 0).Store(segmentMagic)
	head := frame.Header{Len: 128, Type: frame.Data, Pos: frame.Pos(3*MinSegmentBytes + SegmentHeaderLen), Incarnation: 1}
	frame.PutHeader(mem[SegmentHeaderLen:], &head)
	layout, err := NewLayout(MinSegmentBytes)
	if err != nil {
		f.Fatal(err)
	}
	foreign := &Foreign{mem: mem, layout: layout}
	if _, err := foreign.Frame(SegmentHeaderLen, 128); err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(SegmentHeaderLen), uint32(128), uint64(head.Pos), mem[:128], mem[SegmentHeaderLen:][:64])
	f.Add(uint32(MinSegmentBytes-64), uint32(1<<31), uint64(1)<<63, mem[:72], []byte{1})
	f.Fuzz(func(t *testing.T, offset, n uint32, pos uint64, segmentHead, frameHead []byte) {
		copied := append([]byte(nil), mem...)
		copy(copied[:SegmentHeaderLen], segmentHead)
		if at := int(offset); at < len(copied) {
			copy(copied[at:], frameHead)
		}
		foreign := &Foreign{mem: copied, layout: layout}
		foreign.refs.Store(1)
		if b, err := foreign.Frame(offset, n); err == nil {
			if got := frame.DecodeHeader(b); len(b) != int(n) || got.Len != int32(n) {
				t.Fatalf("frame of %d bytes that says %d, want %d", len(b), got.Len, n)
			}
		}
		if lease, err := foreign.Acquire(frame.Pos(pos)); err == nil {
			if got := frame.DecodeHeader(lease.Bytes()); uint64(got.Pos) != pos {
				t.Fatalf("frame at %d, want %d", got.Pos, pos)
			}
			lease.Release()
		}
	})
}
