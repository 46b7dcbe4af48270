package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/vertex/runtime"
)

// small runs are over soon, so that there can be very many: two or three nodes of one core, and few rows in ticks of their own.
var small = class{rows: 24, sources: 2, splits: 2, ops: 3, tasks: 2, least: 20, seldom: 3, draw: drawSmall, endless: 400_000}

// drawSmall draws limits and faults of a small run. The first fault kills.
func drawSmall(rng *rand.Rand) (Limits, *Faults) {
	l := Degenerate(rng)
	l.Nodes, l.Cores = 2+rng.IntN(2), 1
	l.Admission = runtime.Admission{Ticks: 1 << rng.IntN(6), Bytes: 1 + rng.IntN(1<<10)}
	l.Schedule = runtime.Schedule{Bytes: 1 + rng.IntN(24)}
	if rng.IntN(4) == 0 {
		l.Schedule = runtime.Schedule{Length: time.Duration(5+rng.IntN(30)) * time.Microsecond, StartNs: startNs}
	}
	faults := DrawFaults(rng, DrawKinds(rng), 4+rng.IntN(5), 40<<rng.IntN(4), l.Nodes)
	if faults[0].Kind = Crash; rng.IntN(4) == 0 {
		faults[0].Kind = CrashAll
	}
	faults[0].Step += 100 // there is somebody by then
	slices.SortFunc(faults, func(a, b Fault) int { return a.Step - b.Step })
	return l, &Faults{
		Plan: faults, Flaky: []int{0, 0, 3, 50}[rng.IntN(4)], SnapshotIntervalNs: 1000 << rng.IntN(7), LeaseNs: []int64{0, 2e6}[rng.IntN(2)],
	}
}

// counts tells whether a schedule is large enough to count: at least 3 tasks in 2 stages, 20 ticks, a crash and 2 other faults, up to the end.
func counts(p *runtime.Plan, r Result) bool {
	tasks, ticks, faults := 0, uint64(0), 0
	for i := range p.Stages {
		tasks += p.Stages[i].Tasks
	}
	for _, s := range r.Stats {
		ticks = max(ticks, s.Ticks)
	}
	for _, n := range r.Happened {
		faults += n
	}
	return r.Outcome.OK() && len(p.Stages) >= 2 && tasks >= 3 && ticks >= 20 && faults >= 3 && r.Happened[Crash]+r.Happened[CrashAll] > 0
}

// TestSeedsSmall runs small random graphs under random faults, and wants what one node gives in peace.
func TestSeedsSmall(t *testing.T) {
	n, first := seeds(t, 400), firstSeed(t)
	var sum Result
	var steps []int
	for seed := first; seed < first+n; seed++ {
		rr := &randomRun{seed: seed, class: small}
		r := rr.must(t)
		if counts(rr.plan, r) {
			steps = append(steps, r.Steps)
		}
		sum.Crashes += r.Crashes
		sum.Adopted += r.Adopted
		sum.Fenced += r.Fenced
		for k, happened := range r.Happened {
			sum.Happened[k] += happened
		}
	}
	slices.Sort(steps)
	if n >= 20 && uint64(len(steps)) < n*3/4 {
		t.Fatalf("%d of %d schedules have 3 tasks in 2 stages, 20 ticks, a crash and 2 other faults: too few", len(steps), n)
	}
	t.Logf("%d schedules, %d of them count, of %d steps in the median; %d losses of workers; %d adopted, %d transactions fenced; %s", n, len(steps), median(steps), sum.Crashes, sum.Adopted, sum.Fenced, sum.told())
}

// median of sorted numbers; 0 if there are none.
func median(sorted []int) int {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// told are the faults that happened, by kind.
func (r *Result) told() string {
	var text []string
	for k, n := range r.Happened {
		text = append(text, fmt.Sprintf("%v %d", Kind(k), n))
	}
	return strings.Join(text, ", ")
}
