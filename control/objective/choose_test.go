package objective

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// objectiveJob is a source, a window and a sink on a number of nodes.
func objectiveJob(nodes int) []Stage {
	var all []frame.NodeID
	for n := range nodes {
		all = append(all, frame.NodeID(n))
	}
	links := nodes > 1
	return []Stage{
		{Name: "read", Nodes: all, NotReplayed: "it has a source", Edges: []Edge{{"count", links}}},
		{Name: "count", Nodes: all, Edges: []Edge{{"write", links}}},
		{Name: "write", Nodes: all[:1], NotReplayed: "it has a sink"},
	}
}

func TestChooseForAnObjective(t *testing.T) {
	const s, ms = int64(1e9), int64(1e6)
	large := []StageMeasured{{Stage: "count", ImageBytes: 9 << 30}}
	spilled := []EdgeMeasured{{From: "read", To: "count", BytesPerS: 1e8, Spilled: true}}
	for name, c := range map[string]struct {
		o        Objective
		nodes    int
		m        Measured
		interval int64
		strategy string // of count
		policy   string // of read->count; "": no links
		met      bool
		why      string // of the edge, or of the interval
	}{
		"nothing measured":           {Objective{Ns: 2 * s}, 3, Measured{}, 500 * ms, "checkpoint", "retain", true, "copies do not shorten the gap"},
		"two nodes":                  {Objective{Ns: 2 * s}, 2, Measured{}, 500 * ms, "checkpoint", "retain", true, "third worker"},
		"one node has no pair":       {Objective{Ns: 2 * s}, 1, Measured{}, s, "checkpoint", "", true, ""},
		"loose":                      {Objective{Ns: 3600 * s}, 3, Measured{}, 60 * s, "checkpoint", "retain", true, ""},
		"impossible":                 {Objective{Ns: ms}, 3, Measured{}, 100 * ms, "checkpoint", "replicate=1", false, ""},
		"executes again fast":        {Objective{Ns: 2 * s}, 3, Measured{Again: 0.1}, 5 * s, "checkpoint", "retain", true, ""},
		"interval is given":          {Objective{Ns: 2 * s, IntervalNs: 30 * s}, 3, Measured{}, 30 * s, "checkpoint", "replicate=1", false, ""},
		"policy is given":            {Objective{Ns: ms, PolicyGiven: true}, 3, Measured{}, 100 * ms, "checkpoint", "retain", false, "given"},
		"little traffic is copied":   {Objective{Ns: 2 * s}, 3, Measured{Edges: []EdgeMeasured{{From: "read", To: "count", BytesPerS: 1e5}, {From: "count", To: "write", BytesPerS: 1e5}}}, s, "checkpoint", "replicate=1", true, "need not wait"},
		"large images are replayed":  {Objective{Ns: 10 * s}, 3, Measured{Stages: large}, 2 * s, "replay", "retain", true, ""},
		"but not where it is given":  {Objective{Ns: 10 * s, Given: plan.Reliability{Stages: []plan.StageStrategy{{Stage: "count", Strategy: runtime.Checkpoint}}}}, 3, Measured{Stages: large}, 60 * s, "checkpoint", "replicate=1", false, ""},
		"nor where there is time":    {Objective{Ns: 600 * s}, 3, Measured{Stages: large}, 60 * s, "checkpoint", "retain", true, ""},
		"what spills is recomputed":  {Objective{Ns: 600 * s}, 3, Measured{Edges: spilled}, 60 * s, "checkpoint", "recompute", true, "do not fit"},
		"unless there is no time to": {Objective{Ns: 2 * s}, 3, Measured{Edges: spilled, Stages: []StageMeasured{{Stage: "count", ImageBytes: 400 << 20}}}, 500 * ms, "replay", "retain", true, ""},
	} {
		ch := Choose(c.o, objectiveJob(c.nodes), c.nodes, c.m)
		policy, why := "", ch.IntervalWhy
		if len(ch.Edges) > 0 {
			policy, why = ch.Edges[0].Policy.String(), ch.Edges[0].Why
		}
		if ch.IntervalNs != c.interval || ch.Stages[1].Strategy != c.strategy || policy != c.policy || ch.Met != c.met || !strings.Contains(why, c.why) {
			t.Errorf("%s: got %d ms, %s, %s, met %v (%s)\n%+v", name, ch.IntervalNs/ms, ch.Stages[1].Strategy, policy, ch.Met, why, ch.Estimate)
		}
	}
}

