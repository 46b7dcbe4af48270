package objective

import (
	"math"
	"testing"

	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

func TestImpossibleChoicesAreRefused(t *testing.T) {
	two := shuffle.Policy{Keep: shuffle.Replicate, Copies: 2}
	for name, c := range map[string]Choice{
		"no interval": {}, "interval": {IntervalNs: math.MaxInt64},
		"copies":   {IntervalNs: 1e9, Reliability: plan.Reliability{Policy: two}},
		"edge":     {IntervalNs: 1e9, Reliability: plan.Reliability{Edges: []plan.EdgePolicy{{Policy: two}}}},
		"strategy": {IntervalNs: 1e9, Reliability: plan.Reliability{Stages: []plan.StageStrategy{{Strategy: runtime.Replay + 1}}}},
	} {
		if c.Possible(2) {
			t.Errorf("%s: taken", name)
		}
	}
	if c := (&Choice{IntervalNs: 1e9, Reliability: plan.Reliability{Policy: two}}); !c.Possible(3) {
		t.Error("copies at two others of three nodes are possible")
	}
}
