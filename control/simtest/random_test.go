package simtest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/vertex/runtime"
)

const randomRows = 300

// TestSeedsRandomCalm runs random graphs over whole clusters, and wants what one node gives.
func TestSeedsRandomCalm(t *testing.T) {
	total, n, first := 0, seeds(t, 60), firstSeed(t)
	for seed := first; seed < first+n; seed++ {
		want, err := calmLines(seed, large)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 13))
		g, err := planGraph(seed, rng, large)
		if err != nil {
			t.Fatal(err)
		}
		l := Degenerate(rng)
		drawTwins(rand.New(rand.NewPCG(seed, 16)), g.planned, l.Nodes)
		r, err := Run(Config{Seed: seed, Limits: l, Plan: g.plan, MaxSteps: 5_000_000, Lateness: lateness})
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

// randomRun is a run of a random graph under random faults. It can be made again with other faults and fewer rows.
type randomRun struct {
	seed   uint64
	class  class
	faults []Fault // nil: those of the seed
	broken Canary
	as     Canary // drawn as for this one; empty: for broken
	steps  int    // at most; 0: randomSteps

	plan *runtime.Plan // of the last run
}

// randomSteps is far more than any run takes that comes to an end.
const randomSteps = 6_000_000

// do runs it, compares, and returns the faults there were.
func (rr *randomRun) do() (Result, []Fault, error) {
	want, err := calmLines(rr.seed, rr.class)
	if err != nil {
		return Result{}, nil, err
	}
	rng := rand.New(rand.NewPCG(rr.seed, 14))
	g, err := planGraph(rr.seed, rng, rr.class)
	if err != nil {
		return Result{}, nil, err
	}
	as := cmp.Or(rr.as, rr.broken)
	rr.plan, g.sink.appends = g.plan, rr.broken == M20
	whole := as == "" && rr.class.plan == nil
	if rr.class.plan != nil {
		rr.class.plan(g.plan)
	}
	l, f := rr.class.draw(rng)
	as.prepare(rand.New(rand.NewPCG(rr.seed, 19)), g.plan, &l, f)
	if (whole || as == EarlyImage) && f.ImagePeers == 0 {
		drawPersist(rand.New(rand.NewPCG(rr.seed, 17)), g.plan)
	}
	if (whole || as == M01b) && f.ImagePeers == 0 {
		drawTwins(rand.New(rand.NewPCG(rr.seed, 16)), g.planned, l.Nodes)
	}
	if whole || as == LostInput {
		drawTapes(rand.New(rand.NewPCG(rr.seed, 18)), g.plan, as == LostInput)
	}
	f.Output = g.out
	if l.Schedule.Length > 0 { // ticks go by although nothing is read any more
		g.end.shut, g.end.all, f.Settled = true, rng.IntN(2) == 0, g.end.open
	}
	if as == "" || as.aboutManagers() {
		f.Plan = DrawManagers(rand.New(rand.NewPCG(rr.seed, 15)), f.Plan, l.Nodes)
	}
	if rr.faults != nil {
		f.Plan = rr.faults
	}
	r, err := Run(Config{Seed: rr.seed, Limits: l, Plan: g.plan, MaxSteps: cmp.Or(rr.steps, randomSteps), Lateness: lateness, Faults: f, Broken: rr.broken})
	switch {
	case err != nil && r.Damaged && strings.Contains(err.Error(), "none before it is kept"):
		return r, f.Plan, nil // told in words
	case err == nil && !g.out.Finished:
		err = errors.New("the output is not finished")
	case err == nil:
		err = errors.Join(compareLines(g.lines(), want), g.compareCounts(r))
	}
	if err != nil {
		err = fmt.Errorf("seed %d: %w", rr.seed, err)
	}
	return r, f.Plan, err
}

// drawLarge draws limits and faults of a run.
func drawLarge(rng *rand.Rand) (Limits, *Faults) {
	l := Degenerate(rng)
	l.Nodes = 1 + rng.IntN(4)
	l.Admission.Bytes = 1 + rng.IntN(8<<10)
	if l.Schedule.Length == 0 {
		l.Schedule.Bytes = 64 << rng.IntN(6)
	}
	return l, &Faults{
		Plan:  DrawFaults(rng, DrawKinds(rng), 1+rng.IntN(12), 50<<rng.IntN(5), l.Nodes),
		Flaky: []int{0, 3, 50}[rng.IntN(3)], SnapshotIntervalNs: 1000 << rng.IntN(10), LeaseNs: []int64{0, 2e6}[rng.IntN(2)],
	}
}

// TestSeedsRandom runs random graphs under random faults of random kinds, and wants what one node gives in peace.
func TestSeedsRandom(t *testing.T) {
	n, first := seeds(t, 100), firstSeed(t)
	var sum Result
	var steps []int
	for seed := first; seed < first+n; seed++ {
		r := (&randomRun{seed: seed, class: large}).must(t)
		sum.Crashes += r.Crashes
		sum.Zombies += r.Zombies
		sum.Dropped += r.Dropped
		sum.Asked += r.Asked
		sum.Shadows += r.Shadows
		sum.Served += r.Served
		sum.Persisted += r.Persisted
		sum.Here += r.Here
		sum.Adopted += r.Adopted
		sum.Fenced += r.Fenced
		sum.Late += r.Late
		steps = append(steps, r.Steps)
	}
	slices.Sort(steps)
	t.Logf("%d seeds, %d steps in the median, %d losses of workers, %d zombies, %d early drops, %d shadow runs for them, %d replacements instead, %d ticks had from copies, %d closed again within nodes, %d rows persisted, %d workers adopted, %d transactions fenced, %d commands of managers before", n, median(steps),
		sum.Crashes, sum.Zombies, sum.Dropped, sum.Shadows, sum.Asked, sum.Served, sum.Here, sum.Persisted, sum.Adopted, sum.Fenced, sum.Late)
	if n >= 50 && (sum.Served == 0 || sum.Persisted == 0) {
		t.Error("no life was served from copies, or nothing was persisted")
	}
	if n >= 50 && (sum.Adopted == 0 || sum.Fenced == 0 || sum.Late == 0) {
		t.Error("no worker was adopted, or no manager that had a successor did anything")
	}
	if n >= 50 && sum.Here == 0 {
		t.Error("no tick within a node was closed again, and compared")
	}
	if n >= 50 && sum.Shadows == 0 {
		t.Error("nobody asked for what was dropped early, or it was never made again beside the node")
	}
	if uint64(sum.Crashes) < n {
		t.Errorf("%d crashes in %d seeds: too few to mean anything", sum.Crashes, n)
	}
}

// firstSeed is STREAMSCOPE_SEED, to begin elsewhere than at 0.
func firstSeed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("STREAMSCOPE_SEED")
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("STREAMSCOPE_SEED: %v", err)
	}
	return n
}

// repeat is the command that plays a seed of a test again.
func repeat(t *testing.T, seed uint64) string {
	return fmt.Sprintf("again: STREAMSCOPE_SEED=%d STREAMSCOPE_SEEDS=1 go test -v -run '^%s$' ./control/simtest", seed, t.Name())
}
