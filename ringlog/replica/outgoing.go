package replica

import (
	"fmt"

	"github.com/streamscope/streamscope/netio/wire"
)

// outgoing is the sending end of the link to a peer.
type outgoing struct {
	node  *Node
	peer  Member
	up    bool
	asked []*asked
	turn  int // where the next round over the streams of a kind begins
	// owed is what a kind has of its share, in bytes, for having waited behind others; below 0: it had more.
	owed [Images + 1]int
	buf  []byte
	lent []Lent
	// read is an entry of a Log that is read from a disk, or is about to be; nil: none is. Guarded by the node's lock.
	read *reading
	// dropped says what each stream's DROP on this connection was.
	dropped map[*Owned]uint64
}

const (
	// copiedBelow is the length in bytes up to which an entry is copied for sending: several fit a piece then.
	copiedBelow = 4 << 10
	// refillBytes is about how much one Gather takes of Logs of which the peer is behind, and refillWindow how much of them is in flight to a peer: this is
	// the pace of refilling, which leaves the link, and the processors, to those who are not.
	refillBytes  = 256 << 10
	refillWindow = 1 << 20
	// shareParts: those that go first leave a kind that waits one byte in so many, and owe it shareMax at most.
	shareParts = 4
	shareMax   = 1 << 20
)

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
	o.endReading()
	lost := o.forget()
	n.mu.Unlock()
	fail(lost, o.peer)
	n.changed()
}

// forget takes what was asked on this connection alone.
func (o *outgoing) forget() (lost []*asked) {
	rest := o.asked[:0:0]
	for _, a := range o.asked {
		if a.once {
			lost = append(lost, a)
		} else {
			rest = append(rest, a)
		}
	}
	o.asked = rest
	return lost
}

// abandon takes all that was asked.
func (o *outgoing) abandon() []*asked {
	lost := o.asked
	o.asked = nil
	return lost
}

// Gather implements netio.Outgoing: first what is asked and promised, then Journals, then Logs in turns, those that the peer is behind with, and at last Images. A kind that waits has
// its share before those that go before it.
// What lies on a disk is read meanwhile, one entry at a time, and goes when it is there.
func (o *outgoing) Gather(pieces [][]byte, maxBytes int) [][]byte {
	g := gathering{o: o, pieces: pieces, buf: o.buf[:0], refill: refillBytes}
	read := o.gather(&g, maxBytes)
	g.flush()
	o.buf = g.buf[:0]
	if read != nil {
		o.node.cfg.Elsewhere(func() { o.finish(read) })
	}
	return g.pieces
}

// gather takes what is there. It returns an entry that has to be read from a disk.
func (o *outgoing) gather(g *gathering, maxBytes int) *reading {
	n := o.node
	n.mu.Lock()
	defer n.mu.Unlock()
	g.limit = maxBytes
	for _, a := range o.asked {
		if !a.said && g.room() {
			g.buf = a.append(g.buf)
		}
	}
	var took [Images + 1]int // bytes
	for k := Images; k > Journal; k-- {
		if o.owed[k] > 0 {
			g.limit = min(maxBytes, g.bytes()+o.owed[k])
			took[k] = g.serve(k)
			o.owed[k] -= took[k]
		}
	}
	g.limit = maxBytes
	before := 0 // of the kinds that go before one
	for k := Journal; k <= Images; k++ {
		g.short = false
		took[k] += g.serve(k)
		most := 0 // who does not wait saves nothing up
		if g.short {
			most = shareMax
		}
		o.owed[k] = min(most, o.owed[k]+before/(shareParts-1))
		before += took[k]
	}
	o.turn++
	return o.begin()
}

// Sent implements netio.Outgoing.
func (o *outgoing) Sent(error) {
	for _, l := range o.lent {
		l.Release()
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
			if err = p.Copied(c.Number); n.broken == r1 {
				w.tail.remove(func(k *kept) bool { return k.number <= c.Number })
			}
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
