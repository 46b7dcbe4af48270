package simtest

import (
	"math/rand/v2"
	"testing"
)

const randomRows = 300

// TestSeedsRandomCalm runs random graphs over whole clusters, and wants what one node gives.
func TestSeedsRandomCalm(t *testing.T) {
	dir, total, n := t.TempDir(), 0, seeds(t, 60)
	for seed := range n {
		want, err := calmLines(seed, randomRows, dir)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 13))
		g, err := planGraph(seed, rng, randomRows)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Run(Config{Seed: seed, Limits: Degenerate(rng), Plan: g.plan, SpillDir: dir, MaxSteps: 5_000_000, Lateness: lateness})
		if err == nil {
			err = compareLines(g.lines(), want)
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		total += r.Steps
	}
	t.Logf("%d seeds, %d steps on average", n, total/int(n))
}
