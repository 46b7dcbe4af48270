package control

import (
	"fmt"
	"maps"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// StageID is a physical stage: its index in the plan.
type StageID uint32

// Unit is the tasks of one stage on one node. They recover together: one base, one restore tick, one image per mark.
type Unit struct {
	Stage StageID
	Node  frame.NodeID
}

func (u Unit) String() string { return fmt.Sprintf("stage %d on node %d", u.Stage, u.Node) }

// StageShape is what recovery must know of a stage.
type StageShape struct {
	Name string
	// Nodes have tasks of the stage; rising.
	Nodes []frame.NodeID
	// To are the stages that its edges lead to.
	To []StageID
	// Edges are the same with what their logs keep, for whoever looks at the run.
	Edges []EdgeShape
	// Strategy is how its units have their state again, likewise. Bases say it by themselves.
	Strategy runtime.Strategy
	// Source: it opens ticks; others only execute them.
	Source bool
	// Others are by node the units of the other instances of its tasks; nil: there are none.
	Others []Unit
}

// EdgeShape is an edge that begins at a stage.
type EdgeShape struct {
	ID     frame.EdgeID
	To     StageID
	Policy shuffle.Policy
}

// Base is where a unit restarts. The zero Base is the beginning of the job.
//
// Invariant: Prev <= Base, PrevAsk <= Ask; Warm <= Base, PrevWarm <= Prev.
type Base struct {
	Base frame.Tick
	// Prev is the generation before: what is trimmed is trimmed up to it, so that a unit whose image at Base cannot be read restarts there.
	Prev frame.Tick
	// Warm is by how much a unit that restarts at Base begins earlier: it goes on from the image of that tick and executes the ticks up to
	// Base again, emitting nothing, since its images have no state. PrevWarm is the same of Prev. 0 where images have their state.
	Warm, PrevWarm frame.Tick
}

// Ask is the tick after which a unit that restarts at Base asks its inputs, and of which it needs the image.
func (b Base) Ask() frame.Tick { return b.Base - b.Warm }

// PrevAsk is Ask of the generation before: nobody asks for what lies up to it.
func (b Base) PrevAsk() frame.Tick { return b.Prev - b.PrevWarm }

// Stored is everything that a manager leaves to its successor.
type Stored struct {
	// Epoch of the manager that holds the store.
	Epoch Epoch
	// Schedule is empty until the first workers are registered.
	Schedule Schedule
	// Incarnations are the newest registered, by node; 0: none yet. Nil means all 0.
	Incarnations []frame.Incarnation
	// Bases by stage and node; zero where the stage has no tasks. Nil means all zero.
	Bases [][]Base
	// Journals are the active sets of the sources whose records are kept by peers; Version 0: there never was one.
	Journals map[Unit]JournalSet
	// Images are those of the units whose images are kept by peers.
	Images map[Unit]JournalSet
	// Mark is at least as great as every mark whose snapshots count in a base.
	Mark frame.Tick
	// Outcome of the run so far.
	Outcome StoredOutcome
}

// StoredOutcome is how far the output of a job is.
type StoredOutcome uint8

// The outcomes; they only grow.
const (
	// OutputOpen: workers are to run.
	OutputOpen StoredOutcome = iota
	// OutputComplete: every row of the output is written and durable, and it is to be made visible, perhaps again.
	OutputComplete
	// OutputVisible: nothing is left to do.
	OutputVisible
)

func (o StoredOutcome) String() string {
	switch o {
	case OutputOpen:
		return "open"
	case OutputComplete:
		return "complete"
	case OutputVisible:
		return "finished"
	}
	return fmt.Sprintf("outcome %d", uint8(o))
}

// Txn is one change of the store: all of it or nothing, and only while the store's epoch is Epoch.
type Txn struct {
	Epoch Epoch
	// Schedule, Mark and Outcome are set unless they are zero.
	Schedule Schedule
	Mark     frame.Tick
	Outcome  StoredOutcome
	// Register are new incarnations, Bases new bases.
	Register []Registration
	Bases    []UnitBase
	// Journals are new active sets, and Images those of images.
	Journals, Images []UnitJournal
}

// Registration makes an incarnation the one that counts on its node. It restores every unit at its base.
type Registration struct {
	Node        frame.NodeID
	Incarnation frame.Incarnation
}

// UnitBase is the base of a unit.
type UnitBase struct {
	Unit
	Base
}

// Empty reports a transaction that changes nothing.
func (t *Txn) Empty() bool {
	return len(t.Schedule.Entries) == 0 && t.Mark == 0 && t.Outcome == 0 && len(t.Register) == 0 && len(t.Bases) == 0 &&
		len(t.Journals) == 0 && len(t.Images) == 0
}

// Apply changes s as the store does. Nodes and stages must be within its bounds.
func (s *Stored) Apply(t Txn) {
	if len(t.Schedule.Entries) > 0 {
		s.Schedule = t.Schedule
	}
	s.Mark = max(s.Mark, t.Mark)
	s.Outcome = max(s.Outcome, t.Outcome)
	for _, r := range t.Register {
		s.Incarnations[r.Node] = r.Incarnation
	}
	for _, b := range t.Bases {
		s.Bases[b.Stage][b.Node] = b.Base
	}
	s.Journals, s.Images = applySets(s.Journals, t.Journals), applySets(s.Images, t.Images)
}

// Clone shares nothing that changes with s.
func (s Stored) Clone() Stored {
	s.Incarnations = slices.Clone(s.Incarnations)
	s.Bases = slices.Clone(s.Bases)
	for i := range s.Bases {
		s.Bases[i] = slices.Clone(s.Bases[i])
	}
	s.Journals, s.Images = maps.Clone(s.Journals), maps.Clone(s.Images)
	return s
}
