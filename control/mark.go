package control

import (
	"github.com/streamscope/streamscope/ringlog/frame"
)

// marks chooses the ticks after which all units take images. A mark has to reach every unit before it executes that tick, so it lies ahead
// of all that sources have opened: by as many ticks as they open in windowNs, in which what they said is old and the mark under way, and a slack.
// The slack doubles when a unit missed a mark, and shrinks when none does; the mark after one that was missed comes sooner.
type marks struct {
	intervalNs int64
	nextAt     TimeNs // 0: not known yet
	last       frame.Tick
	slack      uint64
	// pace is how many ticks were opened in windowNs lately; seen of them at seenAt.
	pace   uint64
	seen   frame.Tick
	seenAt TimeNs
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
	// sooner is the part of the interval to wait after a miss.
	sooner   = 4
	windowNs = 250e6
	paceStep = 64
)

func newMarks(intervalNs int64, last frame.Tick) marks {
	return marks{intervalNs: intervalNs, last: last, slack: slackStart}
}

// next is the mark that is due, 0 if none is. opened is the greatest tick that any source has opened.
func (k *marks) next(now TimeNs, opened frame.Tick) frame.Tick {
	if k.nextAt == 0 {
		k.nextAt = now + TimeNs(k.intervalNs)
		k.seen, k.seenAt = opened, now
	}
	k.measure(now, opened)
	if now < k.nextAt || len(k.open) >= marksMax {
		return 0
	}
	ahead, by := max(k.last, opened), k.pace+k.slack+1
	if uint64(frame.MaxTick-ahead) <= by {
		return 0 // there are no more ticks
	}
	k.nextAt = now + TimeNs(k.intervalNs)
	k.last = ahead + frame.Tick(by)
	k.open = append(k.open, k.last)
	return k.last
}

// measure updates the pace. It grows by bounded steps: a source that was held up, or resumes, jumps over many empty ticks once, and a mark that
// far ahead would leave the job without images for as long.
func (k *marks) measure(now TimeNs, opened frame.Tick) {
	elapsed := now - k.seenAt
	if elapsed < windowNs || opened < k.seen {
		return
	}
	k.pace = min(uint64(opened-k.seen)/uint64(elapsed/windowNs), 2*k.pace+paceStep, slackMax)
	k.seen, k.seenAt = opened, now
}

// settle drops the marks that everybody has dealt with.
func (k *marks) settle(now TimeNs, dealt func(frame.Tick) (all, missed bool)) {
	left := k.open[:0]
	for _, t := range k.open {
		all, missed := dealt(t)
		switch {
		case !all:
			left = append(left, t)
		case missed:
			k.slack, k.good = min(2*k.slack, slackMax), 0
			k.nextAt = min(k.nextAt, now+TimeNs(k.intervalNs/sooner))
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
		if w.awaited || m.rec.bases.hasSource(frame.NodeID(n)) && !w.reported {
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
	m.rec.marks.settle(m.now, func(t frame.Tick) (all, missed bool) {
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
