package control

import (
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

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
	// Mark: every unit that has not passed the tick takes an image after it. Marks grow.
	Mark struct {
		Node  frame.NodeID
		Epoch Epoch
		Tick  frame.Tick
	}
	// Trim: nobody will ask any more for what lies up to the needs. They never fall, so a Trim may be lost or come late.
	Trim struct {
		Node  frame.NodeID
		Epoch Epoch
		Needs Needs
	}
	// Relink: a peer was replaced. What came from its last life and is not closed is dropped; all that it has not closed is sent to the new
	// one. It may come at any time after Connect, before Linked too, and peers that are gone are no failure of the worker.
	Relink struct {
		Node  frame.NodeID
		Epoch Epoch
		Peer  Peer
	}
	// Adopt: the worker runs already, is this manager's from now on, and goes on as it is. Needs and marks are those of commands that it may
	// have missed; Relinks follow.
	Adopt struct {
		Node  frame.NodeID
		Epoch Epoch
		Needs Needs
		Marks []frame.Tick `json:",omitempty"`
	}
	// Admit: a peer has a new life, which may ask for copies of what those before it wrote before it is linked to.
	Admit struct {
		Node  frame.NodeID
		Epoch Epoch
		Peer  Peer
	}
	// Activated: this is the active set of the journal, or the images, of a stage's unit, in answer to Activate, whether it is the one that was wanted or not.
	Activated struct {
		Node   frame.NodeID
		Epoch  Epoch
		Stage  StageID
		Images bool `json:",omitempty"`
		Set    JournalSet
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
	Kill struct {
		Node frame.NodeID
		// Incarnation that it was spawned as; 0 without recovery.
		Incarnation frame.Incarnation
	}
	// Spawn: start a node's worker process. It says Hello with this incarnation, or is Lost with it. Only with recovery: without it the driver
	// starts all workers by itself, once.
	Spawn struct {
		Node        frame.NodeID
		Incarnation frame.Incarnation
	}
	// Persist: carry out the transaction in the store, synced, answer Persisted. One is under way at a time; it may come again unchanged, after
	// it has failed, and then may have been carried out before.
	Persist struct{ Txn Txn }
	// Report: figures of the run so far.
	Report struct{ Stats RunStats }
	// Commit: make the output visible, answer Committed.
	Commit struct{}
	// Abort: remove what was written, answer Aborted.
	Abort struct{}
	// TookOver: of the workers that had outlived the manager before, all have attached or were replaced.
	TookOver struct {
		Adopted int
		// Tick is the least from which a unit goes on.
		Tick frame.Tick
	}
	// Waits: a node's worker could not start because its snapshot store does not answer. The next life is spawned after a pause.
	Waits struct {
		Node    frame.NodeID
		PauseNs int64
		AwayNs  int64 // since the first such start
		Counts  bool  // this start counts towards giving up
		Reason  string
	}
	// End: the run is over. If the outcome is Fenced the workers belong to another manager and are left alone.
	End struct{ Outcome Outcome }
)

func (Start) isEffect()     {}
func (Connect) isEffect()   {}
func (Run) isEffect()       {}
func (Stop) isEffect()      {}
func (Mark) isEffect()      {}
func (Trim) isEffect()      {}
func (Relink) isEffect()    {}
func (Admit) isEffect()     {}
func (Activated) isEffect() {}
func (Kill) isEffect()      {}
func (Spawn) isEffect()     {}
func (Persist) isEffect()   {}
func (Report) isEffect()    {}
func (Commit) isEffect()    {}
func (Abort) isEffect()     {}
func (End) isEffect()       {}
func (Adopt) isEffect()     {}
func (TookOver) isEffect()  {}
func (Waits) isEffect()     {}

// Peer is another worker, as a link finds it.
type Peer struct {
	Node        frame.NodeID
	Incarnation frame.Incarnation `json:",omitempty"`
	Addr        string
	CopyAddr    string `json:",omitempty"`
}

// Needs are by stage and node the tick that a unit will never ask below: whatever feeds it, its own journal and its images may be
// removed up to there (the image at the tick itself is kept). Where a stage has no tasks it is frame.MaxTick.
type Needs [][]frame.Tick

// Assignment is what a worker must know to take its part.
type Assignment struct {
	Epoch    Epoch
	Node     frame.NodeID
	Nodes    int
	Cores    int // worker cores of each node
	Schedule Schedule
	// The rest is for workers that recover, and nil or zero without recovery.

	Incarnation frame.Incarnation `json:",omitempty"`
	// Restore is by stage the tick of the image that the unit goes on from, 0: from the beginning.
	Restore []frame.Tick `json:",omitempty"`
	// Quiet is by stage the tick up to which the unit executes again without emitting anything: Restore or more. Nil: nobody does.
	Quiet []frame.Tick `json:",omitempty"`
	// Needs are those of the last Trim.
	Needs Needs `json:",omitempty"`
	// Marks are those under way.
	Marks []frame.Tick `json:",omitempty"`
	// Peers are those that may hold copies of what the life before this one has written.
	Peers []Peer `json:",omitempty"`
	// Journals are the active sets of those of the worker's units that have one. Their members that are not among Peers are lost.
	Journals []UnitJournal `json:",omitempty"`
	// Images are those of the images of its units.
	Images []UnitJournal `json:",omitempty"`
}

// Begins is by stage the tick up to which the life's log holds nothing.
func (a *Assignment) Begins() []frame.Tick {
	ticks := slices.Clone(a.Restore)
	for s, quiet := range a.Quiet {
		ticks[s] = max(ticks[s], quiet)
	}
	return ticks
}

// Outcome is how a run ended.
type Outcome struct {
	// Reason is empty if the output was committed, else one line that says why not.
	Reason string
	// Cancelled: by the user; Reason then says how.
	Cancelled bool
	// Fenced: another manager has taken over; Reason names its epoch. Neither Commit nor Abort was asked for.
	Fenced bool
	Stats  RunStats
}

// OK reports whether the output was committed.
func (o Outcome) OK() bool { return o.Reason == "" }
