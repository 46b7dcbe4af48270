package persist

import (
	"cmp"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// backlog is what waits to be persisted. Frames are ordered once, when their ticks are whole, and objects cut off the front: what a store that was
// away for long has let pile up costs each of the objects that follow nothing.
//
// Invariants:
//   - ready and fresh hold all that was written of ticks above passed
//   - ready holds those of them that begin up to ordered, and perhaps some behind, by the tick that begin tells; fresh the others, as they came
type backlog struct {
	passed, ordered frame.Tick
	ready, fresh    []shuffle.Written
	bytes           uint64 // of both
}

func newBacklog(passed frame.Tick) backlog { return backlog{passed: passed, ordered: passed} }

func (b *backlog) add(w shuffle.Written) {
	if w.Last <= b.passed {
		return
	}
	if w.First <= b.ordered { // closes again what was closed
		b.ordered = b.passed
	}
	b.fresh = append(b.fresh, w)
	b.bytes += uint64(w.Len)
}

// begin is the tick of an object's index that a frame is under.
func (b *backlog) begin(w *shuffle.Written) frame.Tick { return max(w.First, b.passed+1) }

// sort sorts by tick, within a tick rows before closes, and then by log.
func (b *backlog) sort(frames []shuffle.Written) {
	slices.SortFunc(frames, func(x, y shuffle.Written) int {
		return cmp.Or(cmp.Compare(b.begin(&x), b.begin(&y)), cmp.Compare(x.Type, y.Type), cmp.Compare(x.Core, y.Core), cmp.Compare(x.Node, y.Node),
			cmp.Compare(x.Pos, y.Pos))
	})
}

const _ = uint(frame.Close - frame.Data - 1) // the order of sort

// order makes what begins up to tick t ready.
func (b *backlog) order(t frame.Tick) {
	if t <= b.ordered {
		return
	}
	rest := b.fresh[:0]
	for _, w := range b.fresh {
		if w.First <= t {
			b.ready = append(b.ready, w)
		} else {
			rest = append(rest, w)
		}
	}
	if cap(rest) > framesSpare && len(rest) < cap(rest)/4 {
		rest = slices.Clone(rest) // what waited for long had needed more room than what comes after it
	}
	b.fresh, b.ordered = rest, t
	b.sort(b.ready)
}

// framesSpare is how many frames may have room that is not used.
const framesSpare = 4096

// through returns the frames that begin up to t, until the next call; t is at most whole.
func (b *backlog) through(t, whole frame.Tick) []shuffle.Written {
	if t > b.ordered {
		b.order(whole)
	}
	return b.ready[:b.count(t)]
}

// count is how many ready frames begin up to tick t.
func (b *backlog) count(t frame.Tick) int {
	n := 0
	for n < len(b.ready) && b.ready[n].First <= t {
		n++
	}
	return n
}

// plan is an object to be written: frames in the order of backlog.sort, valid until the backlog changes.
type plan struct {
	first, last frame.Tick
	gap         bool
	frames      []shuffle.Written
	bytes       uint64
}

// plan takes as many whole ticks as an object should have, one at least.
func (b *backlog) plan(whole frame.Tick, objectBytes uint64) plan {
	pl, full := b.cut(objectBytes)
	if !full {
		b.order(whole)
		if pl, full = b.cut(objectBytes); !full {
			pl.last = whole
		}
	}
	b.sort(pl.frames) // closes of earlier objects come behind the rows of the first tick
	return pl
}

// cut takes ready ticks until they are an object; full tells whether they are, and others follow.
func (b *backlog) cut(objectBytes uint64) (pl plan, full bool) {
	pl = plan{first: b.passed + 1, frames: b.ready}
	for i := range b.ready {
		w := &b.ready[i]
		if t := b.begin(w); pl.bytes >= objectBytes && t > b.begin(&b.ready[i-1]) {
			pl.last, pl.frames = t-1, b.ready[:i]
			return pl, true
		}
		pl.bytes += uint64(w.Len)
	}
	return pl, false
}

// pass forgets what is of ticks up to t, which have been planned, or asked for with through.
func (b *backlog) pass(t frame.Tick) {
	n := b.count(t)
	keep := n
	for i := n - 1; i >= 0; i-- {
		if w := b.ready[i]; w.Last > t {
			keep--
			b.ready[keep] = w
		} else {
			b.bytes -= uint64(w.Len)
		}
	}
	b.passed, b.ready = t, b.ready[keep:]
	if len(b.ready) == 0 {
		b.ready = nil
	}
}
