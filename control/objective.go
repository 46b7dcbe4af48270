package control

import (
	"slices"

	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Objective is how soon what is lost must be back, and what its user has settled already: nothing of that is changed.
type Objective struct {
	// Ns is the greatest gap, of the loss of one worker and of two at once, but for the time until a silent one is noticed (the lease).
	Ns int64 `json:"ns"`
	// IntervalNs is the snapshot interval that its user wants; 0: to be chosen.
	IntervalNs int64 `json:"snapshot_interval_ns,omitempty"`
	// Given is what the user says of edges and stages; PolicyGiven: its Policy is no default, and so stands for all edges.
	Given       plan.Reliability `json:"given"`
	PolicyGiven bool             `json:"policy_given,omitempty"`
}

// ObjectiveStage is a stage as Choose sees it.
type ObjectiveStage struct {
	Name  string
	Nodes []frame.NodeID
	// NotReplayed says why it must not have the strategy replay; "": it may.
	NotReplayed string
	Edges       []ObjectiveEdge
}

// ObjectiveEdge is an edge of a stage. Links: there are units of the two stages on different nodes.
type ObjectiveEdge struct {
	To    string
	Links bool
}

// ObjectiveStages are the stages of a plan as they lie on a number of nodes.
func ObjectiveStages(p *plan.Plan, nodes int) []ObjectiveStage {
	shapes := Shapes(p.Runtime, nodes)
	stages := make([]ObjectiveStage, len(shapes))
	for i := range shapes {
		s := &shapes[i]
		stages[i] = ObjectiveStage{Name: s.Name, Nodes: s.Nodes, NotReplayed: p.NotReplayed(i)}
		for _, e := range s.Edges {
			to := &shapes[e.To]
			stages[i].Edges = append(stages[i].Edges, ObjectiveEdge{to.Name, s.links(to)})
		}
	}
	return stages
}

// links tells whether an edge to another stage leads from one node to another.
func (s *StageShape) links(to *StageShape) bool {
	return len(s.Nodes) > 1 || !slices.Equal(s.Nodes, to.Nodes)
}

// Choice is what was chosen for an objective, why, and what is expected of it. Its Reliability is that of the plan.
type Choice struct {
	Objective   Objective        `json:"objective"`
	Reliability plan.Reliability `json:"reliability"`
	IntervalNs  int64            `json:"snapshot_interval_ns"`
	IntervalWhy string           `json:"snapshot_interval_why"`
	Stages      []StageChoice    `json:"stages"`
	Edges       []EdgeChoice     `json:"edges,omitempty"`
	Estimate    Estimate         `json:"estimate"`
	// Met: the worst gap of Estimate is no longer than the objective.
	Met bool `json:"met"`
	// Measured is what it was chosen from: of earlier lives of the directory; a zero stands for something nobody has measured.
	Measured Measured `json:"measured"`
}

// StageChoice is the strategy of all stages of a name.
type StageChoice struct {
	Stage    string `json:"stage"`
	Strategy string `json:"strategy"`
	Why      string `json:"why"`
}

// EdgeChoice is the policy of all edges from stages of one name to those of another.
type EdgeChoice struct {
	From   string         `json:"from"`
	To     string         `json:"to"`
	Policy shuffle.Policy `json:"policy"`
	Why    string         `json:"why"`
}

// Estimate is what a choice is expected to do, and to cost.
type Estimate struct {
	// GapNs is for the loss of one worker, PairNs for that of two at once, from when it is noticed until the new lives are where the ones before were.
	GapNs  int64 `json:"gap_ns"`
	PairNs int64 `json:"pair_ns"`
	// Parts of GapNs.
	StartNs  int64 `json:"start_ns"`
	ReadNs   int64 `json:"read_ns"`
	ReplayNs int64 `json:"replay_ns"`
	// What is written in addition, in bytes per second, and kept, in bytes.
	ImageBytesPerS float64 `json:"image_bytes_per_s"`
	CopyBytesPerS  float64 `json:"copy_bytes_per_s"`
	SpillBytesPerS float64 `json:"spill_bytes_per_s"`
	DiskBytes      float64 `json:"disk_bytes"`
}

// CostPerS is what choices are compared by: bytes per second that are written or sent for the sake of recovery.
func (e *Estimate) CostPerS() float64 { return e.ImageBytesPerS + e.CopyBytesPerS + e.SpillBytesPerS }

// WorstNs is the longer of the two gaps.
func (e *Estimate) WorstNs() int64 { return max(e.GapNs, e.PairNs) }

// fixed tells whether the user has settled an edge.
func (o *Objective) fixed(from, to string) bool {
	return o.PolicyGiven || slices.ContainsFunc(o.Given.Edges, func(e plan.EdgePolicy) bool { return e.From == from && e.To == to })
}

// policy is what the user has said of an edge, or the default.
func (o *Objective) policy(from, to string) shuffle.Policy {
	p := o.Given.Policy
	for _, e := range o.Given.Edges {
		if e.From == from && e.To == to {
			p = e.Policy
		}
	}
	return p
}

// strategy is what the user has said of a stage.
func (o *Objective) strategy(stage string) (s runtime.Strategy, fixed bool) {
	for _, g := range o.Given.Stages {
		if g.Stage == stage {
			s, fixed = g.Strategy, true
		}
	}
	return s, fixed
}

// Possible tells whether a choice that was read from somewhere can be one for a number of nodes. Whether its names are those of the plan is
// for Apply to find out.
func (c *Choice) Possible(nodes int) bool {
	r := &c.Reliability
	impossible := func(p shuffle.Policy) bool { return p.Copies >= nodes || p.Keep == shuffle.Persist }
	return c.IntervalNs > 0 && c.IntervalNs <= measuredTimeMostNs && !impossible(r.Policy) &&
		!slices.ContainsFunc(r.Edges, func(e plan.EdgePolicy) bool { return impossible(e.Policy) }) &&
		!slices.ContainsFunc(r.Stages, func(s plan.StageStrategy) bool { return s.Strategy > runtime.Replay })
}
