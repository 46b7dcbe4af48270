package replica

import (
	"fmt"
	"slices"
	"sort"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Tail is a stream at its owner: the entries of one life that somebody may still want. A Journal's bytes are here; a Log's lie where its
// Lender finds them.
//
// Invariants:
//   - numbers of entries rise; what is missing between them was trimmed, or is not above lost
//   - bytes is the sum of their lengths
type Tail struct {
	stream   Stream
	life     frame.Incarnation
	max      int // bytes, of a Journal
	entries  []kept
	bytes    int64
	appended uint64     // bytes, since the beginning
	last     uint64     // number of the newest that was appended
	newest   frame.Tick // greatest tick that was appended, but MaxTick
	lost     uint64     // entries up to it cannot be had any more: who has not sent them has a gap
	gap      frame.Tick // greatest tick of those, but MaxTick
}

// kept is an entry of a Tail.
type kept struct {
	number uint64
	tick   frame.Tick
	sum    uint64
	before uint64    // bytes of all entries before it
	at     frame.Pos // of a Log: where its bytes lie
	size   int
	bytes  []byte // of a Journal
}

// NewTail makes the stream of a life; a Journal keeps about so many bytes.
func NewTail(s Stream, life frame.Incarnation, maxBytes int) *Tail {
	return &Tail{stream: s, life: life, max: maxBytes}
}

// Append adds an entry to a Journal and returns its number. b belongs to the tail. The error wraps ErrFull: nothing is appended.
func (t *Tail) Append(tick frame.Tick, b []byte) (uint64, error) {
	if len(t.entries) > 0 && t.bytes+int64(len(b)) > int64(t.max) {
		return 0, fmt.Errorf("%v: %w: %d bytes are kept, want at most %d", t.stream, ErrFull, t.bytes, t.max)
	}
	t.add(kept{tick: tick, sum: sumOf(t.stream, t.life, t.last+1, tick, b), size: len(b), bytes: b})
	return t.last, nil
}

func (t *Tail) add(k kept) {
	t.last++
	k.number, k.before = t.last, t.appended
	t.entries = append(t.entries, k)
	t.bytes += int64(k.size)
	t.appended += uint64(k.size)
	if k.tick < frame.MaxTick {
		t.newest = max(t.newest, k.tick)
	}
}

// lose notes that an entry cannot be had any more: none up to it is of use to anybody who does not have it.
func (t *Tail) lose(k kept) {
	t.lost = max(t.lost, k.number)
	t.remove(func(e *kept) bool {
		if e.number > k.number {
			return false
		}
		if e.tick < frame.MaxTick {
			t.gap = max(t.gap, e.tick)
		}
		return true
	})
}

// Trim says that nobody will want entries of ticks up to tick.
func (t *Tail) Trim(tick frame.Tick) { t.remove(func(k *kept) bool { return k.tick <= tick }) }

func (t *Tail) remove(which func(*kept) bool) {
	rest := t.entries[:0]
	for i := range t.entries {
		if k := &t.entries[i]; which(k) {
			t.bytes -= int64(k.size)
		} else {
			rest = append(rest, *k)
		}
	}
	clear(t.entries[len(rest):])
	if cap(rest) > tailSpare && len(rest) < cap(rest)/4 {
		rest = slices.Clone(rest) // what was kept for long had needed more room than what comes after it
	}
	t.entries = rest
}

// tailSpare is how many entries may have room that is not used.
const tailSpare = 4096

// lag is what is kept of the entries above a number: their bytes, and how many ticks they span, up to the newest.
func (t *Tail) lag(number uint64) (bytes int64, ticks frame.Tick) {
	for i := len(t.entries) - 1; i >= 0 && t.entries[i].number > number; i-- {
		bytes += int64(t.entries[i].size)
		if first := t.entries[i].tick; first <= t.newest {
			ticks = max(ticks, t.newest-first+1)
		}
	}
	return bytes, ticks
}

// Last is the number of the newest entry, 0 before the first.
func (t *Tail) Last() uint64 { return t.last }

// after is the place among the entries of the first one above a number.
func (t *Tail) after(number uint64) int {
	return sort.Search(len(t.entries), func(i int) bool { return t.entries[i].number > number })
}
