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
	if w.state == Gone {
		return
	}
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
	case Failed:
		w.stats = ev.Stats
		w.state = Done
		m.fail(cause{reason: ev.Reason, aboutPeer: ev.AboutPeer})
	case Stopped:
		m.stopped(f.Node, w)
	}
}

// unexpected fails the run for a worker that does not keep to the order of events. While the run is ending such events may be
// under way, and mean nothing.
func (m *Machine) unexpected(node frame.NodeID, w *worker, what string) {
	if m.phase < Committing {
		m.fail(cause{reason: fmt.Sprintf("worker %d%s said %s out of turn", node, w.process(), what)})
	}
}

func (m *Machine) hello(node frame.NodeID, w *worker, ev Hello) {
	if w.state != Absent {
		m.unexpected(node, w, "hello")
		return
	}
	w.state, w.pid = Greeted, ev.PID
	if m.phase >= Stopping {
		m.stopWorker(node)
		return
	}
	m.emit(Start{node, Assignment{
		Epoch: m.cfg.Epoch, Node: node, Nodes: m.cfg.Workers, Cores: m.cfg.Cores, Schedule: m.ticks,
	}})
}

func (m *Machine) ready(node frame.NodeID, w *worker, ev Ready) {
	if w.state != Greeted || m.phase != Gathering {
		m.unexpected(node, w, "ready")
		return
	}
	if ev.Fingerprint != m.cfg.Fingerprint {
		m.fail(cause{reason: fmt.Sprintf("worker %d%s built another plan: fingerprint got %016x, want %016x; is its binary or its input another one?",
			node, w.process(), ev.Fingerprint, m.cfg.Fingerprint)})
		return
	}
	w.state, w.addr = Prepared, ev.Addr
	if !m.all(Prepared) {
		return
	}
	m.phase = Linking
	peers := make([]Peer, len(m.workers))
	for i := range m.workers {
		peers[i] = Peer{Node: frame.NodeID(i), Addr: m.workers[i].addr}
	}
	for i := range m.workers {
		m.emit(Connect{frame.NodeID(i), m.cfg.Epoch, peers})
	}
}

func (m *Machine) linked(node frame.NodeID, w *worker) {
	if w.state != Prepared || m.phase != Linking {
		m.unexpected(node, w, "linked")
		return
	}
	w.state = Connected
	if !m.all(Connected) {
		return
	}
	m.phase = Running
	for i := range m.workers {
		m.emit(Run{frame.NodeID(i), m.cfg.Epoch})
	}
}

func (m *Machine) progress(w *worker, s WorkerStats) {
	w.stats = s
	if m.phase == Running {
		m.emit(Report{m.stats()})
	}
}

func (m *Machine) finished(node frame.NodeID, w *worker, ev Finished) {
	if w.state != Connected || m.phase != Running {
		if w.state != Done {
			m.unexpected(node, w, "finished")
		}
		return
	}
	w.state, w.stats = Done, ev.Stats
	if !m.all(Done) {
		return
	}
	// Nobody needs anybody's links any more.
	m.phase = Committing
	for i := range m.workers {
		m.stopWorker(frame.NodeID(i))
	}
	m.emit(Commit{})
}

func (m *Machine) stopped(node frame.NodeID, w *worker) {
	if !w.told {
		m.unexpected(node, w, "stopped")
	}
	w.state = Gone
	m.abortWhenAlone()
}

func (m *Machine) stats() RunStats {
	all := make([]WorkerStats, len(m.workers))
	for i := range m.workers {
		all[i] = m.workers[i].stats
		all[i].PID = m.workers[i].pid
	}
	return mergeStats(m.cfg.Stages, all)
}
