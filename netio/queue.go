package netio

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// LogID names a log of this node to whoever resolves a Ref; a Queue does not look at it.
type LogID uint32

// Ref is a cursor to one frame that waits in a log to be sent, or to be acknowledged.
type Ref struct {
	Pos frame.Pos
	// Tick of a DATA frame: its rows'. Of any other: the highest tick whose DATA frames it must follow. A CLOSE of a range of
	// ticks names the *first* of them here, and all rows that it closes lie in that tick: naming the last one could make the
	// close of an open tick wait for rows that have no credit before that very tick is closed.
	Tick frame.Tick
	// Last tick that the frame says anything about; at least Tick, which is what 0 stands for.
	Last frame.Tick
	Log  LogID
	Len  int32 // bytes, unpadded
	Type frame.Type
}

// Queue decides which frames of one edge may be sent now to one peer: the sender's half of credits, without bytes, threads or I/O.
//
// DATA frames up to the open tick of the receiver are entitled: they go whatever the credit, and before any of a later tick.
// Later ones go as far as credit reaches. Other frames need no credit but follow the DATA frames of their tick. Ticks go
// in ascending order, what is of one tick in the order it was pushed: so nothing is ever searched, the first frame of the
// lowest tick with something unsent decides.
//
// Refs are kept until the peer has closed their ticks; a new session sends again all that are left.
//
// The zero value is a queue without a session. A Queue belongs to one goroutine at a time.
type Queue struct {
	buckets []bucket // Invariant: ascending by tick, all above closed, none empty
	memory  []bucket // where buckets begins, gone of them ago: their memory is used again
	gone    int
	first   int     // Invariant: no bucket before it has anything unsent
	spare   [][]Ref // emptied buckets' memory

	// ranges are closes of a closed tick that reach beyond it. Invariant: the first rangesSent were sent in this session.
	ranges     []Ref
	rangesSent int

	grant  wire.Grant // Invariant: Session is 0 without a session
	begun  bool       // the session's BEGIN was taken
	closed frame.Tick // Invariant: never falls
	sent   uint64     // bytes of DATA in this session
	length int
}

type bucket struct {
	tick frame.Tick
	refs []Ref
	next int // refs before it were sent in this session
}

// Push adds a frame. Frames of one log must come in the order of their positions. It returns false, and forgets the
// frame, if the peer has closed all of its ticks.
func (q *Queue) Push(r Ref) bool {
	r.Last = max(r.Last, r.Tick)
	if r.Last <= q.closed {
		return false
	}
	q.length++
	if r.Tick <= q.closed {
		q.ranges = append(q.ranges, r)
		return true
	}
	i := len(q.buckets)
	for i > 0 && q.buckets[i-1].tick > r.Tick {
		i--
	}
	if i == 0 || q.buckets[i-1].tick != r.Tick {
		q.insert(i, bucket{tick: r.Tick, refs: q.takeSpare()})
		i++
	}
	b := &q.buckets[i-1]
	b.refs = append(b.refs, r)
	q.first = min(q.first, i-1)
	return true
}

// insert puts a bucket before the i-th. There may be very many of them, for a peer that is far behind, and they go one by one: they are moved to the front only
// once as many are gone as are left.
func (q *Queue) insert(i int, b bucket) {
	full := len(q.buckets) == cap(q.buckets)
	if full && q.gone > 0 && q.gone >= len(q.buckets) {
		old := q.buckets
		q.buckets = q.memory[:copy(q.memory[:q.gone], old)]
		clear(old)
		q.gone, full = 0, false
	}
	q.buckets = slices.Insert(q.buckets, i, b)
	if full {
		q.memory, q.gone = q.buckets, 0
	}
}

func (q *Queue) takeSpare() []Ref {
	n := len(q.spare)
	if n == 0 {
		return nil
	}
	s := q.spare[n-1]
	q.spare = q.spare[:n-1]
	return s
}

// maxSpare bounds the memory of emptied buckets that is kept.
const maxSpare = 16

// Peek returns the frame that Next would.
func (q *Queue) Peek() (Ref, bool) {
	if q.grant.Session == 0 || !q.begun {
		return Ref{}, false
	}
	if q.rangesSent < len(q.ranges) {
		return q.ranges[q.rangesSent], true
	}
	for q.first < len(q.buckets) && q.buckets[q.first].next == len(q.buckets[q.first].refs) {
		q.first++
	}
	if q.first == len(q.buckets) {
		return Ref{}, false
	}
	b := &q.buckets[q.first]
	r := b.refs[b.next]
	if r.Type == frame.Data && r.Tick > q.grant.Open && q.sent+uint64(r.Len) > q.grant.AllowedBytes {
		return Ref{}, false
	}
	return r, true
}

