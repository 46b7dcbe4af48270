package control

import (
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// Two units with the same tasks, as the strategy replica has them, restart, take images and trim each for itself. But the one that stays behind would
// hold what lies upstream of both: it goes on from the other's images then (PROTOCOL decision 5).

// mayCatchUp reports whether the units of a stage may leave ticks out: not if what they write is to be persisted, which is done by one of the instances.
func (b *bases) mayCatchUp(s StageID) bool {
	persisted := func(e EdgeShape) bool { return e.Policy.Keep == shuffle.Persist }
	return b.stages[s].Others != nil && !slices.ContainsFunc(b.stages[s].Edges, persisted)
}

// other is the unit with the other instances of a unit's tasks; nil: there is none.
func (b *bases) other(s StageID, n frame.NodeID) *unitState {
	if b.stages[s].Others == nil {
		return nil
	}
	u := b.stages[s].Others[n]
	return &b.units[u.Stage][u.Node]
}

// leftBehind reports whether a node has a unit that has not executed what the other instances have behind their base and the one before: about two intervals.
func (b *bases) leftBehind(node frame.NodeID) (behind bool) {
	b.on(node, func(s StageID, u *unitState) {
		behind = behind || b.mayCatchUp(s) && u.executed < b.other(s, node).Prev
	})
	return behind
}

// catchUp adds to changes that a node's units restart where the other instances of their tasks would, if that is further. Nobody asks these for more: they
// are read by the same consumers.
func (b *bases) catchUp(node frame.NodeID, changes []UnitBase) []UnitBase {
	d := draft{}
	for _, c := range changes {
		d[c.Unit] = c.Base
	}
	b.on(node, func(s StageID, _ *unitState) {
		if !b.mayCatchUp(s) {
			return
		}
		of := b.stages[s].Others[node]
		if other := b.at(d)(of.Stage, of.Node); other.Base > b.at(d)(s, node).Base {
			d[Unit{s, node}] = other
		}
	})
	return d.list()
}
