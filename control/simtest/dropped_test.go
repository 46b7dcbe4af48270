package simtest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// dropping are runs of two to four nodes that keep nothing for certain: every edge drops what its receiver has. The first deaths come when much was dropped.
var dropping = class{rows: 100, sources: 2, splits: 3, ops: 5, tasks: 5, least: 40, seldom: 4, draw: drawDropping, plan: dropAll, endless: 2_000_000}

func drawDropping(rng *rand.Rand) (Limits, *Faults) {
	l, f := drawLarge(rng)
	l.Nodes = 2 + rng.IntN(3)
	some := []Kind{Crash, Zombie, Reset, Cut, Slow, Lag, Starve, Stall}
	rng.Shuffle(len(some)-1, func(i, j int) { some[i+1], some[j+1] = some[j+1], some[i+1] })
	f.Plan = DrawFaults(rng, some[:1+rng.IntN(len(some))], 1+rng.IntN(6), 200<<rng.IntN(5), l.Nodes)
	f.Plan[0].Kind = Crash
	for i := range f.Plan {
		f.Plan[i].Step += 1000
	}
	return l, f
}

func dropAll(p *runtime.Plan) {
	for i := range p.Edges {
		p.Edges[i].Policy = shuffle.Policy{Keep: shuffle.Recompute}
	}
}

// TestSeedsDropped runs random graphs whose edges all drop early (I13, R7, R30): what is asked for is made again beside the tasks of who dropped it, who reads what it needs for
// that from others, who make again what they have dropped.
func TestSeedsDropped(t *testing.T) {
	n, first := seeds(t, 40), firstSeed(t)
	var sum Result
	var steps []int
	for seed := first; seed < first+n; seed++ {
		r := (&randomRun{seed: seed, class: dropping}).must(t)
		sum.Crashes += r.Crashes
		sum.Zombies += r.Zombies
		sum.Dropped += r.Dropped
		sum.Asked += r.Asked
		sum.Shadows += r.Shadows
		sum.Nested += r.Nested
		sum.Lanes += r.Lanes
		steps = append(steps, r.Steps)
	}
	slices.Sort(steps)
	t.Logf("%d seeds, %d steps in the median, %d losses of workers, %d zombies, %d early drops, %d shadow runs for them, %d times an edge of these for shadow runs of others, %d frames that such runs read, %d replacements instead",
		n, median(steps), sum.Crashes, sum.Zombies, sum.Dropped, sum.Shadows, sum.Nested, sum.Lanes, sum.Asked)
	if n >= 40 && (sum.Nested == 0 || sum.Lanes == 0 || sum.Asked > sum.Shadows/4) {
		t.Error("hardly any shadow run read from other nodes, or many nodes were replaced in place of one")
	}
}
