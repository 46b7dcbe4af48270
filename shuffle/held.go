package shuffle

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// ErrTripwire wraps the news that a computation has come to other rows than an earlier life of its node did from the same inputs.
var ErrTripwire = errors.New("a vertex is not deterministic")

// held is what a core's tasks need not write again on an edge: the ticks that peers had copies of. While the tasks compute them anew,
// their rows are compared with the copies (the tripwire).
//
// Invariants:
//   - ticks up to through[n] are in the log for node n, with their closes, from the first that may be asked for
//   - sums holds, of ticks that some task has not closed again, the copies' rows by channel less those computed anew; zero where they agree
type held struct {
	e       *Edge
	local   TaskRange
	through []frame.Tick                        // by node
	last    frame.Tick                          // greatest of them
	sums    map[frame.Tick]map[channelID]uint64 // nil: nothing is compared
	closed  []frame.Tick                        // by local task, in this life
	passed  frame.Tick                          // compared
}

// channelID is a channel of an edge; the source task of unordered edges is 0, their rows have none.
type channelID struct{ src, dst frame.TaskID }

func newHeld(o *outEdge, after frame.Tick) *held {
	h := &held{e: o.e, local: o.local, through: make([]frame.Tick, len(o.sc.nodes)), sums: map[frame.Tick]map[channelID]uint64{}, passed: after}
	h.closed = slices.Repeat([]frame.Tick{after}, o.local.Count)
	return h
}

// covers reports whether tick t is held for a node.
func (h *held) covers(n frame.NodeID, t frame.Tick) bool { return t <= h.through[n] }

// add counts the rows of a copied frame.
func (h *held) add(t frame.Tick, c channelID, sum uint64) {
	of := h.sums[t]
	if of == nil {
		of = map[channelID]uint64{}
		h.sums[t] = of
	}
	of[c] += sum
}

// again takes rows that were computed anew.
func (h *held) again(t frame.Tick, src, dst frame.TaskID, rows *batch.Batch, order []int32, first frame.Index) {
	if h.sums == nil {
		return
	}
	if h.e.Unordered {
		src = 0
	}
	h.add(t, channelID{src, dst}, -batch.RowSums(rows, order, 0, len(order), uint64(first), !h.e.Unordered))
}

// close notes closes whose rows were all taken, and compares the ticks that all tasks have closed now.
func (h *held) close(closes []closeRec) error {
	for _, c := range closes {
		for t := c.task; t <= c.through; t++ {
			i := t - h.local.First
			h.closed[i] = max(h.closed[i], c.last)
		}
	}
	through := slices.Min(h.closed)
	if through <= h.passed {
		return nil
	}
	h.passed = through
	wrong := frame.MaxTick
	for t, sums := range h.sums {
		if t > through {
			continue
		}
		if differs(sums) {
			wrong = min(wrong, t)
			continue
		}
		delete(h.sums, t)
	}
	if wrong < frame.MaxTick {
		return h.differ(wrong)
	}
	return nil
}

// differs reports whether the rows of some channel are not those of the copy.
func differs(sums map[channelID]uint64) bool {
	for _, sum := range sums {
		if sum != 0 {
			return true
		}
	}
	return false
}

// over reports that nothing is held that the tasks have not computed again.
func (h *held) over() bool { return h.passed >= h.last }

// differ names the first channel of tick t whose rows are not those of the copy.
func (h *held) differ(t frame.Tick) error {
	first := channelID{^frame.TaskID(0), ^frame.TaskID(0)}
	n := 0
	for c, sum := range h.sums[t] {
		if sum == 0 {
			continue
		}
		if n++; c.src < first.src || c.src == first.src && c.dst < first.dst {
			first = c
		}
	}
	src := fmt.Sprintf("source task %d", first.src)
	if h.e.Unordered {
		src = fmt.Sprintf("source tasks %d to %d", h.local.First, int(h.local.First)+h.local.Count-1)
	}
	return fmt.Errorf("%w: edge %d, %s, destination task %d, tick %d: computed again, the rows are not those that were sent before (%d channels of the tick differ); "+
		"look for a clock, random numbers, the order of a map, or anything but its inputs and state in the stage before this edge",
		ErrTripwire, h.e.ID, src, first.dst, t, n)
}
