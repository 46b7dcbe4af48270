package simtest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/bench/flights"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// How many schedules with crashes a test run has unless STREAMSCOPE_SEEDS says another number.
const (
	crashSeeds  = 200
	flightSeeds = 60
)

// TestSeedsCrashCount kills workers at any step, also while they come back, and wants every row counted once.
func TestSeedsCrashCount(t *testing.T) {
	crashes, steps, n, first := 0, 0, seeds(t, crashSeeds), firstSeed(t)
	for seed := first; seed < first+n; seed++ {
		r, err := countThroughCrashes(t, seed)
		if err != nil {
			t.Fatalf("%v\n%s", err, repeat(t, seed))
		}
		crashes += r.Crashes
		steps += r.Steps
	}
	t.Logf("%d crashes, %d steps on average", crashes, steps/int(n))
	if uint64(crashes) < n {
		t.Errorf("%d crashes in %d seeds: too few to mean anything", crashes, n)
	}
}

// deaths draws up to six deaths of workers or of all, and disks that fail now and then.
func deaths(rng *rand.Rand, every, nodes int, out *vertextest.MemoryOutput) *Faults {
	some := [][]Kind{{Crash}, {Crash, Crash, Crash, CrashAll}, {Crash, CrashAll}}[rng.IntN(3)]
	return &Faults{
		Plan: DrawFaults(rng, some, 1+rng.IntN(6), every<<rng.IntN(6), nodes), Flaky: []int{0, 3, 50}[rng.IntN(3)],
		SnapshotIntervalNs: 1000 << rng.IntN(12), Output: out,
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
	l := Degenerate(rng)
	r, err := Run(Config{Seed: seed, Limits: l, Plan: p, MaxSteps: 5_000_000, Faults: deaths(rng, 200, l.Nodes, out)})
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

// outputSink is a job.Sink whose output survives the processes.
type outputSink struct {
	memorySink
	out     *vertextest.MemoryOutput
	appends bool // M20
}

func (o *outputSink) Open(s *batch.Schema, resume []byte, wake func()) (vertex.Sink, error) {
	if o.out.Rows == nil {
		o.out.Rows = batch.NewBuilder(s)
	}
	if o.appends && resume != nil {
		resume = binary.LittleEndian.AppendUint64(nil, uint64(o.out.Rows.Len()))
	}
	return o.out.Open(resume, wake)
}

// TestSeedsCrashFlights: joins, windows, lookups and an ordered sink, over workers that die. The result is the naive one, in order.
func TestSeedsCrashFlights(t *testing.T) {
	in, err := firstRows()
	if err != nil {
		t.Fatal(err)
	}
	want := naive(in)
	table, err := flights.Airports("")
	if err != nil {
		t.Fatal(err)
	}
	crashes, n, first := 0, seeds(t, flightSeeds), firstSeed(t)
	for seed := first; seed < first+n; seed++ {
		rng := rand.New(rand.NewPCG(seed, 7))
		src := &vertextest.MemorySource{Rows: []*batch.Batch{in}, MaxRead: 1 + rng.IntN(500), Stutter: 2 + rng.IntN(5)}
		sink := &outputSink{out: &vertextest.MemoryOutput{Stutter: 3}}
		g, err := flights.Define(src, table, sink)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Build(g, plan.Options{Tasks: 1 + rng.IntN(8), Fuse: rng.IntN(4) > 0})
		if err != nil {
			t.Fatal(err)
		}
		l := Degenerate(rng)
		r, err := Run(Config{Seed: seed, Limits: l, Plan: p.Runtime, MaxSteps: 20_000_000, Faults: deaths(rng, 500, l.Nodes, sink.out)})
		if err != nil {
			t.Fatalf("%v\n%s", err, repeat(t, seed))
		}
		got, err := resultLines(sink.out.Rows.View())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %d rows after %d crashes, want %d:\n%s\n%s", seed, len(got), r.Crashes, len(want), firstDifference(got, want), repeat(t, seed))
		}
		crashes += r.Crashes
	}
	t.Logf("%d crashes", crashes)
	if uint64(crashes) < n {
		t.Errorf("%d crashes in %d seeds: too few to mean anything", crashes, n)
	}
}
