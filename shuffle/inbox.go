package shuffle

import (
	"sync"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// arrival is one thing that reaches a core: a DATA frame in a log, the entries of a CLOSE, or the end of a peer's session.
type arrival struct {
	kind arrivalKind
	edge frame.EdgeID
	tick frame.Tick
	from frame.NodeID
	log  *ringlog.Log
	pos  frame.Pos
	ents []frame.CloseEntry // shared by all cores, read only
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
		items []arrival
	}
}

func (b *inbox) put(a arrival) {
	b.mu.Lock()
	first := len(b.mu.items) == 0
	b.mu.items = append(b.mu.items, a)
	b.mu.Unlock()
	if first {
		b.wake()
	}
}

// take swaps what has arrived for the emptied slice of the previous call.
func (b *inbox) take(spare []arrival) []arrival {
	b.mu.Lock()
	items := b.mu.items
	b.mu.items = spare[:0]
	b.mu.Unlock()
	return items
}
