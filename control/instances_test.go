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
	if b.leftBehind(0) || b.leftBehind(1) {
		t.Error("left behind at the other's generation before")
	}
	if b.units[3][1].executed = 19; !b.leftBehind(1) || b.leftBehind(0) {
		t.Error("not left behind, one tick before it")
	}
	if got := b.catchUp(0, nil); len(got) > 0 {
		t.Errorf("the instance that is further restarts at %v", got)
	}
	changes := b.catchUp(1, []UnitBase{{Unit{1, 0}, at(40, 30)}})
	if want := []UnitBase{{Unit{1, 0}, at(40, 30)}, {Unit{3, 1}, at(40, 30)}}; !slices.Equal(changes, want) {
		t.Errorf("it restarts at %#v, want %#v", changes, want)
	}
	b.stages[3].Edges = []EdgeShape{{Policy: shuffle.Policy{Keep: shuffle.Persist}}}
	if b.leftBehind(1) || len(b.catchUp(1, nil)) > 0 {
		t.Error("an instance leaves out what is to be persisted")
	}
	b.commit(changes)
	if b.register(1); b.leftBehind(1) || b.units[3][1].restored != 40 {
		t.Errorf("it goes on from tick %d", b.units[3][1].restored)
	}
}

// TestInstancesAreTrimmedTogether: an image serves both instances, so none goes that one of them may restart at.
func TestInstancesAreTrimmedTogether(t *testing.T) {
	b := twinBases(t, at(5, 5), at(30, 20), at(10, 5), at(30, 20))
	if n := b.needs(); n[1][0] != 5 || n[3][1] != 5 {
		t.Errorf("trimmed to %d and %d, want 5", n[1][0], n[3][1])
	}
	b.units[0][0].executed, b.units[0][0].saved = 30, []savedImage{{10, 10}, {20, 20}}
	if got, want := b.advance(), []UnitBase{{Unit{0, 0}, at(10, 5)}}; !slices.Equal(got, want) {
		t.Errorf("what feeds them advances to %#v, want the base of the slower, %#v", got, want)
	}
}
