package replica

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Holder is what a node keeps of the streams of others.
//
// Invariants:
//   - nothing is taken from a life below the one promised
//   - entries of a life have rising numbers, up to its last
//   - logBytes is the room that entries of Logs take, at most maxLog when Copy returns
type Holder struct {
	streams  map[Stream]*heldStream
	maxLog   int64
	logBytes int64
	bytes    int64 // all of it
	broken   canary
}

// heldStream is what is kept of one stream.
type heldStream struct {
	promised frame.Incarnation
	dropped  frame.Tick // up to here nobody asks; of Images, whose numbers are each life's own, the promised life
	lives    []*heldLife
}

// heldLife are the entries of one life of the owner.
type heldLife struct {
	life    frame.Incarnation
	last    uint64
	entries []held
	// floor: of ticks up to it something may be missing that nobody trimmed.
	floor   frame.Tick
	damaged bool   // of what is no Log: something is missing, whatever was asked for
	room    []byte // for the next entries
}

type held struct {
	number uint64
	tick   frame.Tick
	sum    uint64
	bytes  []byte
}

const (
	// heldOverhead is what an entry takes besides its bytes.
	heldOverhead = 64
	// maxStreams bounds what peers can make a holder keep account of.
	maxStreams         = 1 << 18
	roomMin, roomLimit = 1 << 10, 1 << 20
)

// NewHolder makes a holder that keeps so many bytes of Logs. What is no Log is bounded by its owner.
func NewHolder(maxLogBytes int64) *Holder {
	return &Holder{streams: map[Stream]*heldStream{}, maxLog: maxLogBytes}
}

// Promise promises, if that does not come too late, and tells what there is. The error wraps ErrProtocol.
func (h *Holder) Promise(s Stream, p wire.Promise) (wire.Held, error) {
	st := h.streams[s]
	if st == nil {
		if len(h.streams) == maxStreams {
			return wire.Held{}, fmt.Errorf("%w: %d streams are kept, want no more", ErrProtocol, maxStreams)
		}
		st = &heldStream{}
		h.streams[s] = st
	}
	if s.Kind == Images && p.Incarnation > st.promised {
		st.dropped = 0 // a life that found nothing begins with the first number again
	}
	st.promised = max(st.promised, p.Incarnation)
	answer := wire.Held{Stream: p.Stream, Promised: st.promised, Life: p.Life}
	if l := st.life(p.Life); l != nil {
		answer.Last, answer.Count = l.last, uint64(len(l.entries))
	}
	return answer, nil
}

func (st *heldStream) life(n frame.Incarnation) *heldLife {
	for _, l := range st.lives {
		if l.life == n {
			return l
		}
	}
	return nil
}

// Copy takes an entry whose sum was checked. taken is false if it is of a life that is fenced: the owner is told. b is copied. The error wraps ErrGap, ErrConflict or ErrProtocol.
func (h *Holder) Copy(s Stream, e *wire.Entry, b []byte) (taken bool, err error) {
	st := h.streams[s]
	switch {
	case st == nil || e.Life > st.promised:
		return false, fmt.Errorf("%w: %v: an entry of life %d, which was not promised", ErrProtocol, s, e.Life)
	case e.Life < st.promised:
		return false, nil
	}
	l := st.life(e.Life)
	if l == nil {
		l = &heldLife{life: e.Life}
		st.lives = append(st.lives, l)
	}
	if e.Number <= l.last {
		return true, l.same(s, e, b)
	}
	switch gap := e.Flags&wire.FlagGap != 0; {
	case e.Prev != l.last && h.broken != r3:
		return false, fmt.Errorf("%w: %v: entry %d follows %d, want %d", ErrGap, s, e.Number, e.Prev, l.last)
	case gap && s.Kind != Log:
		return false, fmt.Errorf("%w: %v: entries between %d and %d are left out", ErrGap, s, e.Prev, e.Number)
	case gap:
		h.forget(s, l, len(l.entries))
		l.floor = max(l.floor, e.Tick-1)
	}
	l.last = e.Number
	if e.Tick <= st.dropped {
		return true, nil // trimmed while it was on its way
	}
	l.entries = append(l.entries, held{e.Number, e.Tick, e.Sum, l.keep(b)})
	h.count(s, len(b)+heldOverhead)
	if s.Kind == Log {
		h.shed()
	}
	return true, nil
}

// same compares an entry with the one of its number, if that is still there.
func (l *heldLife) same(s Stream, e *wire.Entry, b []byte) error {
	i, found := slices.BinarySearchFunc(l.entries, e.Number, func(k held, n uint64) int { return cmp.Compare(k.number, n) })
	if found && (l.entries[i].tick != e.Tick || l.entries[i].sum != e.Sum || !bytes.Equal(l.entries[i].bytes, b)) {
		return fmt.Errorf("%w: %v: entry %d of life %d, of ticks %d and %d", ErrConflict, s, e.Number, l.life, l.entries[i].tick, e.Tick)
	}
	return nil
}

// keep copies bytes to where many entries lie together.
func (l *heldLife) keep(b []byte) []byte {
	if cap(l.room)-len(l.room) < len(b) {
		l.room = make([]byte, 0, max(len(b), min(roomLimit, max(roomMin, 2*cap(l.room)))))
	}
	at := len(l.room)
	l.room = append(l.room, b...)
	return l.room[at:len(l.room):len(l.room)]
}

func (h *Holder) count(s Stream, n int) {
	h.bytes += int64(n)
	if s.Kind == Log {
		h.logBytes += int64(n)
	}
}

// forget drops the first n entries of a life.
func (h *Holder) forget(s Stream, l *heldLife, n int) {
	for i := range l.entries[:n] {
		h.count(s, -len(l.entries[i].bytes)-heldOverhead)
	}
	l.entries = slices.Delete(l.entries, 0, n)
}

