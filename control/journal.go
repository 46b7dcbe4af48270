package control

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// JournalSet says whose copies of a source unit's journal, or of any unit's images, count (PROTOCOL F12). It changes by compare-and-swap of Version.
//
// Without members and life, what it kept was given up.
//
// Invariant: Members are of rising nodes, none of them the unit's own. It is not changed once made.
type JournalSet struct {
	Version uint64
	// Life of the unit's node whose records or images they are.
	Life    frame.Incarnation
	Members []JournalMember
}

// JournalMember is one life of a node.
type JournalMember struct {
	Node frame.NodeID
	Life frame.Incarnation
}

// UnitJournal is the active set of a unit.
type UnitJournal struct {
	Unit
	Set JournalSet
}

// kept is what peers keep of a unit: its journal, or its images.
type kept struct {
	Unit
	images bool
}

// set is the active set, version 0 if there never was one.
func (s *Stored) set(k kept) JournalSet {
	if k.images {
		return s.Images[k.Unit]
	}
	return s.Journals[k.Unit]
}

// applySets sets the active sets of units.
func applySets(sets map[Unit]JournalSet, to []UnitJournal) map[Unit]JournalSet {
	for _, j := range to {
		if sets == nil {
			sets = map[Unit]JournalSet{}
		}
		sets[j.Unit] = j.Set
	}
	return sets
}

// Equal compares two sets.
func (s JournalSet) Equal(t JournalSet) bool {
	return s.Version == t.Version && s.Life == t.Life && slices.Equal(s.Members, t.Members)
}

func (s JournalSet) String() string {
	return fmt.Sprintf("set %d of life %d with %d members", s.Version, s.Life, len(s.Members))
}

// Valid reports a set that cannot be one of the journal of a unit on a node, of so many nodes.
func (s JournalSet) Valid(node frame.NodeID, nodes int) error {
	if s.Version > 0 && s.Life == 0 && len(s.Members) == 0 {
		return nil
	}
	if s.Version == 0 || s.Life == 0 || len(s.Members) == 0 || len(s.Members) >= nodes {
		return fmt.Errorf("%v: want version and life above 0, and 1 to %d members", s, nodes-1)
	}
	for i, m := range s.Members {
		if int(m.Node) >= nodes || m.Node == node || m.Life == 0 || i > 0 && m.Node <= s.Members[i-1].Node {
			return fmt.Errorf("%v: member %d is node %d in its life %d, want rising ones below %d without %d", s, i, m.Node, m.Life, nodes, node)
		}
	}
	return nil
}

// activate handles the wish of a unit for another active set. Whatever the answer, it tells what is committed. Only the registered life is heard, so that
// once a life has read the set it was started with, none before it can change that any more.
func (m *Machine) activate(node frame.NodeID, w *worker, ev Activate) {
	r := m.rec
	if r == nil || int(ev.Stage) >= len(r.cfg.Stages) || !r.bases.units[ev.Stage][node].exists {
		m.unexpected(node, w, "activate")
		return
	}
	k := kept{Unit{ev.Stage, node}, ev.Images}
	if err := ev.Set.Valid(node, m.cfg.Workers); err != nil || ev.Set.Life != w.incarnation {
		m.unexpected(node, w, fmt.Sprintf("activate (%v, %v)", ev.Set, err))
		return
	}
	if now := r.stored.set(k); ev.Set.Version != now.Version+1 {
		m.emit(Activated{node, m.cfg.Epoch, ev.Stage, ev.Images, now})
		return
	}
	if r.activations == nil {
		r.activations = map[kept]JournalSet{}
	}
	r.activations[k] = ev.Set
	m.persist()
}

// takeActivations moves what is to be activated into a transaction.
func (r *recovery) takeActivations() (journals, images []UnitJournal) {
	for _, k := range slices.SortedFunc(maps.Keys(r.activations), func(a, b kept) int { return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Node, b.Node)) }) {
		switch s := r.activations[k]; {
		case s.Version != r.stored.set(k).Version+1:
		case k.images:
			images = append(images, UnitJournal{k.Unit, s})
		default:
			journals = append(journals, UnitJournal{k.Unit, s})
		}
	}
	r.activations = nil
	return journals, images
}

// activated tells the owners of journals or images what is committed. One that was replaced meanwhile has been told when it was started.
func (m *Machine) activated(all []UnitJournal, images bool) {
	for _, j := range all {
		if w := &m.workers[j.Node]; !w.down && w.incarnation == j.Set.Life {
			m.emit(Activated{j.Node, m.cfg.Epoch, j.Stage, images, j.Set})
		}
	}
}

// GiveUpJournals makes the transaction by which a run goes on although peers kept its journals and nobody of them lives any more: every unit goes back to a
// tick at which all have an image, so that what sources read again may be cut into other ticks. It is empty if there is nothing to give up.
func (s *Stored) GiveUpJournals(stages []StageShape) (t Txn, to frame.Tick, err error) {
	if len(s.Journals) == 0 {
		return Txn{}, 0, nil
	}
	to = frame.MaxTick
	each := func(visit func(Unit, Base)) {
		for i := range stages {
			for _, n := range stages[i].Nodes {
				visit(Unit{StageID(i), n}, s.Bases[i][n])
			}
		}
	}
	each(func(u Unit, b Base) {
		to = min(to, b.Base)
		if set := s.Journals[u]; len(set.Members) > 0 {
			t.Journals = append(t.Journals, UnitJournal{u, JournalSet{Version: set.Version + 1}})
		}
	})
	if len(t.Journals) == 0 {
		return Txn{}, 0, nil
	}
	t.Epoch = s.Epoch
	each(func(u Unit, b Base) {
		switch {
		case to == b.Base && b.Warm > 0, to == b.Prev && b.PrevWarm > 0:
			err = fmt.Errorf("%v has no image of its state after tick %d, and what it would be made from again went with the journals; begin anew in another directory", u, to)
		case to == b.Base:
		case to == b.Prev:
			t.Bases = append(t.Bases, UnitBase{u, Base{Base: to, Prev: to}})
		default:
			err = fmt.Errorf("%v has images after ticks %d and %d, others restart at tick %d: there is no tick to go on from; begin anew in another directory", u, b.Base, b.Prev, to)
		}
	})
	return t, to, err
}

// sets are the active ones of a node's units.
func (r *recovery) sets(node frame.NodeID, of map[Unit]JournalSet) (all []UnitJournal) {
	for s := range r.cfg.Stages {
		u := Unit{StageID(s), node}
		if set := of[u]; set.Version > 0 {
			all = append(all, UnitJournal{u, set})
		}
	}
	return all
}
