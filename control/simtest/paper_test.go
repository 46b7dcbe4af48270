package simtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
	"github.com/streamscope/streamscope/vertex/ops"
	"github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// What the StreamScope paper claims of clusters, each claim a test. vertex/runtime has those about one vertex, its stream and its snapshots.

// paperCount runs the keyed count of a seed on three nodes and compares. change may alter the plan.
func paperCount(t *testing.T, seed uint64, f *Faults, change func(*runtime.Plan)) Result {
	t.Helper()
	p, _, want, err := countPlan(rand.New(rand.NewPCG(seed, 30)))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(p)
	}
	f.Output = vertextest.NewMemoryOutput(p.Stages[2].Ops[0].Schema)
	p.Stages[2].Sink = func(position []byte, wake func()) (vertex.Sink, error) { return f.Output.Open(position, wake) }
	l := Degenerate(rand.New(rand.NewPCG(seed, 31)))
	l.Nodes, l.Schedule = 3, runtime.Schedule{Bytes: 512}
	r, err := Run(Config{Seed: seed, Limits: l, Plan: p, MaxSteps: randomSteps, Faults: f})
	if err != nil {
		t.Fatal(err)
	}
	got := f.Output.Rows.View()
	var rows []string
	for i := range got.N {
		rows = append(rows, fmt.Sprint(got.Vs[i], got.Ve[i], got.Cols[0].Int64s()[i], got.Cols[1].Int64s()[i]))
	}
	if slices.Sort(rows); !f.Output.Finished || !slices.Equal(rows, want) {
		t.Fatalf("seed %d: got %d rows, want %d: %s", seed, len(rows), len(want), firstDifference(rows, want))
	}
	return r
}

func deathOf(node frame.NodeID, step int) []Fault {
	return []Fault{{Step: step, Kind: Crash, Node: node}}
}

// Uniqueness: each sequence number has one value, whoever writes it and however often: here lives that were lost, their successors, and lives
// that go on beside their successors. The registry of the simulator compares what they close.
func TestPaperUniqueness(t *testing.T) {
	again := 0
	for seed := range uint64(10) {
		faults := []Fault{{Step: 900, Kind: Zombie, Node: 0, Length: 2000}, {Step: 2500, Kind: Crash, Node: 1}, {Step: 4000, Kind: Zombie, Node: 2, Length: 500}}
		again += paperCount(t, seed, &Faults{Plan: faults, SnapshotIntervalNs: 200_000}, nil).Again
	}
	if again == 0 {
		t.Error("nothing was written twice")
	}
}

// Reliability: what was written is read, at its place, whatever is lost: here every process of the cluster, several times.
func TestPaperReliability(t *testing.T) {
	lost := 0
	for seed := range uint64(10) {
		faults := []Fault{{Step: 1000, Kind: CrashAll}, {Step: 3000, Kind: CrashAll}, {Step: 4000, Kind: CrashAll}}
		lost += paperCount(t, seed, &Faults{Plan: faults, SnapshotIntervalNs: 200_000}, nil).Happened[CrashAll]
	}
	if lost < 15 {
		t.Errorf("the cluster was lost %d times: too few", lost)
	}
}

// Upstream and downstream are decoupled: a worker is lost and replaced, and no other restarts.
func TestPaperUpAndDownstreamDecoupled(t *testing.T) {
	for victim := range frame.NodeID(3) {
		r := paperCount(t, uint64(victim), &Faults{Plan: deathOf(victim, 1500), SnapshotIntervalNs: 200_000}, nil)
		for n, life := range r.Lives {
			want := frame.Incarnation(1)
			if frame.NodeID(n) == victim {
				want = 2
			}
			if life != want {
				t.Errorf("worker %d is lost: worker %d has life %d, want %d", victim, n, life, want)
			}
		}
	}
}

