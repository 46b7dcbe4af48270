package live

import (
	"slices"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Outage follows the output after a fault: it may go on for a while with what the victim had still sent, stand still, and go on by fits and starts
// until the victim's successor has caught up.
type Outage struct {
	At   time.Time
	Node int
	// Longest is how long the output has stood still at a time, since At.
	Longest time.Duration

	dies     bool
	life     uint32       // the victim's
	executed []frame.Tick // by the victim
	last     time.Time    // when the output went on
}

// Outage begins one: a worker is hurt now, so that it dies or does not. Node -1 stands for the manager and all workers at once: such an outage is over
// with the first tick.
func (ws Workers) Outage(node int, dies bool, now time.Time) Outage {
	if node < 0 {
		return Outage{At: now, Node: node, last: now}
	}
	w := &ws[node]
	return Outage{At: now, Node: node, dies: dies, life: w.Life, executed: slices.Clone(w.Executed), last: now}
}

// Advanced notes that the last stage has executed a tick that it had not before, by a report that ws have heard already. It reports whether the
// outage is over: the worker, or its successor if it was to die, has executed more than the worker had.
func (o *Outage) Advanced(ws Workers, now time.Time) (over bool) {
	o.Longest = max(o.Longest, now.Sub(o.last))
	o.last = now
	if o.Node < 0 {
		return true
	}
	w := &ws[o.Node]
	if (o.dies && w.Life <= o.life) || len(w.Executed) < len(o.executed) {
		return false
	}
	for i, t := range o.executed {
		if w.Executed[i] < t || (w.Executed[i] == t && t != frame.MaxTick) {
			return false
		}
	}
	return true
}
