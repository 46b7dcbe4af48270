package simtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Journals at peers, as vertex/runtime's Node has them, without goroutines: a worker is made once they have told what its former lives wrote.

// written is what was ever durable in the journals of a run, over all lives.
type written struct {
	records map[recordKey]journal.Record
	last    map[recordKey]frame.Tick // by task
}

// recordKey is a record, or with tick 0 a task.
type recordKey struct {
	node frame.NodeID
	task frame.TaskID
	tick frame.Tick
}

// note takes a record that has become durable: I4, entries of a tick agree over all lives.
func (s *Sim) note(node frame.NodeID, r journal.Record) {
	if r.Input != nil {
		return // its reader compares it
	}
	r.Number = 0
	w := &s.written
	if w.records == nil {
		w.records, w.last = map[recordKey]journal.Record{}, map[recordKey]frame.Tick{}
	}
	key, task := recordKey{node, r.Task, r.First}, recordKey{node, r.Task, 0}
	if was, ok := w.records[key]; ok {
		if fmt.Sprint(was) != fmt.Sprint(r) {
			s.fail(fmt.Errorf("I4: the journal of node %d had %+v, and has %+v", node, was, r))
		}
		return
	}
	if last := w.last[task]; r.First <= last {
		s.fail(fmt.Errorf("I4: the journal of node %d went to tick %d of task %d, and has %+v", node, last, r.Task, r))
	}
	w.records[key], w.last[task] = r, r.Last
}

// peerJournal is a journal at peers whose records are checked as they become durable.
type peerJournal struct {
	*journal.Peers
	w    *worker
	open []journal.Record // that are not durable
}

func (j *peerJournal) Append(r journal.Record) (uint64, error) {
	n, err := j.Peers.Append(r)
	if err == nil {
		r = r.Clone()
		r.Number = n
		j.open = append(j.open, r)
	}
	return n, err
}

func (j *peerJournal) Durable() uint64 {
	n := j.Peers.Durable()
	for len(j.open) > 0 && j.open[0].Number <= n {
		j.w.sim.note(j.w.node, j.open[0])
		j.open = j.open[1:]
	}
	return n
}

// startStepsMax is how long a life waits for those that keep its journals, in steps.
const startStepsMax = 60_000

// slowNs is how long, of simulated time, a peer may take for a record.
const slowNs = 2e6

// openJournals asks peers for what former lives wrote, and has the worker built once they have answered.
func (w *worker) openJournals(a control.Assignment, build func(*runtime.Recovery) error, r *runtime.Recovery) error {
	s, p := w.sim, w.sim.cfg.Plan
	living, active := living(a), activeSets(a.Journals)
	if s.cfg.Broken == R17 {
		for stage, set := range active {
			active[stage] = withoutLost(set, living)
		}
	}
	w.journals = map[int]*peerJournal{}
	for i := range p.Stages {
		if p.Stages[i].Source == nil || p.TasksOn(i, w.node, s.cfg.Limits.Nodes).Count == 0 {
			continue
		}
		w.journals[i] = &peerJournal{w: w, Peers: journal.OpenPeers(journal.PeersConfig{
			Streams: w.copier.streams, Stage: i, Self: replica.Member{Node: w.node, Life: w.incarnation}, K: s.cfg.Faults.JournalPeers, Active: active[i], Living: living,
			Changed: func() {}, Wish: func() {}, Fail: w.fail, SlowNs: slowNs, MaxBytes: s.cfg.Faults.JournalBytes,
		})}
	}
	r.Journal = func(stage int, _ func()) (runtime.Journal, []journal.Record, error) {
		j := w.journals[stage]
		records, err := j.Records()
		for _, rec := range records {
			rec.Runs = slices.Clone(rec.Runs)
			j.open = append(j.open, rec)
		}
		return j, records, err
	}
	w.await(build, r)
	return nil
}

// await has the worker built once all that peers keep is here.
func (w *worker) await(build func(*runtime.Recovery) error, r *runtime.Recovery) {
	w.patience = w.sim.steps + startStepsMax
	w.build = func() error { return build(r) }
}

// living are the peers that a life is told of.
func living(a control.Assignment) (all []replica.Member) {
	for _, q := range a.Peers {
		all = append(all, replica.Member{Node: q.Node, Life: q.Incarnation})
	}
	return all
}

