package objective

import (
	"slices"

	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// intervals are the snapshot intervals that Choose knows, longest first.
var intervals = []int64{60e9, 30e9, 20e9, 10e9, 5e9, 2e9, 1e9, 500e6, 200e6, 100e6}

const (
	// imageShare is which part of an interval may be spent writing the image at most: 1/imageShare.
	imageShare = 4
	// copiesNeed is how many nodes there must be for a copy to lie neither at its writer nor at its reader.
	copiesNeed = 3
)

// Choose finds the cheapest way to run a job that comes back within an objective, and if there is none, the one that comes back soonest. It
// compares all that it knows: every interval, with and without replay where that is allowed, with what logs keep in three ways. So a looser
// objective never costs more.
func Choose(o Objective, stages []Stage, nodes int, m Measured) *Choice {
	c := &chooser{objective: o, stages: stages, nodes: nodes, measured: m}
	var best *option
	var at Estimate
	for _, next := range c.options() {
		if e := c.estimate(&next); best == nil || c.better(&e, &at) {
			best, at = &next, e
		}
	}
	return c.choice(best, at)
}

// better tells whether the first estimate is better than the second. Of those that are alike the first one that was found stays.
func (c *chooser) better(a, b *Estimate) bool {
	metA, metB := a.WorstNs() <= c.objective.Ns, b.WorstNs() <= c.objective.Ns
	switch {
	case metA != metB:
		return metA
	case metA || a.WorstNs() == b.WorstNs():
		return a.CostPerS() < b.CostPerS()
	}
	return a.WorstNs() < b.WorstNs()
}

// options lists what can be chosen, the plainest first.
func (c *chooser) options() (all []option) {
	for _, replayed := range c.strategies() {
		for _, keep := range []shuffle.Policy{{}, {Keep: shuffle.Recompute}, {Keep: shuffle.Replicate, Copies: 1}} {
			o := option{replayed: replayed, policies: c.policies(keep)}
			for _, o.intervalNs = range c.intervals(&o) {
				all = append(all, o)
			}
		}
	}
	return all
}

// intervals are those in which images can be written beside the work.
func (c *chooser) intervals(o *option) []int64 {
	if c.objective.IntervalNs > 0 {
		return []int64{c.objective.IntervalNs}
	}
	n := slices.IndexFunc(intervals, func(i int64) bool { return float64(i) < imageShare*c.readNs(o) })
	if n < 0 {
		n = len(intervals)
	}
	return intervals[:max(n, 1)]
}

// strategies are what the user wants, and all in addition that may replay and have images worth the while.
func (c *chooser) strategies() [][]bool {
	plain, replayed := make([]bool, len(c.stages)), make([]bool, len(c.stages))
	for i := range c.stages {
		s, fixed := c.objective.strategy(c.stages[i].Name)
		plain[i] = s == runtime.Replay
		replayed[i] = plain[i] || !fixed && c.mayReplay(c.stages[i].Name) && c.imageBytes(i) >= replayLeastBytes
	}
	if slices.Equal(plain, replayed) {
		return [][]bool{plain}
	}
	return [][]bool{plain, replayed}
}

// replayLeastBytes is from which size on of its images a stage is considered for replay: smaller ones are read within a tenth of a second.
const replayLeastBytes = 16 << 20

// mayReplay: a name stands for all stages that have it.
func (c *chooser) mayReplay(name string) bool {
	return !slices.ContainsFunc(c.stages, func(s Stage) bool { return s.Name == name && s.NotReplayed != "" })
}

// policies gives a policy to all edges that the user has not settled and for which it can be of use.
func (c *chooser) policies(p shuffle.Policy) [][]shuffle.Policy {
	all := make([][]shuffle.Policy, len(c.stages))
	for i := range c.stages {
		from := c.stages[i].Name
		for _, e := range c.stages[i].Edges {
			all[i] = append(all[i], c.policy(from, e.To, p))
		}
	}
	return all
}

func (c *chooser) policy(from, to string, p shuffle.Policy) shuffle.Policy {
	useful := c.namedEdges(from, to) > 0
	switch p.Keep {
	case shuffle.Recompute:
		useful = useful && c.measured.edge(from, to).Spilled
	case shuffle.Replicate:
		useful = useful && c.nodes >= copiesNeed
	}
	if c.objective.fixed(from, to) || !useful {
		return c.objective.policy(from, to)
	}
	return p
}

// choice says what was chosen.
func (c *chooser) choice(o *option, e Estimate) *Choice {
	ch := &Choice{
		Objective: c.objective, IntervalNs: o.intervalNs, Estimate: e, Met: e.WorstNs() <= c.objective.Ns, Measured: c.measured,
		Reliability: plan.Reliability{Policy: c.objective.Given.Policy},
	}
	ch.IntervalWhy = c.whyInterval(o, &e)
	for i := range c.stages {
		c.chooseStage(ch, o, i)
		c.chooseEdges(ch, o, i)
	}
	// What the user said stands last, where it counts.
	ch.Reliability.Stages = append(ch.Reliability.Stages, c.objective.Given.Stages...)
	ch.Reliability.Edges = append(ch.Reliability.Edges, c.objective.Given.Edges...)
	return ch
}

func (c *chooser) chooseStage(ch *Choice, o *option, i int) {
	name := c.stages[i].Name
	if slices.ContainsFunc(ch.Stages, func(s StageChoice) bool { return s.Stage == name }) {
		return
	}
	s := runtime.Checkpoint
	if o.replayed[i] {
		s = runtime.Replay
	}
	ch.Stages = append(ch.Stages, StageChoice{name, s.String(), c.whyStage(o, i)})
	if _, fixed := c.objective.strategy(name); !fixed && o.replayed[i] {
		ch.Reliability.Stages = append(ch.Reliability.Stages, plan.StageStrategy{Stage: name, Strategy: s})
	}
}

func (c *chooser) chooseEdges(ch *Choice, o *option, i int) {
	from := c.stages[i].Name
	for j, e := range c.stages[i].Edges {
		p := o.policies[i][j]
		if !e.Links || slices.ContainsFunc(ch.Edges, func(x EdgeChoice) bool { return x.From == from && x.To == e.To }) {
			continue
		}
		ch.Edges = append(ch.Edges, EdgeChoice{from, e.To, p, c.whyEdge(p, from, e.To)})
		if !c.objective.fixed(from, e.To) && p != c.objective.Given.Policy {
			ch.Reliability.Edges = append(ch.Reliability.Edges, plan.EdgePolicy{From: from, To: e.To, Policy: p})
		}
	}
}
