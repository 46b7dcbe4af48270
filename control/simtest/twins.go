package simtest

import (
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/shuffle"
)

// M01b is a canary of stages that are there twice.
const M01b Canary = "M01b: what feeds two instances is trimmed as the faster one needs it"

// twicePersisted tells whether a stage is there twice that may leave nothing out.
func (s *Sim) twicePersisted() bool {
	persisted := func(e control.EdgeShape) bool { return e.Policy.Keep == shuffle.Persist }
	return slices.ContainsFunc(s.shapes, func(shape control.StageShape) bool {
		return shape.Others != nil && slices.ContainsFunc(shape.Edges, persisted)
	})
}

// ofFaster are the needs without those of the slower of two instances (M01b).
func (s *Sim) ofFaster(needs control.Needs) control.Needs {
	wrong := make(control.Needs, len(needs))
	for p, shape := range s.shapes {
		wrong[p] = slices.Clone(needs[p])
		for _, n := range shape.Nodes {
			if shape.Others != nil {
				of := shape.Others[n]
				wrong[p][n] = max(s.stored.Bases[p][n].PrevAsk(), s.stored.Bases[of.Stage][of.Node].PrevAsk())
			}
		}
	}
	return wrong
}
