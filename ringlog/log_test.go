package ringlog

import (
	"errors"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

var (
	chainA = frame.Chain{Edge: 1, Node: 1}
	chainB = frame.Chain{Edge: 2, Node: 1}
)

func TestWrittenFramesAreRead(t *testing.T) {
	onEachBacking(t, func(t *testing.T, b Backing) {
		a := testArena(t, b, 8)
		l := testLog(t, a, LogConfig{Sums: true})
		var want []frame.Pos
		for i := range 100 {
			want = append(want, mustWrite(t, l, chainA, frame.Tick(i), 64+37*i))
		}
		for most := 1; most < 200; most *= 3 {
			got, err := readAll(l, 0, most)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("most %d: got %d frames %v, want %d (%v)", most, len(got), got, len(want), err)
			}
		}
		for _, pos := range want {
			lease, err := l.Acquire(pos)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := checkFrame(pos, lease.Bytes()); err != nil {
				t.Fatal(err)
			}
			lease.Release()
		}
		if _, err := l.Acquire(l.Committed()); !errors.Is(err, ErrNotCommitted) {
			t.Errorf("acquire beyond the end: %v", err)
		}
		if _, err := l.Acquire(want[5] + 64); !errors.Is(err, ErrCorrupt) {
			t.Errorf("acquire inside a frame: %v", err)
		}
	})
}
