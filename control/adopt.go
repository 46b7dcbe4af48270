package control

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Living is what a worker brings along that runs already: it has outlived the manager that it followed, or its connection broke.
type Living struct {
	// Knew is the epoch of the manager that it followed.
	Knew        Epoch
	Addr        string
	CopyAddr    string `json:",omitempty"`
	Fingerprint uint64
	// Peers are those that it was told to link to, in the lives that it was told of.
	Peers []Peer
	// Restored is by stage the tick at which this life began, Marked the greatest mark that it was told.
	Restored []frame.Tick
	Marked   frame.Tick `json:",omitempty"`
	// Reported is how far it is.
	Reported Reported
}

// DefaultAttachNs is how long a new manager waits for the workers that live on.
const DefaultAttachNs = 2e9

// lives reports whether a process of the registered incarnation is known to have outlived the manager before.
func (r *recovery) lives(node int) bool {
	return len(r.cfg.Living) > 0 && r.cfg.Living[node] > 0 && r.cfg.Living[node] == r.stored.Incarnations[node]
}

// await begins with a worker that lives on: it stays registered, and is expected to attach. What it has executed is not known before it says
// so (T16).
func (m *Machine) await(node frame.NodeID) {
	w := &m.workers[node]
	w.incarnation = m.rec.stored.Incarnations[node]
	w.alive, w.awaited, w.since = w.incarnation, true, m.now
	m.rec.bases.register(node)
	m.rec.takingOver = true
}

// adopt takes a worker that runs already as it is. It must be of the registered incarnation, which counts has seen to, and run the same plan.
func (m *Machine) adopt(node frame.NodeID, w *worker, ev Hello) {
	l := ev.Living
	switch {
	case m.rec == nil || !w.awaited && w.state != Connected && w.state != Done:
		m.unexpected(node, w, "hello as one that runs")
		return
	case m.phase >= Committing:
		w.state, w.awaited, w.told = max(w.state, Greeted), false, true
		m.emit(Stop{node, m.cfg.Epoch})
		return
	}
	if complaint := m.misfit(l); complaint != "" {
		m.failed(node, fmt.Sprintf("worker %d (pid %d) lives on, but %s", node, ev.PID, complaint))
		return
	}
	m.welcome(node, w, ev)
	m.reported(node, w, l.Reported)
	if slices.Contains(m.rec.bases.behind(), node) {
		m.replace(node)
		m.persist()
		return
	}
	m.link()
	m.allRun()
}

// misfit says why a worker that runs cannot go on.
func (m *Machine) misfit(l *Living) string {
	r := m.rec
	if l.Fingerprint != m.cfg.Fingerprint {
		return fmt.Sprintf("runs another plan: fingerprint got %016x, want %016x", l.Fingerprint, m.cfg.Fingerprint)
	}
	if len(l.Restored) != len(r.cfg.Stages) {
		return fmt.Sprintf("has restored %d stages, want %d", len(l.Restored), len(r.cfg.Stages))
	}
	for _, p := range l.Peers {
		if int(p.Node) >= len(m.workers) {
			return fmt.Sprintf("is linked to node %d of %d", p.Node, len(m.workers))
		}
	}
	return r.misshapen(&l.Reported, len(m.workers))
}

// welcome notes the worker and tells it what it may have missed.
func (m *Machine) welcome(node frame.NodeID, w *worker, ev Hello) {
	l, r := ev.Living, m.rec
	if w.awaited {
		w.state = Connected
		r.adopted++
	}
	w.awaited, w.linking, w.pid, w.addr, w.copyAddr = false, true, ev.PID, l.Addr, l.CopyAddr
	w.stale = nil
	for _, p := range l.Peers {
		if p.Incarnation != m.workers[p.Node].incarnation {
			w.stale = append(w.stale, p.Node)
		}
	}
	r.bases.on(node, func(s StageID, u *unitState) { u.restored = l.Restored[s] })
	r.marks.last = max(r.marks.last, l.Marked)
	m.noteRun(node)
	m.emit(Adopt{node, m.cfg.Epoch, r.bases.needs(), slices.Clone(r.marks.open)})
}

// tookOver says, once, that all who had lived on are there or have been replaced.
func (m *Machine) tookOver() {
	r := m.rec
	if r == nil || !r.takingOver || m.phase >= Stopping {
		return
	}
	tick := frame.MaxTick
	for n := range m.workers {
		w := &m.workers[n]
		if w.awaited {
			return
		}
		r.bases.on(nodeID(n), func(_ StageID, u *unitState) {
			at := u.executed
			if w.down {
				at = u.Base.Base
			}
			tick = min(tick, at)
		})
	}
	r.takingOver = false
	if tick != frame.MaxTick { // else everything is executed
		r.resumedTick = tick
	}
	m.emit(TookOver{r.adopted, r.resumedTick})
	for n := range m.workers {
		m.spawn(nodeID(n))
	}
}

// allRun notes that every worker executes.
func (m *Machine) allRun() {
	if m.phase < Running && m.all(Connected) {
		m.phase = Running
	}
}
