package ringlog

import (
	"math"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// chain is the state of one chain in a log. Guarded by Log.mu, except for the fields of the writer.
type chain struct {
	name frame.Chain
	// bound is one more than the greatest trimmed tick, 0 if nothing was trimmed. MaxUint64 stands for all ticks.
	bound uint64
	// sealed holds the sealed units with live frames of this chain, least greatest tick first.
	sealed unitHeap

	// The writer's own: the position of the chain's last frame; where the chain is in the open unit's list, valid while
	// openIn is one more than the open unit's number.
	last   frame.Pos
	openIn SegmentNumber
	openAt uint32
}

// trims reports whether a frame of this tick is dead.
func (c *chain) trims(t frame.Tick) bool { return uint64(t) < c.bound || c.bound == math.MaxUint64 }

// chain finds or makes the state of a chain. Called with l.mu held.
func (l *Log) chain(name frame.Chain) *chain {
	c := l.mu.chains[name]
	if c == nil {
		c = &chain{name: name}
		l.mu.chains[name] = c
	}
	return c
}

// Trim says that nobody needs the frames of a chain with a tick of upTo or less, whether written already or still to come. Lower
// bounds than before do nothing. Segments without a needed frame or lease go back to the arena. Safe from any goroutine;
// it may call Wake of waiting logs of the arena.
func (l *Log) Trim(name frame.Chain, upTo frame.Tick) {
	bound := uint64(upTo)
	if bound != math.MaxUint64 {
		bound++
	}
	l.mu.Lock()
	if l.mu.closed {
		l.mu.Unlock()
		return
	}
	c := l.chain(name)
	c.bound = max(c.bound, bound)
	for len(c.sealed) > 0 && c.trims(c.sealed[0].max) {
		u := c.sealed.pop()
		if u.live--; u.live == 0 {
			l.detach(u)
		}
	}
	dead := l.takeDead()
	l.mu.Unlock()
	l.arena.recycleAll(dead)
}

// lowestLive is the least tick of a unit's frames that may still be needed. Called with Log.mu held.
func (u *unit) lowestLive() frame.Tick {
	lowest := frame.MaxTick
	for i := range u.chains {
		c := &u.chains[i]
		if !c.state.trims(c.max) {
			lowest = min(lowest, max(c.min, frame.Tick(c.state.bound)))
		}
	}
	return lowest
}

// sealedUnit is an entry of a unitHeap: the unit and the chain's greatest tick in it.
type sealedUnit struct {
	max  frame.Tick
	unit *unit
}

// unitHeap is a binary heap, least max first.
type unitHeap []sealedUnit

func (h *unitHeap) push(e sealedUnit) {
	*h = append(*h, e)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent].max <= s[i].max {
			return
		}
		s[parent], s[i] = s[i], s[parent]
		i = parent
	}
}

func (h *unitHeap) pop() *unit {
	s := *h
	top := s[0].unit
	n := len(s) - 1
	s[0], s[n] = s[n], sealedUnit{}
	s = s[:n]
	*h = s
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < n && s[child].max < s[least].max {
				least = child
			}
		}
		if least == i {
			return top
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
}
