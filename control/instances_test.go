package control

import (
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// twinBases are a source on node 0, a stage of one task on node 0 with a second instance on node 1, and a sink on node 1.
func twinBases(t *testing.T, source, first, second, sink Base) *bases {
	t.Helper()
	stages := []StageShape{
		{Name: "source", Nodes: []frame.NodeID{0}, To: []StageID{1, 3}, Source: true},
		{Name: "count", Nodes: []frame.NodeID{0}, To: []StageID{2}, Others: []Unit{{3, 1}, {3, 0}}},
		{Name: "sink", Nodes: []frame.NodeID{1}},
		{Name: "count#2", Nodes: []frame.NodeID{1}, To: []StageID{2}, Others: []Unit{{1, 1}, {1, 0}}},
	}
	b, err := newBases(stages, 2, [][]Base{{source, {}}, {first, {}}, {{}, sink}, {{}, second}})
	if err != nil {
		t.Fatal(err)
	}
	b.register(0)
	b.register(1)
	return b
}

func at(base, prev frame.Tick) Base { return Base{Base: base, Prev: prev} }

// TestInstanceLeftBehind: an instance is left behind once the other's generation before lies beyond what it has executed, and restarts where the other would.
func TestInstanceLeftBehind(t *testing.T) {
	b := twinBases(t, at(5, 5), at(30, 20), at(10, 5), at(30, 20))
	b.units[3][1].executed = 20
	if b.leftBehind(0, nil) || b.leftBehind(1, nil) {
		t.Error("left behind at the other's generation before")
	}
	if b.units[3][1].executed = 19; !b.leftBehind(1, nil) || b.leftBehind(0, nil) {
		t.Error("not left behind, one tick before it")
	}
	if got := b.advance([]frame.NodeID{0}); len(got) > 0 {
		t.Errorf("the instance that is further restarts at %#v", got)
	}
	b.units[1][0].Base = at(40, 30)
	changes := b.advance([]frame.NodeID{0, 1})
	if want := []UnitBase{{Unit{3, 1}, at(40, 30)}}; !slices.Equal(changes, want) {
		t.Errorf("it restarts at %#v, want %#v", changes, want)
	}
	b.stages[3].Edges = []EdgeShape{{Policy: shuffle.Policy{Keep: shuffle.Persist}}}
	if b.leftBehind(1, nil) || len(b.advance([]frame.NodeID{1})) > 0 {
		t.Error("an instance leaves out what is to be persisted")
	}
	b.stages[3].Edges = nil
	b.stages[2].Others, b.units[2][0].Base = []Unit{{}, {2, 0}}, at(11, 11)
	b.stages[2].Edges = []EdgeShape{{Policy: shuffle.Policy{Keep: shuffle.Persist}}}
	if b.units[2][1].Base = at(10, 5); b.leftBehind(1, nil) {
		t.Error("a new life undoes what another unit has done that may leave nothing out")
	}
	if b.units[2][1].Base = at(11, 5); !b.leftBehind(1, nil) {
		t.Error("not left behind, and nothing is undone")
	}
	b.commit(changes)
	if b.register(1); b.leftBehind(1, nil) || b.units[3][1].restored != 40 {
		t.Errorf("it goes on from tick %d", b.units[3][1].restored)
	}
}

// TestInstanceHoldsMarks: while an instance has not come to the first of the open marks there are no more, so that the other's generation before may stay
// behind it for good.
func TestInstanceHoldsMarks(t *testing.T) {
	b := twinBases(t, at(5, 5), at(30, 5), at(5, 5), at(30, 5))
	b.units[3][1].executed = 19
	for _, s := range []struct {
		open   []frame.Tick
		behind bool
	}{
		{nil, false},
		{[]frame.Tick{30}, false},     // there may be another one
		{[]frame.Tick{20, 31}, false}, // the other is not there yet
		{[]frame.Tick{19, 30}, false},
		{[]frame.Tick{20, 30}, true},
	} {
		if b.leftBehind(1, s.open) != s.behind || b.leftBehind(0, s.open) {
			t.Errorf("open marks %v: want left behind %v", s.open, s.behind)
		}
	}
}

// TestCatchUpHoldsNothing: an instance that restarts where the other does lets what feeds it advance at once, and its own instances on the same node catch up
// with that.
func TestCatchUpHoldsNothing(t *testing.T) {
	both := []frame.NodeID{0, 1}
	other := func(s StageID) []Unit { return []Unit{{s, 1}, {s, 0}} }
	b, err := newBases([]StageShape{
		{Name: "first", Nodes: both[:1], To: []StageID{1, 3}, Others: other(2)},
		{Name: "then", Nodes: both[:1], Others: other(3)},
		{Name: "first#2", Nodes: both[1:], To: []StageID{1, 3}, Others: other(0)},
		{Name: "then#2", Nodes: both[1:], Others: other(1)},
	}, 2, [][]Base{{at(5, 3), {}}, {at(40, 30), {}}, {{}, at(5, 3)}, {{}, at(5, 3)}})
	if err != nil {
		t.Fatal(err)
	}
	b.register(0)
	b.units[0][0].executed, b.units[0][0].saved = 50, []savedImage{{30, 30}, {40, 40}}
	if got := b.advance(nil); len(got) > 0 {
		t.Errorf("%v, but the second instance of its consumer asks after 5", got)
	}
	want := []UnitBase{{Unit{0, 0}, at(40, 5)}, {Unit{2, 1}, at(40, 5)}, {Unit{3, 1}, at(40, 30)}}
	if got := b.advance(both[1:]); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestInstancesAreTrimmedTogether: an image serves both instances, so none goes that one of them may restart at.
func TestInstancesAreTrimmedTogether(t *testing.T) {
	b := twinBases(t, at(5, 5), at(30, 20), at(10, 5), at(30, 20))
	if n := b.needs(); n[1][0] != 5 || n[3][1] != 5 {
		t.Errorf("trimmed to %d and %d, want 5", n[1][0], n[3][1])
	}
	b.units[0][0].executed, b.units[0][0].saved = 30, []savedImage{{10, 10}, {20, 20}}
	if got, want := b.advance(nil), []UnitBase{{Unit{0, 0}, at(10, 5)}}; !slices.Equal(got, want) {
		t.Errorf("what feeds them advances to %#v, want the base of the slower, %#v", got, want)
	}
}
