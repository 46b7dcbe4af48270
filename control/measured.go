package control

import (
	"math"
	"slices"

	"github.com/streamscope/streamscope/control/objective"
	"github.com/streamscope/streamscope/control/plan"
)

// ObjectiveStages are the stages of a plan as they lie on a number of nodes.
func ObjectiveStages(p *plan.Plan, nodes int) []objective.Stage {
	shapes := Shapes(p.Runtime, nodes)
	stages := make([]objective.Stage, len(shapes))
	for i := range shapes {
		s := &shapes[i]
		stages[i] = objective.Stage{Name: s.Name, Nodes: s.Nodes, NotReplayed: p.NotReplayed(i)}
		for _, e := range s.Edges {
			to := &shapes[e.To]
			stages[i].Edges = append(stages[i].Edges, objective.Edge{To: to.Name, Links: s.links(to)})
		}
	}
	return stages
}

// links tells whether an edge to another stage leads from one node to another.
func (s *StageShape) links(to *StageShape) bool {
	return len(s.Nodes) > 1 || !slices.Equal(s.Nodes, to.Nodes)
}

// What is too little, or too much, to be measured by.
const (
	againLeastNs   = 100e6 // of ticks: fewer say little, since reports come every 50 ms
	edgeTicksLeast = 10
	edgeTicksMost  = 1 << 40
)

// MeasuredOf is what a status shows, and what it was chosen from where it shows nothing itself. It may come from a file that anybody wrote:
// whatever is no sensible figure counts as unknown.
func MeasuredOf(s *Status) (m objective.Measured) {
	if s == nil {
		return m
	}
	if s.Choice != nil {
		m = s.Choice.Measured
	}
	if s.Observed.StartNs > 0 {
		m.StartNs = s.Observed.StartNs
	}
	var moved Transfer
	for i := range s.Workers {
		moved.Bytes += s.Workers[i].Writing.Bytes
		moved.Ns += s.Workers[i].Writing.Ns
	}
	if moved.Bytes > 0 && moved.Ns > 0 {
		m.BytesPerS = float64(moved.Bytes) / (float64(moved.Ns) / 1e9)
	}
	o := &s.Observed
	if came := float64(o.Replayed) * float64(s.TickNs); came >= againLeastNs && o.ReplayNs > 0 {
		m.Again = float64(o.ReplayNs) / came
	}
	m.Stages, m.Edges = stagesMeasured(s, m.Stages), edgesMeasured(s, m.Edges)
	return m.Sane()
}

func stagesMeasured(s *Status, before []objective.StageMeasured) []objective.StageMeasured {
	var all []objective.StageMeasured
	at := map[string]int{}
	for _, b := range before {
		at[b.Stage] = len(all)
		all = append(all, b)
	}
	fresh := map[string]bool{}
	for i := range s.Stages {
		st := &s.Stages[i]
		if _, ok := at[st.Name]; !ok {
			at[st.Name] = len(all)
			all = append(all, objective.StageMeasured{Stage: st.Name})
		}
		if st.ImageBytes == 0 || st.Strategy != "checkpoint" {
			continue
		}
		to := &all[at[st.Name]]
		if !fresh[st.Name] {
			fresh[st.Name], to.ImageBytes = true, 0
		}
		to.ImageBytes += float64(st.ImageBytes)
	}
	for i := range s.Units {
		u := &s.Units[i]
		if n, ok := at[u.Stage]; ok && u.Ask < u.Base && s.TickNs > 0 && uint64(u.Base) < edgeTicksMost {
			if ns := float64(u.Base-u.Ask) * float64(s.TickNs); ns < math.MaxInt64/2 {
				all[n].WarmNs = max(all[n].WarmNs, int64(ns))
			}
		}
	}
	return all
}

func edgesMeasured(s *Status, before []objective.EdgeMeasured) []objective.EdgeMeasured {
	type names struct{ from, to string }
	var all []objective.EdgeMeasured
	at := map[names]int{}
	for _, b := range before {
		at[names{b.From, b.To}] = len(all)
		all = append(all, b)
	}
	fresh := map[names]bool{}
	for i := range s.Logs {
		l := &s.Logs[i]
		if s.TickNs <= 0 || l.Last < l.First || uint64(l.Last) > edgeTicksMost || l.Last-l.First < edgeTicksLeast {
			continue
		}
		n := names{l.Stage, l.ToStage}
		if _, ok := at[n]; !ok {
			at[n] = len(all)
			all = append(all, objective.EdgeMeasured{From: n.from, To: n.to})
		}
		to := &all[at[n]]
		if !fresh[n] {
			fresh[n], *to = true, objective.EdgeMeasured{From: n.from, To: n.to}
		}
		to.BytesPerS += float64(l.Bytes) / (float64(l.Last-l.First+1) * float64(s.TickNs) / 1e9)
		to.Spilled = to.Spilled || l.Spilled > 0 || l.Dropped > 0
	}
	return all
}