// Recovery by replication: copies of streams at other nodes serve a new life at once.
func TestPaperReplicationRecovery(t *testing.T) {
	served := uint64(0)
	for seed := range uint64(10) {
		r := paperCount(t, seed, &Faults{Plan: deathOf(frame.NodeID(seed%3), 2500), SnapshotIntervalNs: 1 << 40}, func(p *runtime.Plan) {
			for i := range p.Edges {
				p.Edges[i].Policy = shuffle.Policy{Keep: shuffle.Replicate, Copies: 2}
			}
		})
		served += r.Served
	}
	if served == 0 {
		t.Error("no tick was had from a copy")
	}
}

// Recomputation along dependencies: streams are written off the critical path, and what nobody holds any more when a new life asks for it is
// computed again, from images and journals, by whoever wrote it and by all it depends on.
func TestPaperRecomputation(t *testing.T) {
	var sum Result
	for seed := range uint64(10) {
		r := paperCount(t, seed, &Faults{Plan: deathOf(frame.NodeID(seed%3), 2500), SnapshotIntervalNs: 200_000}, dropAll)
		sum.Dropped += r.Dropped
		sum.Shadows += r.Shadows
		sum.Asked += r.Asked
	}
	if sum.Dropped == 0 || sum.Shadows+sum.Asked == 0 {
		t.Errorf("%d early drops, %d shadow runs, %d replacements: nothing was computed again", sum.Dropped, sum.Shadows, sum.Asked)
	}
}

// Persistent streams: what an edge has carried is in a store of its own, every tick once, whatever is lost; it is compared with what the channels closed.
func TestPaperPersistentStreams(t *testing.T) {
	var crashes int
	var persisted uint64
	for seed := range uint64(10) {
		r := paperCount(t, seed, &Faults{Plan: deathOf(frame.NodeID(seed%3), 2500), SnapshotIntervalNs: 100_000}, func(p *runtime.Plan) {
			for i := range p.Edges {
				p.Edges[i].Policy = shuffle.Policy{Keep: shuffle.Persist}
			}
		})
		crashes += r.Crashes
		persisted += r.Persisted
	}
	if crashes < 5 || persisted == 0 {
		t.Errorf("%d losses, %d rows persisted: too few", crashes, persisted)
	}
}

// Hybrids: each stage and each edge recovers in its own way, in one job.
func TestPaperHybridRecovery(t *testing.T) {
	crashes := 0
	policies := []shuffle.Policy{{Keep: shuffle.Retain}, {Keep: shuffle.Recompute}, {Keep: shuffle.Replicate, Copies: 1}, {Keep: shuffle.Persist}}
	for seed := range uint64(16) {
		r := paperCount(t, seed, &Faults{Plan: deathOf(frame.NodeID(seed%3), 2500), SnapshotIntervalNs: 50_000}, func(p *runtime.Plan) {
			if seed%3 == 0 {
				p.Stages[1].Strategy = runtime.Replay
			}
			p.Edges[0].Policy, p.Edges[1].Policy = policies[seed%4], policies[seed/4]
		})
		crashes += r.Crashes
	}
	if crashes < 8 {
		t.Errorf("%d losses: too few", crashes)
	}
}

// Several instances at once, the first output wins: one hardly gets on, and another is lost, and what comes first is right whichever it is of.
func TestPaperFirstOfSeveralInstancesWins(t *testing.T) {
	crashes := 0
	for seed := range uint64(10) {
		slow := frame.NodeID(seed % 3)
		faults := append(deathOf((slow+1)%3, 2500), Fault{Step: 500, Kind: Lag, Node: slow, Length: 20_000, Pick: 1})
		r := paperCount(t, seed, &Faults{Plan: faults, SnapshotIntervalNs: 50_000}, func(p *runtime.Plan) { p.Twin(1) })
		crashes += r.Crashes
	}
	if crashes == 0 {
		t.Error("no instance was lost")
	}
}

// stateless is a window that nobody may ask for its state.
type stateless struct{ *ops.Window }

func (stateless) GetSnapshot(vertex.SnapshotWriter) error {
	return errors.New("a snapshot of a stage that replays")
}

func (s stateless) Image(w vertex.SnapshotWriter) ([]state.Part, error) { return nil, s.GetSnapshot(w) }

