package control

import (
	"fmt"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// A unit whose images have no state asks after an image that is old enough, its producers keep what comes after that, and when it restarts it
// emits nothing up to its base.
func TestHollowImages(t *testing.T) {
	b, err := newBases([]StageShape{
		{Name: "read", Nodes: []frame.NodeID{0}, To: []StageID{1}, Source: true},
		{Name: "window", Nodes: []frame.NodeID{0}, To: []StageID{2}},
		{Name: "write", Nodes: []frame.NodeID{0}},
	}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	report := func(low frame.Tick, at frame.Tick) {
		r := Reported{Executed: []frame.Tick{at, at, at}, Saved: []Saved{{0, at}, {2, at}}, Hollow: []Hollow{{Saved{1, at}, low}}}
		b.report(0, &r)
		b.commit(b.advance(nil))
		if err := b.valid(); err != nil {
			t.Fatal(err)
		}
	}
	report(3, 10)  // of no image: from the beginning
	report(14, 20) // of the image at 10
	report(27, 30) // of that at 20
	for s, want := range []Base{{Base: 20, Prev: 10}, {Base: 30, Prev: 20, Warm: 10, PrevWarm: 10}, {Base: 30, Prev: 20}} {
		if got := b.units[s][0].Base; got != want {
			t.Errorf("stage %d: %+v, want %+v", s, got, want)
		}
	}
	if got := fmt.Sprint(b.needs()); got != "[[10] [10] [20]]" {
		t.Errorf("needs %s", got)
	}
	b.register(0)
	if images, quiet := b.restore(0); fmt.Sprint(images, quiet) != "[20 20 30] [0 30 0]" {
		t.Errorf("restored at %v, quiet up to %v", images, quiet)
	}
	// Back to the generation before: what that asks for is still there.
	changes, lost := b.fallBack([]Unit{{1, 0}})
	b.commit(changes)
	if got := b.units[1][0].Base; len(lost) > 0 || got != (Base{Base: 20, Prev: 20, Warm: 10, PrevWarm: 10}) || b.units[0][0].Base.Base != 10 {
		t.Errorf("fell back to %+v, the source to %+v", got, b.units[0][0].Base)
	}
	if err := b.valid(); err != nil {
		t.Error(err)
	}
}
