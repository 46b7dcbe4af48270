package simtest

import (
	"slices"

	"github.com/streamscope/streamscope/control"
)

// M01b is a canary of stages that are there twice.
const M01b Canary = "M01b: what feeds two instances is trimmed as the faster one needs it"

// twice tells whether stages are there twice.
func (s *Sim) twice() bool {
	return slices.ContainsFunc(s.shapes, func(shape control.StageShape) bool { return shape.Others != nil })
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