// Recovery by replay: where state hangs on a short window of the input, there are no checkpoints of it, and a new life reads the window again.
func TestPaperReplayRecovery(t *testing.T) {
	crashes := 0
	for seed := range uint64(10) {
		r := paperCount(t, seed, &Faults{Plan: deathOf(frame.NodeID(seed%3), 2500), SnapshotIntervalNs: 50_000}, func(p *runtime.Plan) {
			p.Stages[1].Strategy = runtime.Replay
			op := &p.Stages[1].Ops[0]
			window := op.New
			op.New = func(env runtime.Env) (vertex.Vertex, error) {
				v, err := window(env)
				if err != nil {
					return nil, err
				}
				return stateless{v.(*ops.Window)}, nil
			}
		})
		crashes += r.Crashes
	}
	if crashes < 5 {
		t.Errorf("%d losses: too few", crashes)
	}
}

// Low-water marks: what no recovery can need any more is given back. When faults are over, all bases pass what was marked then, and journals
// and images are trimmed to them (Sim.settle fails otherwise).
func TestPaperLowWaterMarks(t *testing.T) {
	settled := 0
	for seed := range uint64(40) {
		rr := &randomRun{seed: seed, class: small}
		r, _, err := rr.do()
		if err != nil {
			t.Fatal(err)
		}
		if r.Settled {
			settled++
		}
	}
	if settled < 5 {
		t.Errorf("%d of 40 runs were looked at: too few", settled)
	}
}

// Inputs are merged in a deterministic order: two sources on different nodes, a union, and an output that is not sorted. It is the same to the
// row in every interleaving, with faults and without.
func TestPaperDeterministicMergeOfInputs(t *testing.T) {
	var want []string
	for seed := range uint64(20) {
		out := vertextest.NewMemoryOutput(countInput)
		p := mergePlan(out)
		l := Degenerate(rand.New(rand.NewPCG(seed, 32)))
		l.Nodes, l.Schedule = 2, runtime.Schedule{Bytes: 64}
		f := &Faults{SnapshotIntervalNs: 100_000, Output: out}
		if seed%2 == 1 {
			f.Plan = DrawFaults(rand.New(rand.NewPCG(seed, 33)), []Kind{Crash, Reset, Cut, Slow}, 5, 300, l.Nodes)
		}
		if _, err := Run(Config{Seed: seed, Limits: l, Plan: p, MaxSteps: randomSteps, Faults: f}); err != nil {
			t.Fatal(err)
		}
		var got []string
		rows := out.Rows.View()
		for i := range rows.N {
			got = append(got, fmt.Sprint(rows.Vs[i], rows.Cols[0].Int64s()[i]))
		}
		if want == nil {
			want = got
		}
		if err := compareLines(got, want); err != nil || len(got) != 600 || slices.IsSorted(got) {
			t.Fatalf("seed %d: %d rows, want 600, in the order of seed 0: %v", seed, len(got), err)
		}
	}
}

// mergePlan is two source stages with one task each, and one that writes what comes from both.
func mergePlan(out *vertextest.MemoryOutput) *runtime.Plan {
	rng := rand.New(rand.NewPCG(1, 34))
	p := &runtime.Plan{Job: "merge"}
	for i := range 2 {
		b := batch.NewBuilder(countInput)
		for vs := range int64(300) {
			b.AppendTime(vs, 0, 0)
			b.Cols[0].AppendInt64(rng.Int64N(1000))
		}
		name := fmt.Sprint("source", i)
		p.Stages = append(p.Stages, runtime.Stage{
			Name: name, SourceName: name, Tasks: 1, FirstTask: frame.TaskID(i), Source: &vertextest.MemorySource{Rows: []*batch.Batch{b.View()}, MaxRead: 20, Stutter: 3},
		})
		p.Edges = append(p.Edges, runtime.Edge{ID: frame.EdgeID(i), From: i, FromOp: runtime.OpSource, To: 2, Schema: countInput})
	}
	p.Stages = append(p.Stages, runtime.Stage{
		Name: "sink", Tasks: 1, FirstTask: 2,
		Ops: []runtime.Op{{Name: "sink", Schema: countInput, Inputs: []runtime.Input{{Kind: runtime.FromEdge, Index: 0}, {Kind: runtime.FromEdge, Index: 1}},
			New: func(runtime.Env) (vertex.Vertex, error) { return pass{countInput}, nil }}},
		Sink: func(position []byte, wake func()) (vertex.Sink, error) { return out.Open(position, wake) },
	})
	return p
}

