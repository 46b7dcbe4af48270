package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/ops"
	"github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

var countInput = &batch.Schema{Fields: []batch.Field{{Name: "key", Kind: batch.Int64}}}

// pass hands its rows on.
type pass struct{ schema *batch.Schema }

func (pass) Load(vertex.SnapshotReader) error        { return nil }
func (pass) GetSnapshot(vertex.SnapshotWriter) error { return nil }
func (pass) Execute(_ int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	for i := 0; i < rows.N; {
		n := min(out.Room(), rows.N-i)
		if n == 0 {
			return i, nil
		}
		out.Rows.AppendBatch(rows, i, i+n)
		i += n
	}
	return rows.N, nil
}
func (pass) Close(cti frame.CTI, _ *vertex.Outbox) (frame.CTI, bool, error) { return cti, true, nil }

// countPlan is source -> unordered edge -> windowed count by key -> sink, with the rows that it must give.
func countPlan(rng *rand.Rand) (*runtime.Plan, *[]*vertextest.MemorySink, []string, error) {
	const window = 50
	src := &vertextest.MemorySource{MaxRead: 1 + rng.IntN(200), Stutter: 2 + rng.IntN(3)}
	want := map[[2]int64]int64{}
	for range 1 + rng.IntN(3) {
		b := batch.NewBuilder(countInput)
		vs := int64(0)
		for range rng.IntN(1500) {
			vs += rng.Int64N(3)
			key := rng.Int64N(40)
			b.AppendTime(vs, 0, 0)
			b.Cols[0].AppendInt64(key)
			want[[2]int64{vs / window * window, key}]++
		}
		src.Rows = append(src.Rows, b.View())
	}
	cfg := ops.WindowConfig{Input: countInput, SizeUs: window, Keys: []int{0}, Aggregates: []ops.Aggregate{{Name: "n", Func: ops.Count, Column: -1}}}
	out, err := cfg.Output()
	if err != nil {
		return nil, nil, nil, err
	}
	sinks := &[]*vertextest.MemorySink{}
	tasks := 1 + rng.IntN(6)
	p := &runtime.Plan{
		Job: "count",
		Stages: []runtime.Stage{
			{Name: "source", SourceName: "source", Tasks: len(src.Rows), Source: src},
			{Name: "count", Tasks: tasks, FirstTask: frame.TaskID(len(src.Rows)), Ops: []runtime.Op{
				{Name: "count", Schema: out, Inputs: []runtime.Input{{Kind: runtime.FromEdge, Index: 0}},
					New: func(env runtime.Env) (vertex.Vertex, error) { return ops.NewWindow(cfg, env.Pages) }},
			}},
			{Name: "sink", Tasks: 1, FirstTask: frame.TaskID(len(src.Rows) + tasks), Ops: []runtime.Op{
				{Name: "sink", Schema: out, Inputs: []runtime.Input{{Kind: runtime.FromEdge, Index: 1}},
					New: func(runtime.Env) (vertex.Vertex, error) { return pass{out}, nil }},
			}, Sink: func(_ []byte, wake func()) (vertex.Sink, error) {
				*sinks = append(*sinks, vertextest.NewMemorySink(out, 3, wake))
				return (*sinks)[len(*sinks)-1], nil
			}},
		},
		Edges: []runtime.Edge{
			{ID: 0, From: 0, FromOp: runtime.OpSource, To: 1, Schema: countInput, Keys: []int{0}, Unordered: true},
			{ID: 1, From: 1, FromOp: 0, To: 2, Schema: out},
		},
	}
	var rows []string
	for k, n := range want {
		rows = append(rows, fmt.Sprint(k[0], k[0]+window, k[1], n))
	}
	slices.Sort(rows)
	return p, sinks, rows, nil
}

func TestCount(t *testing.T) {
	for seed := range uint64(200) {
		if err := count(t, seed, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// count runs the plan under a seed, with the sink's vertex replaced if broken is given, and compares.
func count(t *testing.T, seed uint64, broken func(*batch.Schema) vertex.Vertex) error {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	p, sinks, want, err := countPlan(rng)
	if err != nil {
		return err
	}
	if broken != nil {
		op := &p.Stages[2].Ops[0]
		op.New = func(runtime.Env) (vertex.Vertex, error) { return broken(op.Schema), nil }
	}
	r, err := Run(Config{Seed: seed, Limits: Degenerate(rng), Plan: p, MaxSteps: 3_000_000})
	if err != nil {
		return err
	}
	if len(*sinks) != 1 || !(*sinks)[0].Finished {
		return fmt.Errorf("seed %d: %d sinks", seed, len(*sinks))
	}
	got := (*sinks)[0].Rows.View()
	var rows []string
	for i := range got.N {
		rows = append(rows, fmt.Sprint(got.Vs[i], got.Ve[i], got.Cols[0].Int64s()[i], got.Cols[1].Int64s()[i]))
	}
	slices.Sort(rows)
	if !slices.Equal(rows, want) {
		return fmt.Errorf("seed %d (%d steps): got %d rows, want %d", seed, r.Steps, len(rows), len(want))
	}
	return nil
}

// cutter loses the last row of what it is given at once, if that is more than one: what it emits hangs on cuts.
type cutter struct{ pass }

func (c cutter) Execute(port int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	part := rows.Slice(0, max(1, rows.N-1))
	n, err := c.pass.Execute(port, &part, out)
	if n == part.N {
		n = rows.N
	}
	return n, err
}

// TestCanary: the comparison finds a vertex that is not deterministic.
func TestCanary(t *testing.T) {
	caught := 0
	for seed := range uint64(20) {
		if err := count(t, seed, func(s *batch.Schema) vertex.Vertex { return cutter{pass{s}} }); err != nil {
			caught++
		}
	}
	if caught == 0 {
		t.Fatal("a vertex that loses rows went through 20 seeds unnoticed")
	}
}
