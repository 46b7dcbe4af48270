package objective

import (
	"fmt"
	"slices"
	"time"

	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

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

// Possible tells whether a choice that was read from somewhere can be one for a number of nodes. Whether its names are those of the plan is
// for Apply to find out.
func (c *Choice) Possible(nodes int) bool {
	r := &c.Reliability
	impossible := func(p shuffle.Policy) bool { return p.Copies >= nodes }
	return c.IntervalNs > 0 && c.IntervalNs <= timeMostNs && !impossible(r.Policy) &&
		!slices.ContainsFunc(r.Edges, func(e plan.EdgePolicy) bool { return impossible(e.Policy) }) &&
		!slices.ContainsFunc(r.Stages, func(s plan.StageStrategy) bool { return s.Strategy > runtime.Replay })
}

// String is the choice in a line.
func (c *Choice) String() string {
	word := "expected to be met"
	if !c.Met {
		word = "cannot be met"
	}
	return fmt.Sprintf("recovery objective %v %s: images every %v, after a loss about %s, after two at once %s; `job explain` says more",
		time.Duration(c.Objective.Ns), word, time.Duration(c.IntervalNs), short(float64(c.Estimate.GapNs)), short(float64(c.Estimate.PairNs)))
}