// Next returns the frame to send now, if there is one, and counts it as sent. What then gets lost is sent again in the next
// session, never in this one.
func (q *Queue) Next() (Ref, bool) {
	r, ok := q.Peek()
	if !ok {
		return r, false
	}
	if q.rangesSent < len(q.ranges) {
		q.rangesSent++
		return r, true
	}
	q.buckets[q.first].next++
	if r.Type == frame.Data {
		q.sent += uint64(r.Len)
	}
	return r, true
}

// Begin returns, once per session, the mark that must be sent before any frame of it.
func (q *Queue) Begin() (wire.Begin, bool) {
	if q.grant.Session == 0 || q.begun {
		return wire.Begin{}, false
	}
	q.begun = true
	return wire.Begin{Edge: q.grant.Edge, Session: q.grant.Session}, true
}

// Attach starts the session that g opens: all of ticks above g.Closed will be sent, again if need be.
// The error wraps wire.ErrGarbage.
func (q *Queue) Attach(g wire.Grant) error {
	if g.Session == 0 || g.Session == q.grant.Session {
		return fmt.Errorf("%w: edge %d attached as session %d after %d", wire.ErrGarbage, g.Edge, g.Session, q.grant.Session)
	}
	q.Detach()
	q.grant = g
	q.trim(g.Closed)
	return nil
}

// Detach ends the session, if there is one: nothing is sent until Attach.
func (q *Queue) Detach() {
	q.grant = wire.Grant{}
	q.begun = false
	q.sent, q.rangesSent, q.first = 0, 0, 0
	for i := range q.buckets {
		q.buckets[i].next = 0
	}
}

// Credit takes a newer grant of the session and forgets the frames of ticks up to g.Closed.
// The error wraps wire.ErrGarbage: a grant of another session, one that falls, or one that claims to have what was never sent.
func (q *Queue) Credit(g wire.Grant) error {
	old := &q.grant
	switch {
	case old.Session == 0 || g.Session != old.Session || g.Edge != old.Edge:
		return fmt.Errorf("%w: credit for edge %d session %d, want edge %d session %d",
			wire.ErrGarbage, g.Edge, g.Session, old.Edge, old.Session)
	case g.Open < old.Open || g.AllowedBytes < old.AllowedBytes || g.Closed < old.Closed || g.Drained < old.Drained:
		return fmt.Errorf("%w: grant of edge %d falls from %+v to %+v", wire.ErrGarbage, g.Edge, *old, g)
	case q.unsentUpTo(g.Closed):
		return fmt.Errorf("%w: edge %d closed up to tick %d, which was not sent yet", wire.ErrGarbage, g.Edge, g.Closed)
	}
	q.grant = g
	q.trim(g.Closed)
	return nil
}

// unsentUpTo tells whether a frame is unsent that must have arrived before tick could be closed.
func (q *Queue) unsentUpTo(tick frame.Tick) bool {
	for _, r := range q.ranges[q.rangesSent:] {
		if r.Last <= tick {
			return true
		}
	}
	for i := q.first; i < len(q.buckets) && q.buckets[i].tick <= tick; i++ {
		if q.buckets[i].next < len(q.buckets[i].refs) {
			return true
		}
	}
	return false
}

// trim forgets what ends at or before tick.
func (q *Queue) trim(tick frame.Tick) {
	if tick <= q.closed {
		return
	}
	q.closed = tick
	n := 0
	for n < len(q.buckets) && q.buckets[n].tick <= tick {
		q.dissolve(&q.buckets[n])
		n++
	}
	q.buckets = q.buckets[n:]
	q.gone += n
	q.first = max(0, q.first-n)

	kept := q.ranges[:0]
	sent := 0
	for i, r := range q.ranges {
		if r.Last <= tick {
			q.length--
			continue
		}
		if i < q.rangesSent {
			sent++
		}
		kept = append(kept, r)
	}
	q.ranges, q.rangesSent = kept, sent
}

// dissolve moves the closes of b that reach beyond its tick to ranges; trim judges them there.
func (q *Queue) dissolve(b *bucket) {
	for i, r := range b.refs {
		if r.Last == r.Tick {
			q.length--
			continue
		}
		if i < b.next {
			q.ranges = slices.Insert(q.ranges, q.rangesSent, r)
			q.rangesSent++
		} else {
			q.ranges = append(q.ranges, r)
		}
	}
	if len(q.spare) < maxSpare {
		q.spare = append(q.spare, b.refs[:0])
	}
	b.refs = nil
}

// Len is the number of frames kept: not sent yet, or not acknowledged.
func (q *Queue) Len() int { return q.length }

// Grant is the newest grant; its Session is 0 without a session.
func (q *Queue) Grant() wire.Grant { return q.grant }

// Closed is the highest tick that the peer has closed; frames up to it may be trimmed from the log as far as this peer goes.
func (q *Queue) Closed() frame.Tick { return q.closed }
