package ringlogtest

import (
	"errors"
	"testing"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// What a log holds is seen, and seen to be gone when it is given back.
func TestLeftovers(t *testing.T) {
	count := func() int {
		t.Helper()
		left, err := Leftovers()
		if err != nil {
			t.Fatal(err)
		}
		return len(left)
	}
	if n := count(); n != 0 {
		t.Fatalf("%d at the start", n)
	}
	a, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: ringlog.MinSegmentBytes, LimitBytes: 4 * ringlog.MinSegmentBytes, SpillDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.NewLog(ringlog.LogConfig{Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = l.Claim(100); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Acquire(l.Commit(frame.Header{Type: frame.Mark, Tick: 1}))
	if err != nil {
		t.Fatal(err)
	}
	want := 5 // two mapped segments and their descriptors, and the spill file
	if !a.CanShare() {
		want = 1 // a race build has its segments on the heap
	}
	if n := count(); n != want {
		t.Errorf("%d of an open arena, want %d", n, want)
	}
	if err := a.Close(); !errors.Is(err, ringlog.ErrLeased) {
		t.Error(err)
	}
	if n := count(); a.CanShare() && n != 2 {
		t.Errorf("%d of a leased segment, want its mapping and its descriptor", n)
	}
	lease.Release()
	if n := count(); n != 0 {
		t.Errorf("%d at the end", n)
	}
}
