package shuffle

import (
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// waits is what a core or a link has to write that found no room. One goroutine notes it, anybody reads it.
type waits struct {
	any atomic.Bool
	mu  struct {
		sync.Mutex
		byEdge  []wait
		changes uint64
	}
}

// wait is of one edge; tick 0: none.
type wait struct {
	out  frame.Tick // something of this tick is not written
	stop frame.Tick // rows of this tick were not even taken: who emits them cannot go on
}

func (w *waits) init(edges int) { w.mu.byEdge = make([]wait, edges) }

// refused notes that there was no room for something of tick t.
func (w *waits) refused(e frame.EdgeID, t frame.Tick) {
	w.set(e, wait{out: t, stop: w.mu.byEdge[e].stop})
}

// stopped notes that rows of tick t were not taken, since there was no room for what is to be written before them.
func (w *waits) stopped(e frame.EdgeID, t frame.Tick) {
	w.set(e, wait{out: w.mu.byEdge[e].out, stop: t})
}

// written notes that there was room for what waited.
func (w *waits) written(e frame.EdgeID) {
	if w.any.Load() {
		w.set(e, wait{})
	}
}

func (w *waits) set(e frame.EdgeID, now wait) {
	if w.mu.byEdge[e] == now { // written by this goroutine only
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.byEdge[e] = now
	w.mu.changes++
	some := false
	for _, v := range w.mu.byEdge {
		some = some || v != wait{}
	}
	w.any.Store(some)
}

// each calls f for all that waits and returns the number of changes so far.
func (w *waits) each(f func(frame.EdgeID, wait)) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for e, v := range w.mu.byEdge {
		if v.out != 0 {
			f(frame.EdgeID(e), v)
		}
	}
	return w.mu.changes
}

// Blocked reports whether a core or a link waits for a segment.
func (x *Exchange) Blocked() bool {
	for _, p := range x.ports {
		if p.waits.any.Load() {
			return true
		}
	}
	for _, in := range x.from {
		if in != nil && in.waits.any.Load() {
			return true
		}
	}
	return false
}

// Overflow is a tick that does not fit the arena.
type Overflow struct {
	Edge frame.EdgeID
	Tick frame.Tick // the least one that waits for room
}

// Overflow reports whether what waits for room waits for ever: nothing is spilled, and all that the arena holds is needed until something that
// waits is written. It is not told of every standstill: where somebody else may still free a segment, the answer is no.
//
// It relies on how stages go on: a stage begins a tick when all its inputs have closed it, and closes a tick on all its out edges before it
// begins the next.
func (x *Exchange) Overflow() (Overflow, bool) {
	if !x.Blocked() {
		return Overflow{}, false
	}
	f := newFates(x)
	if x.cfg.Arena.Stuck(f.pinned) && f.changes == newFates(x).changes {
		return f.least, true
	}
	return Overflow{}, false
}

// fates says what cannot happen on this node before something that waits for room is written.
type fates struct {
	x       *Exchange
	changes uint64
	least   Overflow
	here    []frame.Tick // by edge: the least tick that its destination tasks here will not have executed
	there   []frame.Tick // by edge: the least tick that its source tasks here will not have closed
}

func newFates(x *Exchange) *fates {
	f := &fates{x: x, least: Overflow{Tick: frame.MaxTick}, here: make([]frame.Tick, len(x.edges)), there: make([]frame.Tick, len(x.edges))}
	for i := range f.here {
		f.here[i], f.there[i] = frame.MaxTick, frame.MaxTick
	}
	for _, p := range x.ports {
		f.changes += p.waits.each(func(e frame.EdgeID, w wait) {
			f.note(e, w.out)
			f.unclosed(e, w.out)
			next := max(w.out, w.out+1)
			if w.stop != 0 {
				next = min(next, w.stop)
			}
			f.stalled(x.edges[e].Source, next)
		})
	}
	for _, in := range x.from {
		if in != nil {
			f.changes += in.waits.each(func(e frame.EdgeID, w wait) {
				f.note(e, w.out)
				f.stalled(x.edges[e].Destination, w.out)
			})
		}
	}
	return f
}

func (f *fates) note(e frame.EdgeID, t frame.Tick) {
	if t < f.least.Tick {
		f.least = Overflow{e, t}
	}
}

// unclosed notes that not all source tasks here close tick t on the edge: no destination task executes it.
func (f *fates) unclosed(e frame.EdgeID, t frame.Tick) {
	if t < f.there[e] {
		f.there[e] = t
		f.stalled(f.x.edges[e].Destination, t)
	}
}

// stalled notes that not all tasks of a stage here execute tick t: they need its inputs, and do not close it.
func (f *fates) stalled(stage TaskRange, t frame.Tick) {
	for i := range f.x.edges {
		e := &f.x.edges[i]
		if e.Destination == stage {
			f.here[i] = min(f.here[i], t)
		}
		if e.Source == stage {
			f.unclosed(e.ID, t)
		}
	}
}

// pinned reports whether a frame is needed until something that waits is written.
func (f *fates) pinned(c frame.Chain, t frame.Tick) bool {
	if c.Node == f.x.self {
		return t >= f.here[c.Edge]
	}
	return t >= f.there[c.Edge]
}