// shed drops the oldest ticks of all Logs until there is room.
func (h *Holder) shed() {
	for h.logBytes > h.maxLog {
		oldest := frame.MaxTick
		for s, st := range h.streams {
			for _, l := range st.lives {
				if s.Kind == Log && len(l.entries) > 0 {
					oldest = min(oldest, l.entries[0].tick)
				}
			}
		}
		for s, st := range h.streams {
			if s.Kind == Log {
				h.dropThrough(s, st, oldest)
			}
		}
	}
}

// dropThrough drops, for want of room, what stands at the front of a Log up to a tick.
func (h *Holder) dropThrough(s Stream, st *heldStream, t frame.Tick) {
	for _, l := range st.lives {
		n := 0
		for n < len(l.entries) && l.entries[n].tick <= t {
			l.floor = max(l.floor, l.entries[n].tick)
			n++
		}
		h.forget(s, l, n)
	}
}

// Drop forgets what nobody will ask for.
func (h *Holder) Drop(s Stream, d wire.Drop) {
	st := h.streams[s]
	if st == nil {
		return
	}
	over := func(t frame.Tick) bool { return t <= d.Tick && (d.Ticks == 0 || t > d.Tick-frame.Tick(d.Ticks)) }
	if d.Ticks == 0 {
		st.dropped = max(st.dropped, d.Tick)
	}
	rest := st.lives[:0]
	for _, l := range st.lives {
		if l.life < d.Life {
			h.forget(s, l, len(l.entries))
			continue
		}
		l.entries = slices.DeleteFunc(l.entries, func(k held) bool {
			if over(k.tick) {
				h.count(s, -len(k.bytes)-heldOverhead)
			}
			return over(k.tick)
		})
		rest = append(rest, l)
	}
	clear(st.lives[len(rest):])
	st.lives = rest
}

// Read hands out, in order, entries as asked for, about f.MaxBytes of them, and then the end. The slices are the holder's, until it is called again.
func (h *Holder) Read(s Stream, f wire.Fetch, take func(e *wire.Entry, b []byte)) {
	end := wire.Entry{Stream: f.Stream, Life: f.Life, Number: f.From, Flags: wire.FlagEnd}
	l := h.find(s, f.Life)
	if l == nil {
		end.Flags |= wire.FlagMissing
		take(&end, nil)
		return
	}
	end.Life = l.life
	if l.damaged || f.Above < l.floor {
		end.Flags |= wire.FlagMissing
	}
	i, _ := slices.BinarySearchFunc(l.entries, f.From, func(k held, n uint64) int { return cmp.Compare(k.number, n) })
	sent := 0
	for ; i < len(l.entries) && end.Flags&wire.FlagMissing == 0; i++ {
		k := &l.entries[i]
		if k.tick <= f.Above {
			continue
		}
		if sent > 0 && sent+len(k.bytes) > int(f.MaxBytes) {
			end.Flags |= wire.FlagMore
			break
		}
		if sumOf(s, l.life, k.number, k.tick, k.bytes) != k.sum {
			h.spoil(s, l, i)
			end.Flags |= wire.FlagMissing
			break
		}
		sent += len(k.bytes) + 1
		end.Number, end.Prev = k.number+1, end.Prev+1
		take(&wire.Entry{Stream: f.Stream, Life: l.life, Number: k.number, Tick: k.tick, Sum: k.sum}, k.bytes)
	}
	take(&end, nil)
}

// spoil is told of an entry that is not what it was when it came. Of the life of a Log that may go on, it and all that follow are dropped: its owner, from whom
// the next one does not follow then, sends them again.
func (h *Holder) spoil(s Stream, l *heldLife, i int) {
	k := l.entries[i]
	switch {
	case s.Kind != Log:
		l.damaged = true
	case l.life < h.streams[s].promised:
		l.floor = max(l.floor, k.tick)
	default:
		for j := range l.entries[i:] {
			h.count(s, -len(l.entries[i+j].bytes)-heldOverhead)
		}
		clear(l.entries[i:])
		l.entries, l.last = l.entries[:i], k.number-1
	}
}

// find returns a life of a stream, 0: the newest; nil if nothing is known of it.
func (h *Holder) find(s Stream, life frame.Incarnation) *heldLife {
	st := h.streams[s]
	if st == nil {
		return nil
	}
	if life != 0 || len(st.lives) == 0 {
		return st.life(life)
	}
	return slices.MaxFunc(st.lives, func(a, b *heldLife) int { return cmp.Compare(a.life, b.life) })
}

// HeldStats is what is kept of one life of a stream.
type HeldStats struct {
	Stream  Stream
	Life    frame.Incarnation
	Entries int
	Bytes   int64      // of entries
	Floor   frame.Tick // everything above it is there, as far as the owner has sent it
	First   frame.Tick // of the first entry that is kept
	Last    uint64     // number of the newest entry
}

// Stats lists what is kept, by owner, kind, id, destination, core and life.
func (h *Holder) Stats() []HeldStats {
	keys := slices.SortedFunc(maps.Keys(h.streams), func(a, b Stream) int {
		return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Dest, b.Dest), cmp.Compare(a.Core, b.Core))
	})
	var all []HeldStats
	for _, s := range keys {
		for _, l := range h.streams[s].lives {
			st := HeldStats{Stream: s, Life: l.life, Entries: len(l.entries), Floor: max(l.floor, h.streams[s].dropped), Last: l.last}
			for i := range l.entries {
				st.Bytes += int64(len(l.entries[i].bytes))
			}
			if len(l.entries) > 0 {
				st.First = l.entries[0].tick
			}
			all = append(all, st)
		}
	}
	return all
}
