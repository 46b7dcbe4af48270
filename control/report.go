package control

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// resume begins with what the store holds: who lives on is awaited, the others are registered anew; nobody, if the output is there.
func (m *Machine) resume() {
	r := m.rec
	if len(r.stored.Schedule.Entries) > 0 {
		m.ticks = r.stored.Schedule
	}
	if r.stored.Outcome == OutputOpen {
		for i := range m.workers {
			if r.lives(i) {
				m.await(nodeID(i))
			} else {
				m.workers[i].down = true
			}
		}
		m.persist()
		return
	}
	for i := range m.workers {
		m.workers[i].state = Gone
	}
	if r.stored.Outcome == OutputComplete {
		m.commit()
		return
	}
	m.end("", false)
}

// passTime does what is due under recovery. When the manager itself was away for long, as its clock says, nobody else is blamed.
func (m *Machine) passTime(by TimeNs) {
	m.retryPersist()
	if m.phase >= Committing || m.rec.allDone {
		return
	}
	m.watch(by > TimeNs(m.rec.cfg.LeaseNs)/2)
	if m.phase <= Running {
		m.mark()
	}
}

// reported takes a worker's report, and lets bases advance.
func (m *Machine) reported(node frame.NodeID, w *worker, ev Reported) {
	r := m.rec
	if r == nil || m.phase >= Committing {
		return
	}
	if complaint := r.misshapen(&ev, len(m.workers)); complaint != "" {
		m.unexpected(node, w, complaint)
		return
	}
	w.reported = true
	w.missed = max(w.missed, ev.Missed)
	if ev.Opened < frame.MaxTick {
		w.opened = max(w.opened, ev.Opened)
	}
	if ev.Held != nil {
		w.held = ev.Held
	}
	w.further = r.bases.report(node, &ev) || w.further
	m.noteReached(node)
	if t := r.bases.reached(node); t > w.reached {
		w.reached, w.failures, w.blame, w.further = t, 0, 0, false
	}
	m.settleMarks()
	if r.bases.leftBehind(node, r.marks.open) {
		m.replace(node)
	}
	m.persist()
}

func (r *recovery) misshapen(ev *Reported, nodes int) string {
	stages := len(r.cfg.Stages)
	if len(ev.Executed) != stages {
		return fmt.Sprintf("a report of %d stages, want %d,", len(ev.Executed), stages)
	}
	for _, s := range ev.Saved {
		if int(s.Stage) >= stages {
			return fmt.Sprintf("an image of stage %d of %d", s.Stage, stages)
		}
	}
	for _, s := range ev.Hollow {
		if int(s.Stage) >= stages {
			return fmt.Sprintf("an image of stage %d of %d", s.Stage, stages)
		}
	}
	for _, s := range ev.Unsaved {
		if int(s.Stage) >= stages {
			return fmt.Sprintf("a lost image of stage %d of %d", s.Stage, stages)
		}
	}
	if err := ev.Held.valid(stages, nodes); err != nil {
		return err.Error()
	}
	return ""
}

// unreadable takes a unit back to its generation before. There has to be one.
func (m *Machine) unreadable(node frame.NodeID, ev Failed) {
	r := m.rec
	at := *ev.Unreadable
	if int(at.Stage) >= len(r.cfg.Stages) || !r.bases.units[at.Stage][node].exists || r.bases.units[at.Stage][node].asked != at.Tick || at.Tick == 0 {
		m.failed(node, ev.Reason)
		return
	}
	u := r.bases.units[at.Stage][node]
	if u.Prev == u.Base.Base {
		m.fail(cause{reason: fmt.Sprintf("stage %d (%s) on node %d cannot restart: its image at tick %d cannot be read, and none before it is kept: %s",
			at.Stage, r.cfg.Stages[at.Stage].Name, node, at.Tick, ev.Reason)})
		return
	}
	r.unreadable = append(r.unreadable, Unit{at.Stage, node})
	m.replace(node)
	m.persist()
}

func (n Needs) equal(o Needs) bool {
	for s := range n {
		for i := range n[s] {
			if n[s][i] != o[s][i] {
				return false
			}
		}
	}
	return true
}
