package control

import "github.com/streamscope/streamscope/ringlog/frame"

// Epoch numbers the managers of a job: it grows with every take-over. Every command carries it, and every worker's event returns it.
type Epoch uint64

// TimeNs is a moment in nanoseconds since 1970 UTC.
type TimeNs int64

// From says who sent an event, in answer to which manager.
type From struct {
	Node  frame.NodeID
	Epoch Epoch
	// Incarnation of the node's worker, as it was spawned; 0 without recovery.
	Incarnation frame.Incarnation `json:",omitempty"`
}

// Event is something that happened. Events of workers embed From; the others come from the driver itself.
type Event interface{ isEvent() }

// The events of workers, in the order of a good run.
type (
	// Hello: the worker's agent is connected and has shown the token.
	Hello struct {
		From
		PID int
		// Living is set by a worker that runs already, and was told so by another manager or on another connection.
		Living *Living `json:",omitempty"`
	}
	// Ready: the plan is built and the worker listens at Addr.
	Ready struct {
		From
		Addr        string
		CopyAddr    string `json:",omitempty"` // where it keeps copies for its peers; empty: it does not
		Fingerprint uint64
	}
	// Linked: the links to all peers are there.
	Linked struct{ From }
	// Progress: figures so far; they never decrease.
	Progress struct {
		From
		Stats WorkerStats
	}
	// Reported is how far the worker's units are, with recovery: sent every now and then, and at least every third of the lease from Ready on.
	// Everything in it but Held only grows, so that reports may be lost, repeated and overtake each other.
	Reported struct {
		From
		// Executed by stage, by all tasks of the unit; anything where the stage has no tasks on this node.
		Executed []frame.Tick
		// Opened is the greatest tick that a source of the worker has opened, here or in an earlier life.
		Opened frame.Tick
		// Missed is the greatest mark that one of its units had passed before it heard of it.
		Missed frame.Tick `json:",omitempty"`
		// Saved are images that are durable, can be read back, and were written or restored by this incarnation: all those above Trim's needs.
		// That of a sink says that its output up to there is durable, that of a source the same of its journal.
		Saved []Saved `json:",omitempty"`
		// Hollow are those images that have no state, apart from Saved.
		Hollow []Hollow `json:",omitempty"`
		// Unsaved are the units whose newest image could not be saved.
		Unsaved []Unsaved `json:",omitempty"`
		// Held, if set, is what the worker keeps now: sent more seldom than the rest. The newest one counts.
		Held *Held `json:",omitempty"`
		// Warnings are what the worker has met since it last said so, and gets over: a disk that is full, a store that does not answer.
		Warnings []string `json:",omitempty"`
	}
	// Activate: the unit's journal, or its images, are to be kept by these members from now on, provided that the active set is still the version before; answered by
	// Activated. It may be said again.
	Activate struct {
		From
		Stage  StageID
		Images bool `json:",omitempty"`
		Set    JournalSet
	}
	// Finished: all tasks have ended well, their output is complete; with recovery, durable too. The worker goes on to serve its peers.
	Finished struct {
		From
		Stats WorkerStats
	}
	// Failed: the worker cannot go on. It still answers Stop.
	Failed struct {
		From
		Reason string
		// AboutPeer: the worker itself is well, but its link to another broke.
		AboutPeer bool
		// Final: another life would fail as well, and the run ends.
		Final bool `json:",omitempty"`
		// Unreadable, if set, is the image that the worker was to restore and could not read.
		Unreadable *Saved `json:",omitempty"`
		// Dropped: a peer asks for ticks that the worker has dropped early; it is to execute them again.
		Dropped bool `json:",omitempty"`
		// StoreAway: the worker could not start because the store of its images does not answer.
		StoreAway bool `json:",omitempty"`
		Stats     WorkerStats
	}
	// Stopped: the worker has ended, as it was told to; its process may take a moment longer.
	Stopped struct{ From }
)

// Saved names an image of one of the sender's units.
type Saved struct {
	Stage StageID
	Tick  frame.Tick
}

// Hollow names an image without the state of the operators: what that is after Tick follows from the image of any tick up to Low, and the
// inputs since.
type Hollow struct {
	Saved
	Low frame.Tick
}

// Unsaved names an image that could not be saved, and says why.
type Unsaved struct {
	Saved
	Reason string
}

// The events of the driver.
type (
	// Lost: the worker's process or connection is gone, and nothing more will come from it.
	Lost struct {
		Node frame.NodeID
		// Incarnation that it was spawned as; 0 without recovery.
		Incarnation frame.Incarnation
		Reason      string // "worker 1 (pid 4711): signal: killed"
		// Clean: it ended by itself and without a complaint, as it does after Stop.
		Clean bool
	}
	// Persisted answers Persist. Any outcome but success leaves open whether the transaction was carried out.
	Persisted struct {
		Reason string // empty: it was carried out
		// Fenced: the store's epoch is greater than the transaction's, so it was not.
		Fenced bool
	}
	// Cancel: the user wants no result.
	Cancel struct{ Reason string }
	// Clock: time passes. Deadlines are looked at here alone.
	Clock struct{ Now TimeNs }
	// Committed answers Commit; Reason is empty if it worked.
	Committed struct{ Reason string }
	// Aborted answers Abort; Reason tells what could not be removed.
	Aborted struct{ Reason string }
)

func (Hello) isEvent()     {}
func (Ready) isEvent()     {}
func (Linked) isEvent()    {}
func (Progress) isEvent()  {}
func (Reported) isEvent()  {}
func (Activate) isEvent()  {}
func (Finished) isEvent()  {}
func (Failed) isEvent()    {}
func (Stopped) isEvent()   {}
func (Lost) isEvent()      {}
func (Persisted) isEvent() {}
func (Cancel) isEvent()    {}
func (Clock) isEvent()     {}
func (Committed) isEvent() {}
func (Aborted) isEvent()   {}

// sender is implemented by the events of workers.
type sender interface{ from() From }

func (f From) from() From { return f }

// Sender tells which worker an event came from; false for events of the driver.
func Sender(ev Event) (From, bool) {
	s, ok := ev.(sender)
	if !ok {
		return From{}, false
	}
	return s.from(), true
}