// activeSets are the active sets that a life is told of, by stage.
func activeSets(all []control.UnitJournal) map[int]replica.Set {
	active := map[int]replica.Set{}
	for _, u := range all {
		active[int(u.Stage)] = replicaSet(u.Set)
	}
	return active
}

func replicaSet(set control.JournalSet) replica.Set {
	s := replica.Set{Version: set.Version, Life: set.Life}
	for _, m := range set.Members {
		s.Members = append(s.Members, replica.Member{Node: m.Node, Life: m.Life})
	}
	return s
}

func controlSet(s replica.Set) control.JournalSet {
	set := control.JournalSet{Version: s.Version, Life: s.Life}
	for _, m := range s.Members {
		set.Members = append(set.Members, control.JournalMember{Node: m.Node, Life: m.Life})
	}
	return set
}

// here tells whether all that peers keep of former lives is.
func (w *worker) here() bool {
	for _, stage := range slices.Sorted(maps.Keys(w.journals)) {
		select {
		case <-w.journals[stage].Done():
		default:
			return false
		}
	}
	return w.images.here()
}

// tryBuild makes the worker if its journals and images are here.
func (w *worker) tryBuild() {
	if !w.here() {
		if w.sim.steps > w.patience {
			w.build = nil
			w.tell(control.Failed{From: w.from(), Reason: "peers that keep the journal, or images, do not answer"})
		}
		return
	}
	build := w.build
	w.build = nil
	err := build()
	switch {
	case errors.Is(err, replica.ErrLost):
		w.lost(err)
	case err != nil:
		w.fail(err)
	default:
		for _, j := range w.journals {
			j.Living(w.copier.streams.Linked())
		}
		w.images.linked()
		if w.copier.fetched == nil {
			w.ready()
		}
	}
}

// lost ends the run in words, if it is true that nobody has the journal.
func (w *worker) lost(err error) {
	for stage, j := range w.journals {
		if _, jerr := j.Records(); !errors.Is(jerr, replica.ErrLost) {
			continue
		}
		w.checkLost(w.sim.stored.Journals, stage, err)
	}
	w.tell(control.Failed{From: w.from(), Reason: err.Error(), Final: true})
}

// checkLost looks whether it is true that nobody lives any more who kept what a unit's life was to take over. One that has failed is being replaced, and so is one that
// was silent for longer than its lease, or has not attached in time to a manager that took over: that is looked at when the run has ended.
func (w *worker) checkLost(sets map[control.Unit]control.JournalSet, stage int, err error) {
	s := w.sim
	for _, c := range sets[control.Unit{Stage: control.StageID(stage), Node: w.node}].Members {
		m := replica.Member{Node: c.Node, Life: c.Life}
		switch o := s.workers[m.Node]; {
		case o.dead || o.incarnation != m.Life || o.doomed || o.failed:
		case (s.cfg.Faults.LeaseNs > 0 || s.impatient) && !slices.Contains(w.living, m):
			s.silent = append(s.silent, m)
		default:
			s.fail(fmt.Errorf("%w, but node %d lives in its life %d", err, m.Node, m.Life))
		}
	}
}

// checkSilent looks at the end whether those were replaced that were taken for lost.
func (s *Sim) checkSilent() error {
	for _, m := range s.silent {
		if s.workers[m.Node].incarnation == m.Life {
			return fmt.Errorf("R24a: %v was taken for lost, and is there at the end", m)
		}
	}
	return nil
}

// wish tells the manager which sets are to be activated.
func (w *worker) wish() {
	for _, stage := range slices.Sorted(maps.Keys(w.journals)) {
		w.journals[stage].Clock(w.sim.now)
	}
	for _, stage := range slices.Sorted(maps.Keys(w.journals)) {
		s, ok := w.journals[stage].Wanted()
		if !ok {
			continue
		}
		w.tell(control.Activate{From: w.from(), Stage: control.StageID(stage), Set: controlSet(s)})
	}
	w.images.wish()
}

func (w *worker) activated(cmd control.Activated) {
	stage, set := int(cmd.Stage), replicaSet(cmd.Set)
	if cmd.Images {
		w.images.stores[stage].Guard().Activated(set)
	} else if j := w.journals[stage]; j != nil {
		j.Activated(set)
	}
}
