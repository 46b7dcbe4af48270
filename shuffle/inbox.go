package shuffle

import (
	"sync"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// arrival is one thing that reaches a core: a DATA frame in a log, the entries of a CLOSE, or the end of a peer's session.
type arrival struct {
	kind arrivalKind
	edge frame.EdgeID
	tick frame.Tick
	from frame.NodeID
	log  frames
	pos  frame.Pos
	// first and last bound the entries of a CLOSE among those that inbox.take returns.
	first, last int32
}

type arrivalKind uint8

const (
	arriveData arrivalKind = iota
	arriveClose
	arriveReset // the session with node `from` ended: what it left open is dropped
)

// inbox hands arrivals to a core in the order in which each sender put them. Anybody may put, one core takes.
type inbox struct {
	wake func()
	mu   struct {
		sync.Mutex
		arrivals
	}
}

// arrivals are things in the order in which they came, with the entries of the closes among them.
type arrivals struct {
	items []arrival
	ents  []frame.CloseEntry
}

// clear empties them for their next use.
func (a *arrivals) clear() {
	clear(a.items)
	a.items, a.ents = a.items[:0], a.ents[:0]
}

// put adds one thing; entries are those of a CLOSE, which are copied.
func (b *inbox) put(a arrival, entries ...frame.CloseEntry) {
	b.mu.Lock()
	first := len(b.mu.items) == 0
	a.first = int32(len(b.mu.ents))
	b.mu.ents = append(b.mu.ents, entries...)
	a.last = int32(len(b.mu.ents))
	b.mu.items = append(b.mu.items, a)
	b.mu.Unlock()
	if first {
		b.wake()
	}
}

// take swaps what has arrived for what the previous call returned, emptied.
func (b *inbox) take(spare arrivals) arrivals {
	b.mu.Lock()
	defer b.mu.Unlock()
	came := b.mu.arrivals
	b.mu.arrivals = spare
	return came
}
