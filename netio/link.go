package netio

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Peer is the other end of a link.
type Peer struct {
	Node        frame.NodeID
	Incarnation frame.Incarnation
	Addr        string // host:port; for Dial only
	// Lane tells the links to and from a node apart, of which there may be several; 0: the ordinary ones.
	Lane uint8
}

// Link is one link of an endpoint, in one direction. Its methods may be called from anywhere.
type Link struct {
	ep       *Endpoint
	peer     Peer
	outgoing bool
	side     side

	wake    chan struct{} // capacity 1
	closing atomic.Bool   // say BYE when there is nothing more to send
	give    context.Context
	giveUp  context.CancelFunc // ends waiting: for a dial, a hello, a backoff
	turn    chan struct{}      // capacity 1: held by the attached connection
	done    chan struct{}      // closed when the link has ended

	stats counters

	mu struct {
		sync.Mutex
		last uint64 // number of the last connection
		conn *conn  // the attached one
		// making: the side is attached, or about to be, and the connection is not at hand yet; cut is for it.
		making bool
		cut    error
		err    error // why the link ended
		ended  bool
	}
}

type counters struct {
	bytesIn, bytesOut, framesIn, flushes, connections atomic.Uint64
}

// Stats counts what crossed a link, over all its connections, hellos apart.
type Stats struct {
	BytesIn, BytesOut uint64 // everything: frames, closes, messages, padding
	FramesIn          uint64
	Flushes           uint64 // BytesOut / Flushes is what a system call carried
	Connections       uint64
}

func newLink(ep *Endpoint, peer Peer, outgoing bool, s side) *Link {
	l := &Link{
		ep: ep, peer: peer, outgoing: outgoing, side: s,
		wake: make(chan struct{}, 1), turn: make(chan struct{}, 1), done: make(chan struct{}),
	}
	l.give, l.giveUp = context.WithCancel(ep.ctx)
	return l
}

// Peer is the other end.
func (l *Link) Peer() Peer { return l.peer }

// Outgoing tells whether this end dials and sends frames.
func (l *Link) Outgoing() bool { return l.outgoing }

func (l *Link) String() string {
	towards := "from"
	if l.outgoing {
		towards = "to"
	}
	if l.peer.Lane != 0 {
		return fmt.Sprintf("lane %d %s node %d", l.peer.Lane, towards, l.peer.Node)
	}
	return fmt.Sprintf("link %s node %d", towards, l.peer.Node)
}

// Wake says that there is something to gather: frames or messages. It never blocks.
func (l *Link) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Stats returns the counters.
func (l *Link) Stats() Stats {
	c := &l.stats
	return Stats{
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(), FramesIn: c.framesIn.Load(),
		Flushes: c.flushes.Load(), Connections: c.connections.Load(),
	}
}

// Done is closed when the link has ended: its Outgoing or Incoming is not called any more.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err says why the link ended, once Done is closed: ErrClosed, ErrBye, or ErrRefused for good.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.err
}

// Cut ends the connection at hand, if there is one, for the reason err; an outgoing link dials again.
func (l *Link) Cut(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutLocked(err)
}

func (l *Link) cutLocked(err error) {
	switch {
	case l.mu.conn != nil:
		l.mu.conn.cut(err)
	case l.mu.making && l.mu.cut == nil:
		l.mu.cut = err
	}
}

// Close ends the link: what there is to gather is sent, then BYE, and the peer closes when it has taken all. A link that is not connected ends at once.
// When ctx ends first, the connection is cut and Close returns its error. The Outgoing or Incoming is detached when Close returns.
func (l *Link) Close(ctx context.Context) error {
	l.closing.Store(true)
	l.giveUp()
	l.Wake()
	turn := l.turn
	if l.outgoing {
		turn = nil // its own goroutine finishes it
	} else {
		l.ep.forget(l)
	}
	select {
	case turn <- struct{}{}: // nobody is attached, nor will be
		l.finish(ErrClosed)
		return nil
	case <-l.done:
		return nil
	case <-ctx.Done():
		l.Cut(fmt.Errorf("%w: %w", ErrClosed, ctx.Err()))
		<-l.done
		return ctx.Err()
	}
}

// make says that a connection is about to be had: what Cut says from now on is for it.
func (l *Link) make() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.making, l.mu.cut = true, nil
}

// unmake says that it will not be had.
func (l *Link) unmake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.making = false
}

// finish marks the link as ended.
func (l *Link) finish(err error) {
	l.mu.Lock()
	first := !l.mu.ended
	if first {
		l.mu.ended, l.mu.err = true, err
	}
	l.mu.Unlock()
	if first {
		l.ep.forget(l)
		l.giveUp()
		close(l.done)
	}
}

// live runs connection c, whose hello is done and whose side is attached, to its end. It returns why it ended.
func (l *Link) live(c *conn, remote string) error {
	l.mu.Lock()
	l.mu.conn, l.mu.making = c, false
	cut := l.mu.cut
	l.mu.Unlock()
	if !l.ep.enroll(c) {
		cut = ErrClosed
	}
	if cut != nil {
		c.cut(cut)
	}
	l.stats.connections.Add(1)
	if f := l.ep.cfg.Events.Up; f != nil {
		f(l, c.number, remote)
	}
	l.Wake()
	err := c.run()
	if l.closing.Load() && CauseOf(err) == CauseLost {
		err = ErrClosed // the peer's answer to our BYE
	}
	l.ep.discharge(c)
	l.mu.Lock()
	l.mu.conn = nil
	l.mu.Unlock()
	l.ep.cuts[CauseOf(err)].Add(1)
	if f := l.ep.cfg.Events.Down; f != nil {
		f(l, c.number, err)
	}
	return err
}

// judge decides about a hello for this link and notes its number. A connection attached before is cut.
func (l *Link) judge(h *wire.Hello) wire.Reason {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.ended || l.closing.Load() {
		return wire.UnknownNode
	}
	r := wire.Known{Incarnation: l.peer.Incarnation, LastConnection: l.mu.last}.Judge(h)
	if r != wire.Welcome {
		return r
	}
	l.mu.last = h.Connection
	l.cutLocked(ErrReplaced)
	return wire.Welcome
}

// newest tells whether number is still that of the last connection.
func (l *Link) newest(number uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.last == number
}
