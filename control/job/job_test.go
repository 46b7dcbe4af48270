package job_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
)

// build makes a job of one stream that f derives, and returns its complaint.
func build(f func(j *job.Job, s job.Stream) job.Stream) error {
	j := job.New("test")
	j.OrderedSink("sink", f(j, j.Source("clicks", clicks())), job.OrderBy(), nowhere{})
	_, err := j.Build()
	return err
}

func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(j *job.Job, s job.Stream) job.Stream
		want string
	}{
		"group": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.Window("w", job.Tumbling(time.Hour)).GroupBy("pge").Aggregate()
		}, `test.w: no column "pge"; have page, user, ms`},
		"group twice": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.Window("w", job.Tumbling(time.Hour)).GroupBy("page", "page").Aggregate()
		}, `column "page" twice`},
		"window": {func(_ *job.Job, s job.Stream) job.Stream { return s.Window("w", job.Tumbling(0)).Aggregate() }, "windows of 0s every 0s"},
		"sum of text": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.Window("w", job.Tumbling(1)).Aggregate(job.Sum("s", expr.Col("page")))
		}, "want at least 1µs"},
		"sum": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.Window("w", job.Tumbling(time.Hour)).Aggregate(job.Sum("s", expr.Col("page")))
		}, `sum of column "page", which is string`},
		"max of none": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.Window("w", job.Tumbling(time.Hour)).Aggregate(job.Max("m", expr.Expr{}))
		}, `max "m": no expression`},
		"argument": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.Window("w", job.Tumbling(time.Hour)).Aggregate(job.CountIf("c", expr.Col("page").Add(expr.Int(1))))
		}, `count_if "c"`},
		"join":       {func(_ *job.Job, s job.Stream) job.Stream { return s.Join("j", s.Filter("f", expr.Bool(true))) }, "no columns to join on"},
		"join kinds": {func(_ *job.Job, s job.Stream) job.Stream { return s.Join("j", s, job.OnEqual("page", "user")) }, `"page" is string on the left, "user" is int64 on the right`},
		"join names": {func(_ *job.Job, s job.Stream) job.Stream { return s.Join("j", s, job.On("page")) }, `field "user" twice`},
		"take": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.LeftJoin("j", s, job.On("page"), job.Take(job.Right("usr")))
		}, `right: no column "usr"`},
		"interval": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.IntervalJoin("j", s, job.Between(time.Hour, 0), job.On("page"), job.Take(job.Left("page")))
		}, "interval join: from 3600000000 to 0"},
		"union":      {func(_ *job.Job, s job.Stream) job.Stream { return s.Union("u", s.Project("p", job.Keep("page")...)) }, "port 1 has 1 columns"},
		"lookup":     {func(_ *job.Job, s job.Stream) job.Stream { return s.Lookup("l", "user", pages("page")) }, "user int64 of the stream cannot be looked up in page string"},
		"name":       {func(_ *job.Job, s job.Stream) job.Stream { return s.Filter("two words", expr.Bool(true)) }, `name "two words"`},
		"no name":    {func(_ *job.Job, s job.Stream) job.Stream { return s.Filter("", expr.Bool(true)) }, "a name is missing"},
		"long name":  {func(_ *job.Job, s job.Stream) job.Stream { return s.Filter(strings.Repeat("x", 65), expr.Bool(true)) }, "65 bytes, at most 64"},
		"name taken": {func(_ *job.Job, s job.Stream) job.Stream { return s.Filter("clicks", expr.Bool(true)) }, "the name is taken by the operator at job/job_test.go:"},
		"foreign":    {func(*job.Job, job.Stream) job.Stream { return job.New("other").Source("x", clicks()) }, "input 0 is a stream of another job"},
		"lifetime": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.AlterLifetime("a", job.Lifetime{Vs: expr.Col("user")})
		}, "vs: user is int64, want timestamp"},
		"apply": {func(_ *job.Job, s job.Stream) job.Stream { return s.Apply("a", clicks().schema, nil) }, "the function that makes the vertex is nil"},
		"apply keys": {func(_ *job.Job, s job.Stream) job.Stream {
			return s.ApplyKeyed("a", []string{"pge"}, clicks().schema, func(job.Env) (vertex.Vertex, error) { return nil, nil })
		}, `no column "pge"`},
		"no source": {func(j *job.Job, _ job.Stream) job.Stream { return j.Source("x", nil) }, "the source is nil"},
	} {
		err := build(c.f)
		if err == nil {
			t.Errorf("%s: no complaint", name)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, want %q", name, err, c.want)
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		if !strings.HasPrefix(first, "job/job_test.go:") {
			t.Errorf("%s: no place in %q", name, first)
		}
	}
}

