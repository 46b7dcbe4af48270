package control

import "github.com/streamscope/streamscope/ringlog/frame"

// Effect is something for the driver to do.
type Effect interface{ isEffect() }

// The commands to workers. A command to a worker that is gone is dropped by the driver.
type (
	// Start: build the plan, listen, answer Ready.
	Start struct {
		Node       frame.NodeID
		Assignment Assignment
	}
	// Connect: link to the peers, answer Linked.
	Connect struct {
		Node  frame.NodeID
		Epoch Epoch
		Peers []Peer
	}
	// Run: execute, answer Finished or Failed.
	Run struct {
		Node  frame.NodeID
		Epoch Epoch
	}
	// Stop: end everything, answer Stopped, leave no temporary file if the run failed.
	Stop struct {
		Node  frame.NodeID
		Epoch Epoch
	}
)

// The effects on the driver's own world.
type (
	// Kill: end the worker's process without asking it; Lost follows.
	Kill struct{ Node frame.NodeID }
	// Report: figures of the run so far.
	Report struct{ Stats RunStats }
	// Commit: make the output visible, answer Committed.
	Commit struct{}
	// Abort: remove what was written, answer Aborted.
	Abort struct{}
	// End: the run is over.
	End struct{ Outcome Outcome }
)

func (Start) isEffect()   {}
func (Connect) isEffect() {}
func (Run) isEffect()     {}
func (Stop) isEffect()    {}
func (Kill) isEffect()    {}
func (Report) isEffect()  {}
func (Commit) isEffect()  {}
func (Abort) isEffect()   {}
func (End) isEffect()     {}

// Peer is another worker, as a link finds it.
type Peer struct {
	Node frame.NodeID
	Addr string
}

// Assignment is what a worker must know to take its part.
type Assignment struct {
	Epoch    Epoch
	Node     frame.NodeID
	Nodes    int
	Cores    int // worker cores of each node
	Schedule Schedule
}

// Outcome is how a run ended.
type Outcome struct {
	// Reason is empty if the output was committed, else one line that says why not.
	Reason string
	// Cancelled: by the user; Reason then says how.
	Cancelled bool
	Stats     RunStats
}

// OK reports whether the output was committed.
func (o Outcome) OK() bool { return o.Reason == "" }
