package control

import (
	"github.com/streamscope/streamscope/ringlog/frame"
)

// marks chooses the ticks after which all units take images. A mark has to reach every unit before it executes that tick, so it lies a
// slack of ticks ahead of all that sources have opened. The slack doubles when a unit missed a mark, and shrinks when none does.
type marks struct {
	intervalNs int64
	nextAt     TimeNs // 0: not known yet
	last       frame.Tick
	slack      uint64
	// open are marks that not every unit has dealt with; missed says that one of them was missed.
	open []frame.Tick
	// good counts marks in a row that nobody missed.
	good int
}

const (
	marksMax   = 2
	slackStart = 8
	slackMin   = 4
	slackMax   = 1 << 20
	// goodMarks in a row halve the slack.
	goodMarks = 4
)

func newMarks(intervalNs int64, last frame.Tick) marks {
	return marks{intervalNs: intervalNs, last: last, slack: slackStart}
}

// next is the mark that is due, 0 if none is. opened is the greatest tick that any source has opened.
func (k *marks) next(now TimeNs, opened frame.Tick) frame.Tick {
	if k.nextAt == 0 {
		k.nextAt = now + TimeNs(k.intervalNs)
	}
	if now < k.nextAt || len(k.open) >= marksMax {
		return 0
	}
	ahead := max(k.last, opened)
	if uint64(frame.MaxTick-ahead) <= k.slack+1 {
		return 0 // sources have ended
	}
	k.nextAt = now + TimeNs(k.intervalNs)
	k.last = ahead + 1 + frame.Tick(k.slack)
	k.open = append(k.open, k.last)
	return k.last
}

// settle drops the marks that everybody has dealt with.
func (k *marks) settle(dealt func(frame.Tick) (all, missed bool)) {
	left := k.open[:0]
	for _, t := range k.open {
		all, missed := dealt(t)
		switch {
		case !all:
			left = append(left, t)
		case missed:
			k.slack, k.good = min(2*k.slack, slackMax), 0
		default:
			k.praise()
		}
	}
	k.open = left
}

func (k *marks) praise() {
	if k.good++; k.good == goodMarks {
		k.slack, k.good = max(k.slack/2, slackMin), 0
	}
}

// mark sends a mark if one is due: sources must have said how far they are.
func (m *Machine) mark() {
	var opened frame.Tick
	for n := range m.workers {
		w := &m.workers[n]
		if m.rec.bases.hasSource(frame.NodeID(n)) && !w.reported {
			return
		}
		opened = max(opened, w.opened)
	}
	t := m.rec.marks.next(m.now, opened)
	if t == 0 {
		return
	}
	for n := range m.workers {
		if w := &m.workers[n]; w.state > Absent && w.state < Gone {
			m.emit(Mark{frame.NodeID(n), m.cfg.Epoch, t})
		}
	}
}

// settleMarks looks at the open marks after a report. A unit has dealt with a mark when it has an image of it or of a later tick, cannot
// save one, has passed it, or has ended.
func (m *Machine) settleMarks() {
	m.rec.marks.settle(func(t frame.Tick) (all, missed bool) {
		all = true
		for n := range m.workers {
			w := &m.workers[n]
			missed = missed || (w.missed >= t && t > w.excused)
			if w.missed >= t || w.state >= Done {
				continue
			}
			m.rec.bases.on(frame.NodeID(n), func(_ StageID, u *unitState) {
				all = all && (u.newestSaved() >= t || u.unsaved.Tick >= t || u.executed == frame.MaxTick)
			})
		}
		return all, missed
	})
}

func (b *bases) hasSource(node frame.NodeID) bool {
	for i := range b.stages {
		if b.stages[i].Source && b.units[i][node].exists {
			return true
		}
	}
	return false
}
