package control

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// fromWorker handles an event of a worker. Events of unknown nodes, other epochs and workers that are gone have no effect.
func (m *Machine) fromWorker(f From, ev Event) {
	if f.Epoch != m.cfg.Epoch || int(f.Node) >= len(m.workers) {
		return
	}
	w := &m.workers[f.Node]
	if w.state == Gone || !m.counts(w, f) {
		return
	}
	w.heard = m.now
	switch ev := ev.(type) {
	case Hello:
		m.hello(f.Node, w, ev)
	case Ready:
		m.ready(f.Node, w, ev)
	case Linked:
		m.linked(f.Node, w)
	case Progress:
		m.progress(w, ev.Stats)
	case Finished:
		m.finished(f.Node, w, ev)
	case Reported:
		m.reported(f.Node, w, ev)
	case Activate:
		m.activate(f.Node, w, ev)
	case Failed:
		m.workerFailed(f.Node, w, ev)
	case Stopped:
		m.stopped(f.Node, w)
	}
}

// unexpected fails the run for a worker that does not keep to the order of events. While the run is ending such events may be
// under way, and mean nothing.
func (m *Machine) unexpected(node frame.NodeID, w *worker, what string) {
	if m.phase >= Committing {
		return
	}
	reason := fmt.Sprintf("worker %d%s said %s out of turn", node, w.process(), what)
	if m.rec != nil {
		m.failed(node, reason)
		return
	}
	m.fail(cause{reason: reason})
}

// in reports whether a step of a worker that belongs to a phase may be taken now: with recovery each worker has its own pace.
func (m *Machine) in(p Phase) bool {
	if m.rec != nil {
		return m.phase < Committing
	}
	return m.phase == p
}

func (m *Machine) hello(node frame.NodeID, w *worker, ev Hello) {
	if ev.Living != nil {
		m.adopt(node, w, ev)
		return
	}
	if w.state != Absent || w.awaited {
		m.unexpected(node, w, "hello")
		return
	}
	w.state, w.pid = Greeted, ev.PID
	if m.phase >= Stopping {
		m.stopWorker(node)
		return
	}
	w.since = m.now
	a := m.assignment(node)
	for _, p := range a.Peers {
		m.emit(Admit{p.Node, m.cfg.Epoch, Peer{Node: node, Incarnation: w.incarnation}})
	}
	m.emit(Start{node, a})
}

func (m *Machine) ready(node frame.NodeID, w *worker, ev Ready) {
	if w.state != Greeted || !m.in(Gathering) {
		m.unexpected(node, w, "ready")
		return
	}
	if ev.Fingerprint != m.cfg.Fingerprint {
		m.fail(cause{reason: fmt.Sprintf("worker %d%s built another plan: fingerprint got %016x, want %016x; is its binary or its input another one?",
			node, w.process(), ev.Fingerprint, m.cfg.Fingerprint)})
		return
	}
	w.state, w.addr, w.copyAddr = Prepared, ev.Addr, ev.CopyAddr
	w.away = away{}
	m.link()
}

func (m *Machine) linked(node frame.NodeID, w *worker) {
	if w.state != Prepared || !w.linking || !m.in(Linking) {
		m.unexpected(node, w, "linked")
		return
	}
	w.state = Connected
	if m.rec != nil {
		m.noteRun(node)
		m.emit(Run{node, m.cfg.Epoch})
	}
	if m.phase == Running || !m.all(Connected) {
		return
	}
	m.allRun()
	for i := range m.workers {
		if m.rec == nil {
			m.emit(Run{frame.NodeID(i), m.cfg.Epoch})
		}
	}
}

func (m *Machine) progress(w *worker, s WorkerStats) {
	m.noteStats(w, s)
	if m.phase == Running {
		m.emit(Report{m.stats()})
	}
}

// noteStats takes a worker's figures. What the first ones of a node say in a run that goes on was read before this manager began.
func (m *Machine) noteStats(w *worker, s WorkerStats) {
	if !w.counted && m.rec != nil && m.rec.resumed {
		w.before = s.EventsIn
	}
	w.stats, w.counted = s, true
}

func (m *Machine) finished(node frame.NodeID, w *worker, ev Finished) {
	if w.state != Connected || !m.in(Running) {
		if w.state != Done {
			m.unexpected(node, w, "finished")
		}
		return
	}
	w.state = Done
	m.noteStats(w, ev.Stats)
	if !m.all(Done) {
		return
	}
	if m.rec == nil {
		m.commit()
		return
	}
	m.rec.allDone = true
	m.persist()
}

// commit makes the output visible. Nobody needs anybody's links any more.
func (m *Machine) commit() {
	m.phase = Committing
	for i := range m.workers {
		m.stopWorker(frame.NodeID(i))
	}
	m.emit(Commit{})
}

// workerFailed handles what a worker says of itself.
func (m *Machine) workerFailed(node frame.NodeID, w *worker, ev Failed) {
	w.stats = ev.Stats
	switch {
	case m.rec == nil || m.phase >= Committing:
		w.state = Done
		m.fail(cause{reason: ev.Reason, aboutPeer: ev.AboutPeer})
	case m.rec.allDone: // it served its peers, who have finished
	case ev.Final:
		m.fail(cause{reason: ev.Reason})
	case ev.Unreadable != nil:
		m.unreadable(node, ev)
	case ev.Dropped:
		m.regenerate(node)
	case ev.StoreAway:
		m.storeAway(node, ev.Reason)
	default:
		m.failed(node, ev.Reason)
	}
}

func (m *Machine) stopped(node frame.NodeID, w *worker) {
	if !w.told {
		m.unexpected(node, w, "stopped")
		if m.rec != nil {
			return // it is replaced, or the run fails
		}
	}
	w.state = Gone
	m.abortWhenAlone()
}

func (m *Machine) stats() RunStats {
	all, before := make([]WorkerStats, len(m.workers)), uint64(0)
	for i := range m.workers {
		all[i] = m.workers[i].stats
		all[i].PID = m.workers[i].pid
		before += m.workers[i].before
	}
	s := mergeStats(m.cfg.Stages, all)
	s.EventsBefore = min(before, s.EventsIn)
	s.Recovery = m.rec.stats()
	return s
}
