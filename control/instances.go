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

// twin is the stage of the other instances of a stage's tasks.
func (b *bases) twin(s StageID) (StageID, bool) {
	if b.stages[s].Others == nil {
		return 0, false
	}
	return b.stages[s].Others[0].Stage, true
}

// leftBehind reports whether a node has a unit that the other instances have left behind by about two intervals: it has not executed what they have behind
// their base and the one before. Or, of the open marks, their base has come to the last, and it has not executed the first: no more marks are made while
// that is so, and their base may have passed both in one step. But a new life would undo what a unit has done since its base that may leave nothing out:
// if that lies so far behind as well, it holds all that the others hold, and is waited for.
func (b *bases) leftBehind(node frame.NodeID, open []frame.Tick) bool {
	behind, waits := false, false
	b.on(node, func(s StageID, u *unitState) {
		other := b.other(s, node)
		switch {
		case other == nil:
		case !b.mayCatchUp(s):
			waits = waits || u.Base.Base < other.Prev
		default:
			behind = behind || u.executed < other.Prev || len(open) == marksMax && other.Base.Base >= open[marksMax-1] && u.executed < open[0]
		}
	})
	return behind && !waits
}

// catchUp adds to a draft that the units of a stage on some nodes restart where the other instances of their tasks would, if that is further. Nobody asks these
// for more: they are read by the same consumers.
func (b *bases) catchUp(d draft, s StageID, nodes []frame.NodeID) {
	if !b.mayCatchUp(s) {
		return
	}
	for _, n := range nodes {
		if !b.units[s][n].exists {
			continue
		}
		of := b.stages[s].Others[n]
		if other := b.at(d)(of.Stage, of.Node); other.Base > b.at(d)(s, n).Base {
			d[Unit{s, n}] = other
		}
	}
}
