package replica

import (
	"math"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// span is ticks from first to last.
type span struct{ first, last frame.Tick }

// Forget says that nobody will want the entries of one tick, whatever lies below it. Peers are told.
func (w *Owned) Forget(t frame.Tick) {
	n := w.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if t <= w.drop {
		return
	}
	w.spans = w.absorb(insert(w.spans, t))
	w.dropID++
	w.tail.remove(func(k *kept) bool { return k.tick == t })
	w.wakeAll()
}

// insert adds a tick to spans, which rise and do not touch; none is longer than a message can say.
func insert(spans []span, t frame.Tick) []span {
	i, found := slices.BinarySearchFunc(spans, t, func(s span, t frame.Tick) int {
		switch {
		case s.last < t:
			return -1
		case s.first > t:
			return 1
		}
		return 0
	})
	switch {
	case found:
		return spans
	case i > 0 && spans[i-1].last+1 == t && t-spans[i-1].first < math.MaxUint32:
		spans[i-1].last = t
		if i < len(spans) && spans[i].first == t+1 && spans[i].last-spans[i-1].first < math.MaxUint32 {
			spans[i-1].last = spans[i].last
			spans = slices.Delete(spans, i, i+1)
		}
		return spans
	case i < len(spans) && spans[i].first == t+1 && spans[i].last-t < math.MaxUint32:
		spans[i].first = t
		return spans
	}
	return slices.Insert(spans, i, span{t, t})
}

// absorb takes the spans that drop reaches into drop.
func (w *Owned) absorb(spans []span) []span {
	for len(spans) > 0 && spans[0].first <= w.drop+1 {
		w.drop = max(w.drop, spans[0].last)
		spans = slices.Delete(spans, 0, 1)
	}
	return spans
}

// promised is the life that a stream is promised to, 0 if to none.
func (h *Holder) promised(s Stream) frame.Incarnation {
	if st := h.streams[s]; st != nil {
		return st.promised
	}
	return 0
}
