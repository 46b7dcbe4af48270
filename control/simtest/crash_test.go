package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// crashSeeds is how many schedules with crashes a test run has.
const crashSeeds = 300

// TestCrashesCount kills workers at any step, also while they come back, and wants every row counted once.
func TestCrashesCount(t *testing.T) {
	crashes, steps := 0, 0
	for seed := range uint64(crashSeeds) {
		r, err := countThroughCrashes(t, seed)
		if err != nil {
			t.Fatal(err)
		}
		crashes += r.Crashes
		steps += r.Steps
	}
	t.Logf("%d crashes, %d steps on average", crashes, steps/crashSeeds)
	if crashes < crashSeeds {
		t.Errorf("%d crashes in %d seeds: too few to mean anything", crashes, crashSeeds)
	}
}

func countThroughCrashes(t *testing.T, seed uint64) (Result, error) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 6))
	p, _, want, err := countPlan(rng)
	if err != nil {
		return Result{}, err
	}
	out := vertextest.NewMemoryOutput(p.Stages[2].Ops[0].Schema)
	out.Stutter = 3
	p.Stages[2].Sink = func(position []byte, wake func()) (vertex.Sink, error) { return out.Open(position, wake) }
	r, err := Run(Config{Seed: seed, Limits: Degenerate(rng), Plan: p, SpillDir: t.TempDir(), MaxSteps: 5_000_000, Faults: &Faults{
		Crashes: 1 + rng.IntN(6), Every: 200 << rng.IntN(6), SnapshotIntervalNs: 1000 << rng.IntN(10), Outputs: []*vertextest.MemoryOutput{out},
	}})
	if err != nil {
		return r, err
	}
	if !out.Finished {
		return r, fmt.Errorf("seed %d: the output is not finished", seed)
	}
	got := out.Rows.View()
	var rows []string
	for i := range got.N {
		rows = append(rows, fmt.Sprint(got.Vs[i], got.Ve[i], got.Cols[0].Int64s()[i], got.Cols[1].Int64s()[i]))
	}
	slices.Sort(rows)
	if !slices.Equal(rows, want) {
		return r, fmt.Errorf("seed %d (%d steps, %d crashes): got %d rows, want %d: %s", seed, r.Steps, r.Crashes, len(rows), len(want), firstDifference(rows, want))
	}
	return r, nil
}
