package replica

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// asked is a question to a peer: a seal, or entries. It is asked again on every connection, until it is answered.
type asked struct {
	peer   Member
	stream Stream
	seal   *wire.Promise // or:
	fetch  wire.Fetch
	said   bool // on this connection
	once   bool // it fails with the connection
	inAsk  int  // entries that the answer at hand has brought
	held   func(wire.Held, error)
	take   func(Entry) error
	done   func(error)
}

// fetchBytes is about how much is asked for at a time: so much lies in the buffers of this end at most.
const fetchBytes = 1 << 20

// Seal has a peer promise this node's life for a stream, which need not be this node's own to ask, but is for a correct caller, and tell what it has of another life of it. done is
// called once: with the answer, or ErrGone.
func (n *Node) Seal(m Member, s Stream, life frame.Incarnation, done func(wire.Held, error)) {
	p := wire.Promise{Stream: s.wire(), Incarnation: n.cfg.Self.Life, Life: life}
	n.ask(&asked{peer: m, stream: s, seal: &p, held: done})
}

// Fetch asks a peer for the entries of a life of a stream, 0: the newest it knows, whose numbers are from one on and whose ticks are above one. take is called with each, in order;
// then done, once: with nil, take's error, ErrMissing or ErrGone. When connections break in between, entries come once all the same.
func (n *Node) Fetch(m Member, s Stream, life frame.Incarnation, from uint64, above frame.Tick, take func(Entry) error, done func(error)) {
	f := wire.Fetch{Stream: s.wire(), Life: life, MaxBytes: fetchBytes, From: from, Above: above}
	n.ask(&asked{peer: m, stream: s, fetch: f, take: take, done: done})
}

// Read hands out the entries that this node itself keeps, as Fetch does those of a peer. The error is take's, or ErrMissing.
func (n *Node) Read(s Stream, life frame.Incarnation, from uint64, above frame.Tick, take func(Entry) error) error {
	f := wire.Fetch{Stream: s.wire(), Life: life, MaxBytes: fetchBytes, From: from, Above: above}
	for {
		end, err := n.readSome(s, f, take)
		if err != nil {
			return err
		}
		if end.Flags&wire.FlagMissing != 0 {
			return fmt.Errorf("%v: %w", s, ErrMissing)
		}
		if end.Flags&wire.FlagMore == 0 {
			return nil
		}
		f.From, f.Life = end.Number, end.Life
	}
}

// readSome calls take with the lock released: entries are immutable, and their bytes are not used again.
func (n *Node) readSome(s Stream, f wire.Fetch, take func(Entry) error) (end wire.Entry, err error) {
	var some []Entry
	n.mu.Lock()
	n.mu.holder.Read(s, f, func(e *wire.Entry, b []byte) {
		if e.Flags&wire.FlagEnd != 0 {
			end = *e
			return
		}
		some = append(some, Entry{e.Number, e.Tick, b})
	})
	n.mu.Unlock()
	for _, e := range some {
		if err := take(e); err != nil {
			return end, err
		}
	}
	return end, nil
}

func (n *Node) ask(a *asked) {
	n.mu.Lock()
	o := n.linked(a.peer)
	if o != nil {
		o.asked = append(o.asked, a)
		n.wake(a.peer.Node)
	}
	n.mu.Unlock()
	if o == nil {
		fail([]*asked{a}, a.peer)
	}
}

// fail ends questions that nobody will answer.
func fail(all []*asked, now Member) {
	for _, a := range all {
		a.end(fmt.Errorf("%v: %w: %v, linked is %v", a.stream, ErrGone, a.peer, now))
	}
}

func (a *asked) end(err error) {
	if a.seal != nil {
		a.held(wire.Held{}, err)
	} else {
		a.done(err)
	}
}

// append appends the question.
func (a *asked) append(b []byte) []byte {
	a.said, a.inAsk = true, 0
	if a.seal != nil {
		return wire.AppendPromise(b, *a.seal)
	}
	return wire.AppendFetch(b, a.fetch)
}

// answerHeld finds the seal that a HELD answers, and takes it off the list.
func (o *outgoing) answerHeld(h wire.Held) *asked {
	for i, a := range o.asked {
		if a.seal != nil && a.said && a.seal.Stream == h.Stream && a.seal.Life == h.Life {
			o.asked = slices.Delete(o.asked, i, i+1)
			return a
		}
	}
	return nil
}

// fetched takes an entry of an answer, or its end. It returns the question if it is answered, and what then.
func (o *outgoing) fetched(e wire.Entry, b []byte) (give *asked, end bool, err error) {
	i := slices.IndexFunc(o.asked, func(a *asked) bool { return a.seal == nil && a.said && a.fetch.Stream == e.Stream })
	if i < 0 {
		return nil, false, fmt.Errorf("%w: %+v was not asked for", ErrProtocol, e.Stream)
	}
	a := o.asked[i]
	if a.fetch.Life != 0 && e.Life != a.fetch.Life || e.Number < a.fetch.From {
		return nil, false, fmt.Errorf("%w: %v: entry %d of life %d, want at least %d of %d", ErrProtocol, a.stream, e.Number, e.Life, a.fetch.From, a.fetch.Life)
	}
	if e.Flags&wire.FlagEnd == 0 {
		if sumOf(a.stream, e.Life, e.Number, e.Tick, b) != e.Sum {
			return nil, false, fmt.Errorf("%w: %v: entry %d of life %d, fetched from %v", ErrDamaged, a.stream, e.Number, e.Life, o.peer)
		}
		a.fetch.From, a.fetch.Life = e.Number+1, e.Life
		a.inAsk++
		return a, false, nil
	}
	if e.Flags&wire.FlagMissing == 0 && int(e.Prev) != a.inAsk {
		return nil, false, fmt.Errorf("%w: %v: an answer of %d entries, got %d", ErrProtocol, a.stream, e.Prev, a.inAsk)
	}
	if e.Flags&wire.FlagMore != 0 {
		a.said = false
		return nil, false, nil
	}
	o.asked = slices.Delete(o.asked, i, i+1)
	return a, true, nil
}