// A finite run and a live one of the same job give the same: ticks by bytes, as fast as rows can be read, and ticks by time.
func TestPaperOfflineEqualsLive(t *testing.T) {
	for seed := range uint64(30) {
		var lines [2][]string
		for i, schedule := range []runtime.Schedule{{Bytes: 256}, {Length: 20 * time.Microsecond, StartNs: startNs}} {
			rng := rand.New(rand.NewPCG(seed, 35))
			g, err := planGraph(seed, rng, small)
			if err != nil {
				t.Fatal(err)
			}
			l := Degenerate(rng)
			l.Schedule = schedule
			if _, err := Run(Config{Seed: seed, Limits: l, Plan: g.plan, MaxSteps: randomSteps, Lateness: lateness}); err != nil {
				t.Fatal(err)
			}
			lines[i] = g.lines()
		}
		if err := compareLines(lines[1], lines[0]); err != nil {
			t.Errorf("seed %d: by time and by bytes: %v", seed, err)
		}
	}
}

// Events have lifetimes, and joins are defined on them: a pair is valid in the intersection of its events' lifetimes. Compared with a loop over
// all pairs, through losses of workers.
func TestPaperTemporalLifetimes(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 36))
		var rows [2]*batch.Batch
		var sources [2]*vertextest.MemorySource
		for i := range rows {
			b := batch.NewBuilder(graphSchema)
			for vs := range int64(150) {
				b.AppendTime(vs, 0, 0)
				b.Cols[0].AppendInt64(rng.Int64N(5))
				b.Cols[1].AppendInt64(vs)
			}
			rows[i] = b.View()
			sources[i] = &vertextest.MemorySource{Rows: rows[i : i+1], MaxRead: 10, Stutter: 3}
		}
		lives := [2]int64{7, 12}
		var want []string
		for i := range rows[0].N {
			for k := range rows[1].N {
				vs, ve := max(rows[0].Vs[i], rows[1].Vs[k]), min(rows[0].Vs[i]+lives[0], rows[1].Vs[k]+lives[1])
				if key := rows[0].Cols[0].Int64s()[i]; key == rows[1].Cols[0].Int64s()[k] && vs < ve {
					want = append(want, fmt.Sprint(vs, ve, key, rows[1].Cols[1].Int64s()[k]))
				}
			}
		}
		j := job.New("lifetimes")
		var in [2]job.Stream
		for i := range in {
			life := job.Lifetime{Duration: expr.Duration(time.Duration(lives[i]) * time.Microsecond)}
			in[i] = j.Source(fmt.Sprint("source", i), sources[i]).AlterLifetime(fmt.Sprint("lifetime", i), life)
		}
		g := &graphRun{out: &vertextest.MemoryOutput{Stutter: 3}}
		j.OrderedSink("sink", in[0].Join("join", in[1], job.On("key"), job.Take(job.Left("key"), job.Right("val"))), job.OrderBy("key", "val"), &outputSink{out: g.out})
		built, err := j.Build()
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Build(built, plan.Options{Tasks: 3, Fuse: true})
		if err != nil {
			t.Fatal(err)
		}
		l := Degenerate(rng)
		l.Nodes = 2
		f := &Faults{Plan: deathOf(frame.NodeID(seed%2), 800), SnapshotIntervalNs: 100_000, Output: g.out}
		if _, err := Run(Config{Seed: seed, Limits: l, Plan: p.Runtime, MaxSteps: randomSteps, Faults: f}); err != nil {
			t.Fatal(err)
		}
		got := g.lines()
		slices.Sort(got)
		slices.Sort(want)
		if err := compareLines(got, want); err != nil || len(want) < 100 {
			t.Errorf("seed %d: %d pairs wanted: %v", seed, len(want), err)
		}
	}
}
