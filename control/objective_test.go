package control

import (
	"fmt"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/objective"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// plannedSource and plannedSink are only planned, never run.
type plannedSource struct{}

func (plannedSource) Schema() *batch.Schema {
	return &batch.Schema{Fields: []batch.Field{{Name: "page", Kind: batch.String}}}
}

func (plannedSource) Splits() ([]vertex.Split, error) {
	return []vertex.Split{{Name: "a"}, {Name: "b", ID: 1}}, nil
}

func (plannedSource) Open(vertex.Split, vertex.SnapshotReader, func()) (vertex.SplitReader, error) {
	return nil, nil
}

type plannedSink struct{}

func (plannedSink) Check(*batch.Schema) error                               { return nil }
func (plannedSink) Open(*batch.Schema, []byte, func()) (vertex.Sink, error) { return nil, nil }
func (plannedSink) Commit() error                                           { return nil }
func (plannedSink) Abort() error                                            { return nil }

// What is chosen for a plan can be given to it, and built with: both are the same plan.
func TestChoicesFitTheirPlan(t *testing.T) {
	j := job.New("counting")
	w := j.Source("events", plannedSource{}).Window("per_hour", job.Tumbling(time.Hour)).GroupBy("page").Aggregate(job.Count("n"))
	j.OrderedSink("sink", w, job.OrderBy("n"), plannedSink{})
	g, err := j.Build()
	if err != nil {
		t.Fatal(err)
	}
	built := func(r plan.Reliability) *plan.Plan {
		p, err := plan.Build(g, plan.Options{Tasks: 4, Fuse: true, Reliability: r})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	strategies, policies := map[string]bool{}, map[string]bool{}
	for _, nodes := range []int{1, 2, 3} {
		for _, image := range []float64{1 << 10, 8 << 30} {
			for _, within := range []int64{1e6, 5e9, 3600e9} {
				p := built(plan.Reliability{})
				var m objective.Measured
				for _, s := range ObjectiveStages(p, nodes) {
					m.Stages = append(m.Stages, objective.StageMeasured{Stage: s.Name, ImageBytes: image / 100})
					if s.NotReplayed == "" {
						m.Stages[len(m.Stages)-1].ImageBytes = image
					}
				}
				ch := objective.Choose(objective.Objective{Ns: within}, ObjectiveStages(p, nodes), nodes, m)
				shape := plan.Shape(p)
				if err := p.Apply(ch.Reliability); err != nil {
					t.Fatal(err)
				}
				if plan.Shape(p) != shape || plan.Fingerprint(p) != plan.Fingerprint(built(ch.Reliability)) {
					t.Errorf("%d nodes, %d ns: another plan than one that is built so", nodes, within)
				}
				for _, s := range Shapes(p.Runtime, nodes) {
					strategies[s.Strategy.String()] = true
					for _, e := range s.Edges {
						policies[e.Policy.String()] = true
					}
				}
			}
		}
	}
	if want := "map[checkpoint:true replay:true]"; fmt.Sprint(strategies) != want {
		t.Errorf("chosen were %v, want %s", strategies, want)
	}
	if want := "map[replicate=1:true retain:true]"; fmt.Sprint(policies) != want {
		t.Errorf("chosen were %v, want %s", policies, want)
	}
}