func drawObjective(t *rapid.T) (Objective, []Stage, int, Measured) {
	nodes := rapid.IntRange(1, 4).Draw(t, "nodes")
	stages := objectiveJob(nodes)
	o := Objective{PolicyGiven: rapid.Bool().Draw(t, "policyGiven")}
	if rapid.IntRange(0, 3).Draw(t, "intervalGiven") == 0 {
		o.IntervalNs = rapid.Int64Range(10e6, 3600e9).Draw(t, "interval")
	}
	if rapid.Bool().Draw(t, "edgeGiven") {
		keep := rapid.SampledFrom([]shuffle.Policy{{}, {Keep: shuffle.Recompute}, {Keep: shuffle.Replicate, Copies: 1}}).Draw(t, "keep")
		o.Given.Edges = []plan.EdgePolicy{{From: "read", To: "count", Policy: keep}}
	}
	if rapid.Bool().Draw(t, "stageGiven") {
		o.Given.Stages = []plan.StageStrategy{{Stage: "count", Strategy: rapid.SampledFrom([]runtime.Strategy{runtime.Checkpoint, runtime.Replay}).Draw(t, "strategy")}}
	}
	size := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1, 1e11))
	m := Measured{
		StartNs: rapid.Int64Range(0, 20e9).Draw(t, "start"), BytesPerS: size.Draw(t, "images"), Again: rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.01, 10)).Draw(t, "again"),
		Stages: []StageMeasured{{Stage: "count", ImageBytes: size.Draw(t, "count"), WarmNs: rapid.Int64Range(0, 100e9).Draw(t, "warm")}},
		Edges: []EdgeMeasured{
			{From: "read", To: "count", BytesPerS: size.Draw(t, "a"), Spilled: rapid.Bool().Draw(t, "aSpills")},
			{From: "count", To: "write", BytesPerS: size.Draw(t, "b"), Spilled: rapid.Bool().Draw(t, "bSpills")},
		},
	}
	return o, stages, nodes, m.Sane()
}

// A looser objective never costs more, and is met if a tighter one is.
func TestLooserObjectivesCostNoMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, stages, nodes, m := drawObjective(t)
		tight, loose := o, o
		tight.Ns = rapid.Int64Range(1e6, 600e9).Draw(t, "tight")
		loose.Ns = tight.Ns + rapid.Int64Range(0, 600e9).Draw(t, "more")
		a, b := Choose(tight, stages, nodes, m), Choose(loose, stages, nodes, m)
		if b.Estimate.CostPerS() > a.Estimate.CostPerS() || a.Met && !b.Met {
			t.Fatalf("%d ns cost %v (met %v), %d ns %v (met %v)", tight.Ns, a.Estimate.CostPerS(), a.Met, loose.Ns, b.Estimate.CostPerS(), b.Met)
		}
	})
}

// What is chosen can be run, and what the user said stays as it is.
func TestChoicesAreValidAndGivenOnesStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, stages, nodes, m := drawObjective(t)
		o.Ns = rapid.Int64Range(1e6, 600e9).Draw(t, "objective")
		ch := Choose(o, stages, nodes, m)
		if !ch.Possible(4) || ch.Met != (ch.Estimate.WorstNs() <= o.Ns) || ch.Estimate.GapNs > ch.Estimate.PairNs {
			t.Fatalf("%+v", ch)
		}
		if o.IntervalNs > 0 && ch.IntervalNs != o.IntervalNs {
			t.Fatalf("interval %d, given %d", ch.IntervalNs, o.IntervalNs)
		}
		for i, s := range ch.Stages {
			given, fixed := o.strategy(s.Stage)
			if fixed && s.Strategy != given.String() || !fixed && s.Strategy == "replay" && stages[i].NotReplayed != "" || s.Why == "" {
				t.Fatalf("stage %+v, given %v", s, given)
			}
		}
		for _, e := range ch.Edges {
			if o.fixed(e.From, e.To) && e.Policy != o.policy(e.From, e.To) || !o.fixed(e.From, e.To) && e.Policy.Copies > 0 && nodes < 3 || e.Why == "" {
				t.Fatalf("edge %+v of %d nodes", e, nodes)
			}
		}
		// The list for the plan says the same: of several the last one counts.
		r := Objective{Given: ch.Reliability}
		for _, e := range ch.Edges {
			if got := r.policy(e.From, e.To); got != e.Policy {
				t.Fatalf("the plan has %v, chosen was %+v", got, e)
			}
		}
		for _, s := range ch.Stages {
			if got, _ := r.strategy(s.Stage); got.String() != s.Strategy {
				t.Fatalf("the plan has %v, chosen was %+v", got, s)
			}
		}
		if n := len(o.Given.Edges); !slices.Equal(ch.Reliability.Edges[len(ch.Reliability.Edges)-n:], o.Given.Edges) {
			t.Fatalf("given %v do not stand last: %v", o.Given.Edges, ch.Reliability.Edges)
		}
	})
}
