package control

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// fail notes the cause and stops the workers. Once the output is being committed it is too late; while the workers are being stopped,
// only a better cause counts.
func (m *Machine) fail(c cause) {
	switch {
	case m.phase == Stopping && m.cause.aboutPeer && !c.aboutPeer:
		m.cause = c
		return
	case m.phase >= Committing:
		return
	}
	m.cause = c
	m.phase = Stopping
	m.deadline = m.now + TimeNs(m.cfg.StopNs)
	for i := range m.workers {
		m.stopWorker(frame.NodeID(i))
	}
	m.abortWhenAlone()
}

// stopWorker tells a worker to stop. One that was never heard of cannot be told.
func (m *Machine) stopWorker(node frame.NodeID) {
	w := &m.workers[node]
	switch {
	case w.state == Gone:
	case m.rec != nil && w.alive == 0:
		w.state = Gone
	case w.state == Absent:
		m.kill(node)
	case !w.told:
		w.told = true
		m.emit(Stop{node, m.cfg.Epoch})
	}
}

func (m *Machine) kill(node frame.NodeID) {
	w := &m.workers[node]
	if !w.killed && (m.rec == nil || w.alive != 0) {
		w.killed = true
		m.emit(Kill{node, w.alive})
	}
}

// patienceEnds kills who has not stopped and, when that did not help either, goes on without them.
func (m *Machine) patienceEnds() {
	killing := false
	for i := range m.workers {
		if w := &m.workers[i]; w.state != Gone && !w.killed {
			m.kill(frame.NodeID(i))
			killing = true
		}
	}
	if killing {
		m.deadline = m.now + TimeNs(m.cfg.StopNs)
		return
	}
	m.abort()
}

func (m *Machine) lost(ev Lost) {
	if int(ev.Node) >= len(m.workers) {
		return
	}
	w := &m.workers[ev.Node]
	if m.rec != nil {
		m.gone(ev)
		return
	}
	if w.state == Gone {
		return
	}
	w.state = Gone
	if !w.killed && !(w.told && ev.Clean) {
		m.fail(cause{reason: ev.Reason})
	}
	m.abortWhenAlone()
}

// abortWhenAlone removes the output once no worker is left that could still write to it.
func (m *Machine) abortWhenAlone() {
	if m.phase == Stopping && m.all(Gone) {
		m.abort()
	}
}

// abort ends a run that was stopped. What there is of its output is removed; with recovery it stays, for who repeats the run, or does so already.
func (m *Machine) abort() {
	if m.rec != nil {
		m.end(m.why(), m.cause.cancelled)
		return
	}
	m.phase = Aborting
	m.emit(Abort{})
}

func (m *Machine) committed(ev Committed) {
	switch {
	case m.phase != Committing:
	case m.rec == nil || ev.Reason != "":
		m.end(ev.Reason, false)
	default:
		m.rec.visible = true
		m.persist()
	}
}

func (m *Machine) aborted(ev Aborted) {
	if m.phase != Aborting {
		return
	}
	reason := m.why()
	if ev.Reason != "" {
		reason = fmt.Sprintf("%s (and then: %s)", reason, ev.Reason)
	}
	m.end(reason, m.cause.cancelled)
}

// why is the reason for which the run was stopped.
func (m *Machine) why() string {
	if m.cause.reason == "" {
		return "the run was stopped"
	}
	return m.cause.reason
}

func (m *Machine) end(reason string, cancelled bool) {
	m.phase = Ended
	m.emit(End{Outcome{Reason: reason, Cancelled: cancelled, Stats: m.stats()}})
}
