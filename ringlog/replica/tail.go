package replica

import (
	"fmt"
	"sort"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Lease is told when the bytes of an entry are not read any more.
type Lease interface{ Release() }

// Tail is a stream at its owner: the entries of one life that somebody may still want.
//
// Invariants:
//   - numbers of entries rise; what is missing between them was trimmed, or is not above lost
//   - bytes is the sum of their lengths; a Log's is at most max, but for its newest entry
type Tail struct {
	stream  Stream
	life    frame.Incarnation
	max     int // bytes
	entries []*kept
	bytes   int
	last    uint64     // number of the newest that was appended
	newest  frame.Tick // greatest tick that was appended, but MaxTick
	lost    uint64     // entries up to it were dropped: who has not sent them has a gap
	gap     frame.Tick // greatest tick of those, but MaxTick
	free    *kept
}

// kept is an entry of a Tail.
type kept struct {
	number uint64
	tick   frame.Tick
	sum    uint64
	bytes  []byte
	lease  Lease
	uses   int // by the tail, and by connections that are sending it
	next   *kept
}

// NewTail makes the stream of a life that keeps about so many bytes.
func NewTail(s Stream, life frame.Incarnation, maxBytes int) *Tail {
	return &Tail{stream: s, life: life, max: maxBytes}
}

// Append adds an entry and returns its number. b belongs to the tail until l, which may be nil, is released. The error wraps ErrFull, for a Journal only: nothing
// is appended, and l is the caller's.
func (t *Tail) Append(tick frame.Tick, b []byte, l Lease) (uint64, error) {
	if t.stream.Kind == Journal && len(t.entries) > 0 && t.bytes+len(b) > t.max {
		return 0, fmt.Errorf("%v: %w: %d bytes are kept, want at most %d", t.stream, ErrFull, t.bytes, t.max)
	}
	t.last++
	k := t.take()
	*k = kept{number: t.last, tick: tick, sum: sumOf(t.stream, t.life, t.last, tick, b), bytes: b, lease: l, uses: 1}
	t.entries = append(t.entries, k)
	t.bytes += len(b)
	if tick < frame.MaxTick {
		t.newest = max(t.newest, tick)
	}
	if t.stream.Kind == Log {
		t.shed()
	}
	return t.last, nil
}

// shed drops the oldest entries until there is room.
func (t *Tail) shed() {
	n := 0
	for t.bytes > t.max && n < len(t.entries)-1 {
		k := t.entries[n]
		t.lose(k.number, k.tick)
		t.bytes -= len(k.bytes)
		t.done(k)
		n++
	}
	if n > 0 {
		t.entries = append(t.entries[:0], t.entries[n:]...)
	}
}

// Skip notes that an entry of a Log was left out: nothing before it is kept any more, and whoever has not sent all of that has a gap.
func (t *Tail) Skip(tick frame.Tick) {
	t.last++
	t.release(t.last)
	t.lose(t.last, tick)
}

// lose notes that an entry, and all before it, are gone.
func (t *Tail) lose(number uint64, tick frame.Tick) {
	t.lost = max(t.lost, number)
	if tick < frame.MaxTick {
		t.gap = max(t.gap, tick)
	}
}

// release drops entries up to a number, which all peers of a Log have: for others there is a gap.
func (t *Tail) release(number uint64) {
	n := 0
	for n < len(t.entries) && t.entries[n].number <= number {
		t.lose(t.entries[n].number, t.entries[n].tick)
		t.bytes -= len(t.entries[n].bytes)
		t.done(t.entries[n])
		n++
	}
	if n > 0 {
		rest := append(t.entries[:0], t.entries[n:]...)
		clear(t.entries[len(rest):])
		t.entries = rest
	}
}

// Trim says that nobody will want entries of ticks up to tick.
func (t *Tail) Trim(tick frame.Tick) {
	rest := t.entries[:0]
	for _, k := range t.entries {
		if k.tick <= tick {
			t.bytes -= len(k.bytes)
			t.done(k)
			continue
		}
		rest = append(rest, k)
	}
	clear(t.entries[len(rest):])
	t.entries = rest
}

// lag is what is kept of the entries above a number: their bytes, and how many ticks they span, up to the newest.
func (t *Tail) lag(number uint64) (bytes int, ticks frame.Tick) {
	for i := len(t.entries) - 1; i >= 0 && t.entries[i].number > number; i-- {
		bytes += len(t.entries[i].bytes)
		if first := t.entries[i].tick; first <= t.newest {
			ticks = max(ticks, t.newest-first+1)
		}
	}
	return bytes, ticks
}

// Last is the number of the newest entry, 0 before the first.
func (t *Tail) Last() uint64 { return t.last }

// Bytes are those of the entries that are kept.
func (t *Tail) Bytes() int { return t.bytes }

// after is the first entry above a number, nil if there is none.
func (t *Tail) after(number uint64) *kept {
	i := sort.Search(len(t.entries), func(i int) bool { return t.entries[i].number > number })
	if i == len(t.entries) {
		return nil
	}
	return t.entries[i]
}

func (t *Tail) take() *kept {
	k := t.free
	if k == nil {
		return &kept{}
	}
	t.free = k.next
	return k
}

// done ends a use of an entry.
func (t *Tail) done(k *kept) {
	if k.uses--; k.uses > 0 {
		return
	}
	if k.lease != nil {
		k.lease.Release()
	}
	*k = kept{next: t.free}
	t.free = k
}
