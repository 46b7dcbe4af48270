package control

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// persist asks the store for the next transaction, unless one is under way. Whatever changes meanwhile goes into the one after it: the
// rules are evaluated on what is committed, so that a transaction whose fate is unknown can be asked for again as it was.
func (m *Machine) persist() {
	r := m.rec
	if r == nil || r.asked != nil || m.phase >= Stopping {
		return
	}
	t := m.nextTxn()
	if t.Empty() {
		return
	}
	t.Epoch = m.cfg.Epoch
	if r.marks.last > r.stored.Mark {
		t.Mark = r.marks.last
	}
	r.asked, r.tries = &t, 1
	m.emit(Persist{t})
}

func (m *Machine) nextTxn() (t Txn) {
	r := m.rec
	switch {
	case m.phase == Committing:
		if r.visible {
			t.Outcome = OutputVisible
		}
		return t
	case r.allDone:
		t.Outcome = OutputComplete
		return t
	case len(r.stored.Schedule.Entries) == 0:
		t.Schedule = m.ticks
	}
	var fresh []frame.NodeID
	for n := range m.workers {
		if m.workers[n].down {
			t.Register = append(t.Register, Registration{nodeID(n), r.stored.Incarnations[n] + 1})
			fresh = append(fresh, nodeID(n))
		}
	}
	if len(r.unreadable) > 0 {
		t.Bases, _ = r.bases.fallBack(r.unreadable)
		r.unreadable = nil
	} else {
		t.Bases = r.bases.advance(fresh)
	}
	t.Journals, t.Images = r.takeActivations()
	return t
}

// persisted goes on after a transaction, or with another try of it.
func (m *Machine) persisted(ev Persisted) {
	r := m.rec
	if r == nil || r.asked == nil || r.retryAt != 0 {
		return
	}
	switch {
	case ev.Fenced:
		m.fenced(ev.Reason)
	case m.phase >= Stopping:
		r.asked = nil
	case ev.Reason == "":
		t := *r.asked
		r.asked = nil
		m.stored(t)
		m.persist()
	case r.tries < r.cfg.PersistTries:
		r.tries++
		r.retryAt = m.now + TimeNs(r.cfg.PersistRetryNs)
	default:
		r.asked = nil
		m.cannotPersist(fmt.Sprintf("the metadata store failed %d times: %s", r.tries, ev.Reason))
	}
}

func (m *Machine) cannotPersist(reason string) {
	if m.phase == Committing {
		m.end("the output is complete, but that could not be noted: "+reason, false)
		return
	}
	m.fail(cause{reason: reason})
}

// retryPersist asks again once its time has come.
func (m *Machine) retryPersist() {
	if r := m.rec; r.retryAt != 0 && m.now >= r.retryAt {
		r.retryAt = 0
		if m.phase < Stopping {
			m.emit(Persist{*r.asked})
		}
	}
}

// stored acts on what is committed now.
func (m *Machine) stored(t Txn) {
	r := m.rec
	r.stored.Apply(t)
	switch t.Outcome {
	case OutputComplete:
		m.commit()
		return
	case OutputVisible:
		m.end("", false)
		return
	}
	before := r.bases.needs()
	r.bases.commit(t.Bases)
	for _, reg := range t.Register {
		m.registered(reg)
	}
	m.activated(t.Journals, false)
	m.activated(t.Images, true)
	if len(t.Bases) > 0 && !before.equal(r.bases.needs()) {
		m.trim()
	}
	for _, n := range r.bases.behind() {
		m.replace(n)
	}
}

// trim tells everybody what may be removed. Who is not there yet hears of it when it starts.
func (m *Machine) trim() {
	needs := m.rec.bases.needs()
	for n := range m.workers {
		if w := &m.workers[n]; w.state > Absent && w.state < Gone {
			m.emit(Trim{nodeID(n), m.cfg.Epoch, needs})
		}
	}
}

// fenced ends this manager: the workers are another's now.
func (m *Machine) fenced(reason string) {
	m.phase = Ended
	m.emit(End{Outcome{Reason: reason, Fenced: true, Stats: m.stats()}})
}