func TestSinkMistakes(t *testing.T) {
	j := job.New("test")
	s := j.Source("clicks", clicks())
	j.OrderedSink("a", s, job.OrderBy("pge"), nowhere{})
	j.OrderedSink("b", s, job.OrderBy("page"), nil)
	j.OrderedSink("c", s, job.OrderBy("page"), picky{})
	_, err := j.Build()
	var all job.Errors
	if !errors.As(err, &all) || len(all) != 3 {
		t.Fatalf("got %v, want three mistakes", err)
	}
	for i, want := range []string{`test.a: no column "pge"`, "test.b: the sink is nil", `test.c: result.xls: ending ".xls"`} {
		if !strings.Contains(all[i].Error(), want) {
			t.Errorf("got %q, want %q", all[i], want)
		}
	}
}

// TestOneMistakeOnce checks that what follows from a mistake is not complained about.
func TestOneMistakeOnce(t *testing.T) {
	err := build(func(_ *job.Job, s job.Stream) job.Stream {
		bad := s.Filter("bad", expr.Col("nothing").Gt(expr.Int(1)))
		return bad.Project("p", job.Keep("page")...).Join("j", s, job.On("nothing")).Union("u", bad)
	})
	var all job.Errors
	if !errors.As(err, &all) || len(all) != 1 || all[0].Name != "bad" {
		t.Errorf("got %v, want the mistake of bad alone", err)
	}
	if all[0].Unwrap() == nil || !errors.Is(err, all[0].Unwrap()) {
		t.Error("the cause cannot be found in the errors")
	}
}

func TestGraph(t *testing.T) {
	j := job.New("test")
	s := j.Source("clicks", clicks())
	shifted := s.AlterLifetime("shifted", job.Lifetime{Duration: expr.Duration(time.Hour)}).Project("shifted", job.Keep("page", "user")...)
	pairs := shifted.Join("pairs", s, job.On("page"), job.Take(job.Left("page"), job.Right("ms").As("right_ms")))
	j.OrderedSink("sink", pairs, job.OrderBy("page").Desc("right_ms"), nowhere{})
	g, err := j.Build()
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Nodes) != 5 || len(g.Sinks()) != 1 || len(g.Committers()) != 1 {
		t.Errorf("%d nodes, %d sinks, %d committers", len(g.Nodes), len(g.Sinks()), len(g.Committers()))
	}
	want := &batch.Schema{Fields: []batch.Field{{Name: "page", Kind: batch.String}, {Name: "right_ms", Kind: batch.Int64, Nullable: true}}}
	if got := g.Nodes[3].Schema; !got.Equal(want) {
		t.Errorf("pairs are %v, want %v", got, want)
	}
	for i, text := range map[int]string{
		1: "duration = 3600000000, move >= 0s", 2: "page, user", 3: "left.page AS page, right.ms AS right_ms on left.page = right.page", 4: "by time, page, right_ms desc",
	} {
		if got := g.Nodes[i].Spec.Text(); got != text {
			t.Errorf("node %d: got %q, want %q", i, got, text)
		}
	}
}
