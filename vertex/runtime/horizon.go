package runtime

import (
	"math"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex"
)

// horizon finds out for an operator from which tick on its state follows from its inputs alone (PROTOCOL F3).
//
// Invariant: tops rise by tick and by vs: each is the greatest Vs up to its tick, of those rows that the state may still depend on.
type horizon struct {
	of   vertex.Horizon
	from frame.Tick // the image it began with is of this tick
	cti  frame.CTI  // of the last close
	tops []top
	next int // number of tops at which they are looked through
}

type top struct {
	tick frame.Tick
	vs   int64
}

// horizonLeast is how many tops there may be before they are looked through.
const horizonLeast = 64

func newHorizon(of vertex.Horizon) *horizon {
	return &horizon{of: of, cti: frame.MinCTI, next: horizonLeast}
}

// rows notes that rows of a tick were taken, or may be. Ticks come in order.
func (h *horizon) rows(t frame.Tick, vs []int64) {
	if len(vs) == 0 {
		return
	}
	most := slices.Max(vs)
	n := len(h.tops)
	switch {
	case n > 0 && h.tops[n-1].vs >= most:
		return
	case n > 0 && h.tops[n-1].tick == t:
		h.tops[n-1].vs = most
		return
	case n >= h.next:
		h.prune()
		h.next = max(horizonLeast, 2*len(h.tops))
	}
	h.tops = append(h.tops, top{t, most})
}

// prune forgets rows that the state does not depend on any more. Of those a tick before the first that is left is remembered: the state
// does not reach further back.
func (h *horizon) prune() {
	reach := h.reach()
	n := 0
	for n < len(h.tops) && h.tops[n].vs < reach {
		n++
	}
	h.tops = slices.Delete(h.tops, 0, n)
}

func (h *horizon) reach() int64 {
	if h.cti == frame.MinCTI {
		return math.MinInt64
	}
	return h.of.Reach(h.cti)
}

// low is the greatest tick such that the state after tick t, which was executed last, is a function of what it was given since.
func (h *horizon) low(t frame.Tick) frame.Tick {
	h.prune()
	if len(h.tops) == 0 {
		return t
	}
	return max(h.from, min(t, h.tops[0].tick-1))
}

// low is that of the task: the least of its operators'.
func (f *fused) low(t frame.Tick) frame.Tick {
	low := t
	for i := range f.nodes {
		if h := f.nodes[i].horizon; h != nil {
			low = min(low, h.low(t))
		}
	}
	return low
}

// lows are, of the images that a unit has taken lately, those without state: the tick from which on the inputs give it.
type lows map[frame.Tick]frame.Tick

// lowsMax is how many are remembered: more than wait to be saved, or to count in a base.
const lowsMax = 256

// note takes what some of the unit's tasks say of tick t; the least counts.
func (l lows) note(t, low frame.Tick) {
	if was, known := l[t]; known {
		low = min(low, was)
	}
	l[t] = low
	if len(l) <= lowsMax {
		return
	}
	oldest := t
	for k := range l {
		oldest = min(oldest, k)
	}
	delete(l, oldest)
}

// Low tells whether the image that a stage's tasks on this node took after tick t has no state, and if so, from which tick on the inputs give
// it. It may be called from any goroutine.
func (w *Worker) Low(stage int, t frame.Tick) (low frame.Tick, hollow bool) {
	w.lowsMu.Lock()
	defer w.lowsMu.Unlock()
	low, hollow = w.stages[stage].lows[t]
	return low, hollow
}

// noteLow notes how far back the state of this core's tasks reaches after tick t, of which they take an image.
func (s *stageRun) noteLow(t frame.Tick) {
	if s.st.Strategy != Replay {
		return
	}
	low := t
	for _, f := range s.tasks {
		low = min(low, f.low(t))
	}
	w := s.core.worker
	w.lowsMu.Lock()
	defer w.lowsMu.Unlock()
	if w.stages[s.index].lows == nil {
		w.stages[s.index].lows = lows{}
	}
	w.stages[s.index].lows.note(t, low)
}
