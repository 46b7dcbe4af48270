package objective

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

// Stage is a stage as Choose sees it.
type Stage struct {
	Name  string
	Nodes []frame.NodeID
	// NotReplayed says why it must not have the strategy replay; "": it may.
	NotReplayed string
	Edges       []Edge
}

// Edge is an edge of a stage. Links: there are units of the two stages on different nodes.
type Edge struct {
	To    string
	Links bool
}

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
