package job_test

import (
	"slices"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
	"github.com/streamscope/streamscope/vertex/ops"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// heap is memory for state, from the Go heap.
type heap struct{}

func (heap) Alloc(size int) []byte { return make([]byte, size) }
func (heap) Free([]byte)           {}

// inputsOf are the schemas of a node's inputs.
func inputsOf(g *job.Graph, n *job.Node) []*batch.Schema {
	in := make([]*batch.Schema, len(n.Inputs))
	for port, id := range n.Inputs {
		in[port] = g.Nodes[id].Schema
	}
	return in
}

// verify runs a node's vertex in all shapes over random rows.
func verify(t *testing.T, g *job.Graph, n *job.Node, seed uint64) vertextest.Result {
	t.Helper()
	in := inputsOf(g, n)
	return vertextest.Verify(t, vertextest.Case{
		New: func() vertex.Vertex {
			v, err := n.Spec.New(in, job.Env{Pages: heap{}})
			if err != nil {
				t.Fatal(err)
			}
			return v
		},
		In: in, Out: n.Schema, Seed: seed, Ticks: vertextest.Random(seed, in, 4, 60, 5_000_000),
	})
}

// everyOperator is a job with one operator of each kind.
func everyOperator(t *testing.T) *job.Graph {
	t.Helper()
	second := expr.Duration(time.Second)
	j := job.New("all")
	s := j.Source("clicks", clicks())
	f := s.Filter("filter", expr.Col("user").Gt(expr.Int(0)))
	long := f.AlterLifetime("lifetime", job.Lifetime{Duration: second})
	p := long.Project("project", append(job.Keep("page", "user"), job.As("twice", expr.Col("ms").IsNull()))...)
	u := p.Union("union", p)
	w := u.Window("window", job.Hopping(2*time.Second, time.Second)).GroupBy("page").Aggregate(
		job.Count("n"), job.CountOf("users", expr.Col("user")), job.CountIf("none", expr.Col("twice").Not()),
		job.Max("most", expr.Col("user").Mod(expr.Int(100))), job.Min("least", expr.Col("user").Mod(expr.Int(100))),
		job.Sum("sum", expr.Col("user").Mod(expr.Int(100))), job.Avg("mean", expr.Col("user").Mod(expr.Int(100))))
	inner := w.Join("join", p, job.On("page"), job.Take(job.Left("page"), job.Right("user")))
	left := w.LeftJoin("left_join", p, job.On("page"), job.Take(job.Left("page"), job.Left("n"), job.Right("user")))
	near := inner.IntervalJoin("interval_join", left, job.Between(-time.Second, time.Second), job.On("page"), job.Take(job.Left("page"), job.Right("n")))
	j.OrderedSink("sink", near.Lookup("lookup", "page", pages("page"), job.LookupColumn{Name: "title", As: "t"}), job.OrderBy("page").Desc("n"), nowhere{})
	seen := &batch.Schema{Fields: []batch.Field{{Name: "user", Kind: batch.Int64}, {Name: "gap_us", Kind: batch.Int64}}}
	own := s.Project("users", job.Keep("user")...).ApplyKeyed("apply", []string{"user"}, seen, func(job.Env) (vertex.Vertex, error) {
		return &gaps{last: map[int64]int64{}}, nil
	})
	j.OrderedSink("own_sink", own, job.OrderBy("user"), nowhere{})
	j.OrderedSink("inner_sink", near.LookupInner("lookup_inner", "page", pages("page")), job.OrderBy(), nowhere{})
	g, err := j.Build()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestEveryOperatorKeepsTheContract(t *testing.T) {
	g := everyOperator(t)
	for _, n := range g.Nodes {
		if n.Source == nil {
			t.Run(n.Name, func(t *testing.T) { verify(t, g, n, uint64(n.ID)) })
		}
	}
}

// TestCopies checks what planners rely on: a column said to be a copy has the kind of its origin.
func TestCopies(t *testing.T) {
	g := everyOperator(t)
	copies := 0
	for _, n := range g.Nodes {
		if n.Source != nil {
			continue
		}
		in := inputsOf(g, n)
		for _, c := range n.Spec.Copies(in) {
			copies++
			from, to := in[c.Port].Index(c.From), n.Schema.Index(c.To)
			if from < 0 || to < 0 || in[c.Port].Fields[from].Kind != n.Schema.Fields[to].Kind {
				t.Errorf("%s: %+v is no copy", n.Name, c)
			}
		}
	}
	if copies == 0 {
		t.Error("no copies at all")
	}
}

// TestComputedArguments compares aggregates over expressions with aggregates over columns that a projection computed.
func TestComputedArguments(t *testing.T) {
	late, small := expr.Col("ms").Gt(expr.Int(0)), expr.Col("user").Mod(expr.Int(1000))
	build := func(s func(job.Stream) job.Stream, aggs ...job.Aggregate) *job.Graph {
		j := job.New("test")
		w := s(j.Source("clicks", clicks())).Window("w", job.Tumbling(time.Second)).GroupBy("page").Aggregate(aggs...)
		j.OrderedSink("sink", w, job.OrderBy(), nowhere{})
		g, err := j.Build()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	direct := build(func(s job.Stream) job.Stream { return s }, job.CountIf("n", late), job.Sum("s", small), job.Min("m", small))
	before := build(func(s job.Stream) job.Stream {
		return s.Project("p", append(job.Keep("page"), job.As("late", late), job.As("small", small))...)
	}, job.CountIf("n", expr.Col("late")), job.Sum("s", expr.Col("small")), job.Min("m", expr.Col("small")))

	ticks := vertextest.Random(7, []*batch.Schema{clicks().schema}, 5, 200, 3_000_000)
	got, want := emitted(t, direct, ticks), emitted(t, before, ticks)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// emitted runs the operators of a chain over ticks, up to its window.
func emitted(t *testing.T, g *job.Graph, ticks []vertextest.Tick) []string {
	t.Helper()
	rows := ticks
	var result vertextest.Result
	for _, n := range g.Nodes[1:] {
		if n.Sink != nil {
			break
		}
		in := inputsOf(g, n)
		result = vertextest.Verify(t, vertextest.Case{
			New: func() vertex.Vertex {
				v, err := n.Spec.New(in, job.Env{Pages: heap{}})
				if err != nil {
					t.Fatal(err)
				}
				return v
			},
			In: in, Out: n.Schema, Ticks: rows,
		})
		if n.Spec.Kind() == "project" {
			rows = projected(t, n, in, ticks)
		}
	}
	return result.Rows()
}

// projected gives the rows that a projection makes of ticks.
func projected(t *testing.T, n *job.Node, in []*batch.Schema, ticks []vertextest.Tick) []vertextest.Tick {
	t.Helper()
	out := make([]vertextest.Tick, len(ticks))
	for i, tick := range ticks {
		b := batch.NewBuilder(n.Schema)
		v, err := n.Spec.New(in, job.Env{Pages: heap{}})
		if err != nil {
			t.Fatal(err)
		}
		box := vertex.NewOutbox(n.Schema, 16, 1<<20, func(rows *batch.Builder) bool {
			v := rows.View()
			b.AppendBatch(v, 0, v.N)
			return true
		})
		if tick.Rows[0] != nil {
			if _, err := v.Execute(0, tick.Rows[0], box); err != nil {
				t.Fatal(err)
			}
		}
		box.Flush()
		out[i] = vertextest.Tick{Rows: []*batch.Batch{b.View()}, CTI: tick.CTI}
	}
	return out
}

// TestFolding checks that an aggregate over an expression still folds.
func TestFolding(t *testing.T) {
	g := everyOperator(t)
	for _, n := range g.Nodes {
		if n.Name != "window" {
			continue
		}
		v, err := n.Spec.New(inputsOf(g, n), job.Env{Pages: heap{}})
		if err != nil {
			t.Fatal(err)
		}
		f, ok := v.(ops.Folder)
		if !ok {
			t.Fatalf("%T does not fold", v)
		}
		rows := vertextest.Random(3, inputsOf(g, n), 1, 50, 1_000_000)[0].Rows[0]
		if err := f.Fold(1, 0, rows); err != nil {
			t.Fatal(err)
		}
		if err := f.Merge(1); err != nil {
			t.Fatal(err)
		}
		out := 0
		box := vertex.NewOutbox(n.Schema, 1024, 1<<20, func(rows *batch.Builder) bool { out += rows.Len(); return true })
		if _, done, err := v.Close(1<<62, box); err != nil || !done {
			t.Fatalf("done %t, %v", done, err)
		}
		box.Flush()
		if out == 0 {
			t.Error("nothing came of what was folded")
		}
	}
}
