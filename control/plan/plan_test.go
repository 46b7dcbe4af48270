package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// prunable is a source that can leave out columns.
type prunable struct {
	fakeSource
	err error
}

func (p *prunable) Prune(cols []string) (vertex.Source, error) {
	if p.err != nil {
		return nil, p.err
	}
	return &prunable{fakeSource: fakeSource{subset(p.schema, cols), p.splits}}, nil
}

func events() *batch.Schema {
	return &batch.Schema{Fields: []batch.Field{
		{Name: "unused", Kind: batch.String}, {Name: "page", Kind: batch.String}, {Name: "user", Kind: batch.Int64},
		{Name: "ms", Kind: batch.Int64}, {Name: "region", Kind: batch.Int64},
	}}
}

// counting is a job over events; change alters it before it is built.
func counting(t *testing.T, src vertex.Source, window time.Duration, keys ...string) *job.Graph {
	t.Helper()
	j := job.New("counting")
	s := j.Source("events", src).Filter("slow", expr.Col("ms").Gt(expr.Int(5)))
	w := s.Window("per_window", job.Tumbling(window)).GroupBy(keys...).Aggregate(job.Count("n"))
	j.OrderedSink("sink", w, job.OrderBy("n"), fakeSink{})
	g, err := j.Build()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func mustBuild(t *testing.T, g *job.Graph, o Options) *Plan {
	t.Helper()
	p, err := Build(g, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPruning(t *testing.T) {
	src := &prunable{fakeSource: fakeSource{events(), 1}}
	p := mustBuild(t, counting(t, src, time.Hour, "page", "region"), Options{Tasks: 2, Fuse: true})
	if got := columns(p.Nodes[0].Schema); !slices.Equal(got, []string{"page", "ms", "region"}) {
		t.Errorf("the source reads %v", got)
	}
	if got := columns(p.Nodes[1].Schema); !slices.Equal(got, []string{"page", "ms", "region"}) {
		t.Errorf("the filter emits %v", got)
	}
	keys := p.Runtime.Edges[0].Keys
	if !slices.Equal(keys, []int{0, 2}) {
		t.Errorf("keys %v of the pruned schema, want 0 and 2", keys)
	}
	src.err = errors.New("cannot")
	if _, err := Build(counting(t, src, time.Hour, "page"), Options{Tasks: 2}); err == nil || !strings.Contains(err.Error(), "counting: events: cannot") {
		t.Errorf("got %v", err)
	}
}

// TestApplyKeepsColumns checks that a user's vertex gets the columns that it was written for.
func TestApplyKeepsColumns(t *testing.T) {
	j := job.New("applied")
	s := j.Source("events", &prunable{fakeSource: fakeSource{events(), 1}})
	out := &batch.Schema{Fields: []batch.Field{{Name: "x", Kind: batch.Int64}}}
	a := s.ApplyKeyed("mine", []string{"user"}, out, func(job.Env) (vertex.Vertex, error) { return nil, errors.ErrUnsupported })
	j.OrderedSink("sink", a, job.OrderBy("x"), fakeSink{})
	g, err := j.Build()
	if err != nil {
		t.Fatal(err)
	}
	p := mustBuild(t, g, Options{Tasks: 2, Fuse: true})
	if !p.Nodes[0].Schema.Equal(events()) {
		t.Errorf("the source was pruned to %v", p.Nodes[0].Schema)
	}
}

func TestTasks(t *testing.T) {
	for _, c := range []struct{ splits, tasks, source int }{{1, 8, 1}, {3, 8, 3}, {20, 8, 8}, {0, 8, 1}} {
		p := mustBuild(t, counting(t, &fakeSource{events(), c.splits}, time.Hour, "page"), Options{Tasks: c.tasks, Fuse: true})
		if got := []int{p.TasksOf("events"), p.TasksOf("slow"), p.TasksOf("per_window"), p.TasksOf("sink"), p.TasksOf("none")}; !slices.Equal(got, []int{c.source, c.source, c.tasks, 1, 0}) {
			t.Errorf("%+v: tasks %v", c, got)
		}
		if got := p.Names(); !slices.Equal(got, []string{"events", "slow", "per_window", "sink"}) {
			t.Errorf("names %v", got)
		}
	}
	for _, tasks := range []int{0, -1, MaxTasks + 1} {
		if _, err := Build(counting(t, &fakeSource{events(), 1}, time.Hour, "page"), Options{Tasks: tasks}); err == nil {
			t.Errorf("%d tasks passed", tasks)
		}
	}
}

type noSplits struct{ fakeSource }

func (noSplits) Splits() ([]vertex.Split, error) { return nil, errors.New("flights.csv: no such file") }

func TestSplitsFail(t *testing.T) {
	_, err := Build(counting(t, &noSplits{fakeSource{events(), 1}}, time.Hour, "page"), Options{Tasks: 1})
	if err == nil || err.Error() != "counting.events: flights.csv: no such file" {
		t.Errorf("got %v", err)
	}
}

// TestFingerprint checks that everything that shapes a plan is in its fingerprint.
func TestFingerprint(t *testing.T) {
	src := func() vertex.Source { return &fakeSource{events(), 2} }
	base := Options{Tasks: 4, Fuse: true}
	print := func(g *job.Graph, o Options) uint64 { return Fingerprint(mustBuild(t, g, o)) }
	want := print(counting(t, src(), time.Hour, "page"), base)
	if again := print(counting(t, src(), time.Hour, "page"), base); again != want {
		t.Errorf("the same job has fingerprints %x and %x", want, again)
	}
	other := events()
	other.Fields[0].Kind = batch.Bytes
	for name, got := range map[string]uint64{
		"window":  print(counting(t, src(), time.Minute, "page"), base),
		"keys":    print(counting(t, src(), time.Hour, "user"), base),
		"tasks":   print(counting(t, src(), time.Hour, "page"), Options{Tasks: 5, Fuse: true}),
		"fusion":  print(counting(t, src(), time.Hour, "page"), Options{Tasks: 4}),
		"splits":  print(counting(t, &fakeSource{events(), 3}, time.Hour, "page"), base),
		"columns": print(counting(t, &fakeSource{other, 2}, time.Hour, "page"), base),
	} {
		if got == want {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
}

// Policies count for the fingerprint, and not for the shape.
func TestPolicies(t *testing.T) {
	build := func(r Reliability) *Plan {
		return mustBuild(t, counting(t, &fakeSource{events(), 2}, time.Hour, "page"), Options{Tasks: 4, Fuse: true, Reliability: r})
	}
	plain := build(Reliability{})
	first := plain.Runtime.Edges[0]
	from, to := plain.Runtime.Stages[first.From].Name, plain.Runtime.Stages[first.To].Name
	recompute, copied := shuffle.Policy{Keep: shuffle.Recompute}, shuffle.Policy{Keep: shuffle.Replicate, Copies: 2}
	all := build(Reliability{Policy: recompute})
	but := build(Reliability{Policy: recompute, Edges: []EdgePolicy{{from, to, shuffle.Policy{}}, {from, to, copied}}})
	for i := range plain.Runtime.Edges {
		if plain.Runtime.Edges[i].Policy != (shuffle.Policy{}) || all.Runtime.Edges[i].Policy != recompute {
			t.Errorf("edge %d: policies %v and %v", i, plain.Runtime.Edges[i].Policy, all.Runtime.Edges[i].Policy)
		}
	}
	if got := but.Runtime.Edges[0].Policy; got != copied {
		t.Errorf("edge %s->%s has policy %v, want %v", from, to, got, copied)
	}
	if Shape(plain) != Shape(but) || Fingerprint(plain) == Fingerprint(all) || Fingerprint(all) == Fingerprint(but) {
		t.Error("policies change the shape, or do not change the fingerprint")
	}
	_, err := Build(counting(t, &fakeSource{events(), 2}, time.Hour, "page"), Options{Tasks: 4, Fuse: true, Reliability: Reliability{
		Edges: []EdgePolicy{{to, from, recompute}}}})
	if want := fmt.Sprintf("there is no edge %s->%s, want one of: %s->%s", to, from, from, to); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// A window and operators without state may be replayed; sources, sinks and joins may not.
func TestStrategies(t *testing.T) {
	g := counting(t, &fakeSource{events(), 2}, time.Hour, "page")
	plain := mustBuild(t, g, Options{Tasks: 4, Fuse: true})
	replayed := 0
	for i := range plain.Runtime.Stages {
		st := &plain.Runtime.Stages[i]
		p, err := Build(g, Options{Tasks: 4, Fuse: true, Reliability: Reliability{Stages: []StageStrategy{{st.Name, runtime.Replay}}}})
		if plain.NotReplayed(i) != "" {
			if want := "leave it at checkpoint"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", st.Name, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		replayed++
		if p.Runtime.Stages[i].Strategy != runtime.Replay || Shape(p) != Shape(plain) || Fingerprint(p) == Fingerprint(plain) {
			t.Errorf("%s: strategy %v", st.Name, p.Runtime.Stages[i].Strategy)
		}
	}
	if replayed == 0 || replayed == len(plain.Runtime.Stages) {
		t.Errorf("%d of %d stages may be replayed", replayed, len(plain.Runtime.Stages))
	}
	_, err := Build(g, Options{Tasks: 4, Fuse: true, Reliability: Reliability{Stages: []StageStrategy{{"nobody", runtime.Checkpoint}}}})
	if want := "there is no stage nobody, want one of: " + plain.Runtime.Stages[0].Name; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestStagesTwice gives each stage the strategy replica, and takes it back.
func TestStagesTwice(t *testing.T) {
	g := counting(t, &fakeSource{events(), 2}, time.Hour, "page")
	plain := mustBuild(t, g, Options{Tasks: 4, Fuse: true})
	twice := 0
	for i := range plain.Runtime.Stages {
		st := &plain.Runtime.Stages[i]
		p, err := Build(g, Options{Tasks: 4, Fuse: true, Reliability: Reliability{Stages: []StageStrategy{{st.Name, runtime.Replica}}}})
		if st.Source != nil || st.Sink != nil {
			if want := "once; leave it at checkpoint"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", st.Name, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		twice++
		if n := len(p.Runtime.Stages); n != len(plain.Runtime.Stages)+1 || !p.Runtime.Stages[n-1].Second || Shape(p) == Shape(plain) {
			t.Errorf("%s: %d stages\n%s", st.Name, n, p.Explain())
		}
		again := Shape(p)
		if err := p.Apply(p.Options.Reliability); err != nil || Shape(p) != again {
			t.Errorf("%s: applied again: %v\n%s", st.Name, err, p.Explain())
		}
		if err := p.Apply(Reliability{Stages: []StageStrategy{{st.Name, runtime.Checkpoint}}}); err != nil || Fingerprint(p) != Fingerprint(plain) {
			t.Errorf("%s: taken back: %v\n%s", st.Name, err, p.Explain())
		}
	}
	if twice == 0 {
		t.Error("no stage may be there twice")
	}
}

// TestSharedEdge checks that keyed operators which need the same rows share one edge and stage, and a join on their keys too.
func TestSharedEdge(t *testing.T) {
	j := job.New("shared")
	s := j.Source("events", &fakeSource{events(), 1})
	a := s.Window("a", job.Tumbling(time.Hour)).GroupBy("page").Aggregate(job.Count("n"))
	b := s.Window("b", job.Tumbling(time.Hour)).GroupBy("page").Aggregate(job.Count("m"))
	other := s.Window("other", job.Tumbling(time.Hour)).GroupBy("user").Aggregate(job.Count("k"))
	j.OrderedSink("sink", a.Join("both", b, job.On("page")), job.OrderBy("page"), fakeSink{})
	j.OrderedSink("sink2", other, job.OrderBy("user"), fakeSink{})
	g, err := j.Build()
	if err != nil {
		t.Fatal(err)
	}
	p := mustBuild(t, g, Options{Tasks: 4, Fuse: true})
	if len(p.Runtime.Stages) != 5 || len(p.Runtime.Edges) != 4 {
		t.Errorf("%d stages and %d edges, want 5 and 4\n%s", len(p.Runtime.Stages), len(p.Runtime.Edges), p.Explain())
	}
	both := p.Runtime.Stages[p.stageOf[4]].Ops[p.opOf[4]]
	for _, in := range both.Inputs {
		if in.Kind != runtime.FromOp {
			t.Errorf("the join reads %+v\n%s", in, p.Explain())
		}
	}
}
