package control

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/control/objective"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Recovery makes a run survive the loss of workers, and of its manager. Durations and counts that are 0 have the defaults below.
type Recovery struct {
	// Stages of the plan, by StageID.
	Stages []StageShape
	// Stored is what the store held after this manager had taken it over; its epoch is that of the Config.
	Stored Stored
	// Living are by node the incarnations of which a process is known to have outlived the manager before; 0, or nil: none. Those that are
	// registered are expected to attach within AttachNs. The others must have been ended.
	Living   []frame.Incarnation
	AttachNs int64
	// SnapshotIntervalNs is the time between two marks.
	SnapshotIntervalNs int64
	// Choice, if set, is what was chosen for a recovery objective: only shown.
	Choice *objective.Choice
	// LeaseNs is how long a worker may be silent.
	LeaseNs int64
	// GiveUp is after how many failures of one node, none of which came further than those before, the run fails.
	GiveUp int
	// StoreAwayNs is for how long starts of a node that fail because the snapshot store does not answer are not failures. Between them are pauses
	// that double from 1/300 of it to 1/20.
	StoreAwayNs int64
	// PersistTries is how often a transaction is tried, PersistRetryNs the time in between.
	PersistTries   int
	PersistRetryNs int64
}

// The defaults of Recovery.
const (
	DefaultSnapshotIntervalNs = 10e9
	DefaultLeaseNs            = 3e9
	DefaultGiveUp             = 5
	DefaultStoreAwayNs        = 5 * 60e9
	DefaultPersistTries       = 50
	DefaultPersistRetryNs     = 200e6
)

// recovery is the part of a Machine that only exists with Config.Recovery.
type recovery struct {
	cfg    Recovery
	bases  *bases
	marks  marks
	stored Stored // as committed
	// asked is the transaction under way; nil: none. After a failure it is asked for again at retryAt, unchanged: it may have been carried out.
	asked   *Txn
	tries   int
	retryAt TimeNs
	// unreadable are units that wait to be taken back to their generation before.
	unreadable []Unit
	// activations are wanted and not asked for yet.
	activations map[kept]JournalSet
	// allDone: every worker has finished; the output is complete once that is stored.
	allDone bool
	// visible: the output is, which is to be stored.
	visible     bool
	resumed     bool
	resumedTick frame.Tick
	recoveries  uint64
	regenerated uint64 // of them: for what was dropped early
	// takingOver: workers that live on are awaited. adopted counts those that came.
	takingOver bool
	adopted    int
	observed   Recovered
}

func (r Recovery) withDefaults() Recovery {
	if r.SnapshotIntervalNs == 0 {
		r.SnapshotIntervalNs = DefaultSnapshotIntervalNs
	}
	if r.LeaseNs == 0 {
		r.LeaseNs = DefaultLeaseNs
	}
	if r.AttachNs == 0 {
		r.AttachNs = DefaultAttachNs
	}
	if r.GiveUp == 0 {
		r.GiveUp = DefaultGiveUp
	}
	if r.StoreAwayNs == 0 {
		r.StoreAwayNs = DefaultStoreAwayNs
	}
	if r.PersistTries == 0 {
		r.PersistTries = DefaultPersistTries
	}
	if r.PersistRetryNs == 0 {
		r.PersistRetryNs = DefaultPersistRetryNs
	}
	return r
}

func newRecovery(c Config) (*recovery, error) {
	r := &recovery{cfg: c.Recovery.withDefaults(), stored: c.Recovery.Stored.Clone()}
	if err := errors.Join(r.cfg.valid(c.Workers), r.stored.valid(c.Epoch, r.cfg.Stages, c.Workers)); err != nil {
		return nil, fmt.Errorf("recovery: %w", err)
	}
	r.stored.grow(len(r.cfg.Stages), c.Workers)
	var err error
	if r.bases, err = newBases(r.cfg.Stages, c.Workers, r.stored.Bases); err != nil {
		return nil, fmt.Errorf("recovery: %w", err)
	}
	if err := r.bases.valid(); err != nil {
		return nil, fmt.Errorf("recovery: the store holds %w", err)
	}
	r.marks = newMarks(r.cfg.SnapshotIntervalNs, r.stored.Mark)
	r.resumed = slices.ContainsFunc(r.stored.Incarnations, func(i frame.Incarnation) bool { return i > 0 })
	if r.resumed {
		r.resumedTick = r.bases.least()
	}
	return r, nil
}

