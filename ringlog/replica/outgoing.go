package replica

import (
	"fmt"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// outgoing is the sending end of the link to a peer.
type outgoing struct {
	node  *Node
	peer  Member
	up    bool
	asked []*asked
	turn  int // where the next round over the Logs begins
	buf   []byte
	lent  []lentEntry
	// dropped says what each stream's DROP on this connection was.
	dropped map[*Owned]uint64
}

type lentEntry struct {
	tail *Tail
	k    *kept
}

// copiedBelow is the length in bytes up to which an entry is copied for sending: several fit a piece then.
const copiedBelow = 4 << 10

// Attach implements netio.Outgoing.
func (o *outgoing) Attach(wire.Hello) error {
	n := o.node
	n.mu.Lock()
	if n.linked(o.peer) != o {
		n.mu.Unlock()
		return fmt.Errorf("%w: %v", ErrGone, o.peer)
	}
	o.up = true
	o.reset()
	n.mu.Unlock()
	n.changed()
	return nil
}

// reset begins a connection: everything is said again.
func (o *outgoing) reset() {
	for _, w := range o.node.mu.order {
		if p := w.member(o.peer); p != nil {
			p.Detached()
			p.opened = false
		}
	}
	for _, a := range o.asked {
		a.said = false
	}
	o.dropped = map[*Owned]uint64{}
}

// Detach implements netio.Outgoing.
func (o *outgoing) Detach(error) {
	n := o.node
	n.mu.Lock()
	o.up = false
	if n.linked(o.peer) == o {
		o.reset()
	}
	n.mu.Unlock()
	n.changed()
}

// abandon takes all that was asked.
func (o *outgoing) abandon() []*asked {
	lost := o.asked
	o.asked = nil
	return lost
}

// Gather implements netio.Outgoing: first what is asked and promised, then Journals, then Logs in turns.
func (o *outgoing) Gather(pieces [][]byte, maxBytes int) [][]byte {
	n := o.node
	n.mu.Lock()
	defer n.mu.Unlock()
	g := gathering{o: o, pieces: pieces, buf: o.buf[:0], left: maxBytes}
	for _, a := range o.asked {
		if !a.said && g.room() {
			g.buf = a.append(g.buf)
		}
	}
	logs := 0
	for ; logs < len(n.mu.order) && n.mu.order[logs].tail.stream.Kind == Journal; logs++ {
		g.stream(n.mu.order[logs])
	}
	rest := n.mu.order[logs:]
	for i := range rest {
		g.stream(rest[(o.turn+i)%len(rest)])
	}
	o.turn++
	g.flush()
	o.buf = g.buf[:0]
	return g.pieces
}

// gathering is one Gather. Units lie in buf; the bytes of long entries are pieces of their own, between parts of it.
type gathering struct {
	o      *outgoing
	pieces [][]byte
	buf    []byte
	from   int // in buf: what is not a piece yet
	left   int // bytes
}

// room tells whether more fits: two pieces and a last one have to.
func (g *gathering) room() bool {
	return len(g.pieces)+3 <= netio.MaxPieces && g.left > len(g.buf)-g.from
}

func (g *gathering) flush() {
	if len(g.buf) > g.from {
		g.pieces = append(g.pieces, g.buf[g.from:])
		g.left -= len(g.buf) - g.from
		g.from = len(g.buf)
	}
}

// stream adds what is due of a stream.
func (g *gathering) stream(w *Owned) {
	if w.fenced != 0 || !g.room() {
		return
	}
	life, p := w.tail.life, w.member(g.o.peer)
	if p == nil || p.idle {
		g.drop(w)
		return
	}
	if !p.opened {
		p.opened = true
		g.buf = wire.AppendPromise(g.buf, wire.Promise{Stream: w.tail.stream.wire(), Incarnation: life, Life: life})
	}
	if p.ready {
		g.drop(w)
	}
	for g.room() {
		k, prev, gap := p.next()
		if k == nil {
			return
		}
		e := wire.Entry{Stream: w.tail.stream.wire(), Life: life, Number: k.number, Prev: prev, Tick: k.tick, Sum: k.sum}
		if gap {
			e.Flags = wire.FlagGap
		}
		if len(k.bytes) <= copiedBelow {
			g.buf = wire.AppendEntry(g.buf, wire.TypeCopy, &e, k.bytes)
			continue
		}
		g.buf = wire.AppendEntryHead(g.buf, wire.TypeCopy, &e, len(k.bytes))
		g.flush()
		g.pieces = append(g.pieces, k.bytes)
		g.left -= frame.PadLen(len(k.bytes))
		k.uses++
		g.o.lent = append(g.o.lent, lentEntry{w.tail, k})
	}
}

// drop says what of a stream nobody wants any more, once to each connection.
func (g *gathering) drop(w *Owned) {
	if g.o.dropped[w] == w.dropID || w.drop == 0 && w.below == 0 {
		return
	}
	g.o.dropped[w] = w.dropID
	g.buf = wire.AppendDrop(g.buf, wire.Drop{Stream: w.tail.stream.wire(), Tick: w.drop, Life: w.below})
}

// Sent implements netio.Outgoing.
func (o *outgoing) Sent(error) {
	n := o.node
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range o.lent {
		l.tail.done(l.k)
	}
	clear(o.lent)
	o.lent = o.lent[:0]
}

// Receive implements netio.Outgoing.
func (o *outgoing) Receive(m wire.Message) error {
	switch m.Type {
	case wire.TypeHeld:
		for i := range m.Len() {
			if err := o.held(m.Held(i)); err != nil {
				return err
			}
		}
		return nil
	case wire.TypeCopied:
		for i := range m.Len() {
			if err := o.copied(m.Copied(i)); err != nil {
				return err
			}
		}
		return nil
	case wire.TypeFetched:
		e, b := m.Entry()
		return o.entry(e, b)
	}
	return fmt.Errorf("%w: %v from a holder", ErrProtocol, m.Type)
}

// held takes the answer to a promise: of a stream of ours, or of a seal.
func (o *outgoing) held(h wire.Held) error {
	s, err := streamOf(h.Stream)
	if err != nil {
		return err
	}
	n := o.node
	n.mu.Lock()
	a := o.answerHeld(h)
	var changed func()
	if w := n.mu.owned[s]; w != nil && h.Life == n.cfg.Self.Life {
		p := w.member(o.peer)
		switch {
		case h.Promised > h.Life:
			w.fenced, changed = max(w.fenced, h.Promised), w.cfg.Changed
		case p != nil && p.opened && !p.ready:
			err = p.Resume(h.Last, h.Promised)
			p.promised = err == nil
			changed = w.cfg.Changed
			n.wake(o.peer.Node)
		}
	}
	n.mu.Unlock()
	if a != nil {
		a.held(h, nil)
	}
	if changed != nil {
		changed()
	}
	return err
}

// copied takes an acknowledgement.
func (o *outgoing) copied(c wire.Copied) error {
	s, err := streamOf(c.Stream)
	if err != nil {
		return err
	}
	n := o.node
	n.mu.Lock()
	var changed func()
	if w := n.mu.owned[s]; w != nil && c.Life == w.tail.life {
		if p := w.member(o.peer); p != nil && p.ready {
			err = p.Copied(c.Number)
			w.release()
			changed = w.cfg.Changed
			n.wake(o.peer.Node)
		}
	}
	n.mu.Unlock()
	if changed != nil {
		changed()
	}
	return err
}

// entry takes an entry that was asked for, or the end of an answer.
func (o *outgoing) entry(e wire.Entry, b []byte) error {
	n := o.node
	n.mu.Lock()
	a, end, err := o.fetched(e, b)
	if a == nil && err == nil {
		n.wake(o.peer.Node)
	}
	n.mu.Unlock()
	switch {
	case err != nil || a == nil:
		return err
	case end && e.Flags&wire.FlagMissing != 0:
		a.done(fmt.Errorf("%v of life %d at %v: %w", a.stream, e.Life, o.peer, ErrMissing))
	case end:
		a.done(nil)
	default:
		if err := a.take(Entry{e.Number, e.Tick, b}); err != nil {
			return o.give(a, err)
		}
	}
	return nil
}

// give ends a question whose asker does not want the rest, and with it the connection, on which the rest is on its way.
func (o *outgoing) give(a *asked, err error) error {
	n := o.node
	n.mu.Lock()
	for i := range o.asked {
		if o.asked[i] == a {
			o.asked = append(o.asked[:i], o.asked[i+1:]...)
			break
		}
	}
	n.mu.Unlock()
	a.done(err)
	return fmt.Errorf("%v: entries of %v are not wanted: %w", o.peer, a.stream, err)
}