func (r *Recovery) valid(workers int) error {
	if r.SnapshotIntervalNs < 0 || r.LeaseNs < 0 || r.GiveUp < 0 || r.StoreAwayNs < 0 || r.PersistTries < 0 || r.PersistRetryNs < 0 {
		return fmt.Errorf("intervals and counts: got %d ns, %d ns, %d, %d ns, %d, %d ns, want none below 0",
			r.SnapshotIntervalNs, r.LeaseNs, r.GiveUp, r.StoreAwayNs, r.PersistTries, r.PersistRetryNs)
	}
	if r.AttachNs < 0 || (r.Living != nil && len(r.Living) != workers) {
		return fmt.Errorf("workers that live on: got %d within %d ns, want %d or none, and not below 0", len(r.Living), r.AttachNs, workers)
	}
	if len(r.Stages) == 0 {
		return errors.New("no stages")
	}
	for i, s := range r.Stages {
		if len(s.Nodes) == 0 {
			return fmt.Errorf("stage %d (%s): on no node", i, s.Name)
		}
		for j, n := range s.Nodes {
			if int(n) >= workers || (j > 0 && n <= s.Nodes[j-1]) {
				return fmt.Errorf("stage %d (%s): nodes %d, want rising ones below %d", i, s.Name, s.Nodes, workers)
			}
		}
		for _, to := range s.To {
			if int(to) >= len(r.Stages) {
				return fmt.Errorf("stage %d (%s): leads to stage %d of %d", i, s.Name, to, len(r.Stages))
			}
		}
	}
	return nil
}

// valid reports a record that does not fit the run.
func (s *Stored) valid(epoch Epoch, stages []StageShape, workers int) error {
	switch {
	case s.Epoch != epoch:
		return fmt.Errorf("the store holds epoch %d, this manager is %d; take the store over first", s.Epoch, epoch)
	case s.Incarnations != nil && len(s.Incarnations) != workers:
		return fmt.Errorf("the store holds %d workers, the run has %d", len(s.Incarnations), workers)
	case s.Bases != nil && len(s.Bases) != len(stages):
		return fmt.Errorf("the store holds %d stages, the run has %d", len(s.Bases), len(stages))
	case s.Outcome > OutputVisible:
		return fmt.Errorf("the store holds %v, which this release does not know", s.Outcome)
	}
	for i := range s.Bases {
		if len(s.Bases[i]) != workers {
			return fmt.Errorf("the store holds bases of %d nodes for stage %d, the run has %d", len(s.Bases[i]), i, workers)
		}
	}
	if len(s.Schedule.Entries) > 0 {
		return s.Schedule.Valid()
	}
	return nil
}

// grow makes room for all nodes and stages in a record that has none yet.
func (s *Stored) grow(stages, workers int) {
	if s.Incarnations == nil {
		s.Incarnations = make([]frame.Incarnation, workers)
	}
	if s.Bases == nil {
		s.Bases = make([][]Base, stages)
		for i := range s.Bases {
			s.Bases[i] = make([]Base, workers)
		}
	}
}

// valid asserts the invariants of committed bases.
func (b *bases) valid() error {
	for s := range b.units {
		need := b.need(StageID(s), b.at(nil))
		for n := range b.units[s] {
			switch u := &b.units[s][n]; {
			case u.Prev > u.Base.Base:
				return fmt.Errorf("base %d of stage %d on node %d, but the one before is %d", u.Base.Base, s, n, u.Prev)
			case u.Warm > u.Base.Base || u.PrevWarm > u.Prev || u.PrevAsk() > u.Ask():
				return fmt.Errorf("base of stage %d on node %d: %d ticks before %d, and %d before the one before, %d", s, n, u.Warm, u.Base.Base, u.PrevWarm, u.Prev)
			case u.exists && (u.Base.Base > need.Base || u.Prev > need.Prev):
				return fmt.Errorf("bases %d and %d of stage %d on node %d, but a consumer asks after %d and %d (I9)",
					u.Base.Base, u.Prev, s, n, need.Base, need.Prev)
			}
		}
	}
	return nil
}

// least is the least base of a unit.
func (b *bases) least() frame.Tick {
	least := frame.MaxTick
	for s := range b.stages {
		for _, n := range b.stages[s].Nodes {
			least = min(least, b.units[s][n].Base.Base)
		}
	}
	return least
}

// stats are the figures of recovery, nil without it.
func (r *recovery) stats() *RecoveryStats {
	if r == nil {
		return nil
	}
	t := &RecoveryStats{Managers: uint64(r.stored.Epoch), Adopted: r.adopted, Resumed: r.resumed, ResumedTick: r.resumedTick, Recoveries: r.recoveries, LeastBase: r.bases.least()}
	for s := range r.bases.stages {
		for _, n := range r.bases.stages[s].Nodes {
			u := &r.bases.units[s][n]
			t.NewestSaved = max(t.NewestSaved, u.newestSaved())
			if u.unsaved.Tick > u.newestSaved() {
				t.Unsaved = append(t.Unsaved, UnsavedUnit{Unit{StageID(s), n}, u.unsaved.Tick, u.unsaved.Reason})
			}
		}
	}
	return t
}
