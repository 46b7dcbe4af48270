package simnet

import (
	"encoding/binary"
	"fmt"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
)

// Link is one link of a node, in one direction, the twin of netio.Link.
type Link struct {
	node *Node
	key  linkKey
	peer netio.Peer
	out  netio.Outgoing // of an outgoing link
	in   netio.Incoming // of an incoming one

	conn    *conn // at hand
	making  bool  // a connection is being made; cut is for it
	cut     error
	last    uint64 // number of the last connection
	triedAt int    // Net.changes at the last refusal: in vain as long as nothing has changed
	awake   bool
	closing bool
	ended   bool
	err     error
	flip    uint64 // chooses the bit to flip in the next unit that arrives; 0: none
	damaged bool   // the unit at hand is not what the peer sent
	stats   netio.Stats
}

// Wake says that there is something to gather.
func (l *Link) Wake() { l.awake = true }

// Stats returns the counters.
func (l *Link) Stats() netio.Stats { return l.stats }

// Ended tells whether the link has ended, and why.
func (l *Link) Ended() (error, bool) { return l.err, l.ended }

// Cut ends the connection at hand for the reason err; an outgoing link dials again.
func (l *Link) Cut(err error) {
	switch {
	case l.conn != nil:
		l.conn.cut(l, err)
	case l.making && l.cut == nil:
		l.cut = err
	}
}

// Flip has a bit flip in the next unit that arrives at this end; pick, which is not 0, chooses which one.
func (l *Link) Flip(pick uint64) { l.flip = pick }

// Damaged tells whether the unit that is being delivered is not what the peer sent.
func (l *Link) Damaged() bool { return l.damaged }

// damage does what Flip has asked for.
func (l *Link) damage(b []byte, astray bool) {
	l.damaged = astray || l.flip != 0
	if l.flip == 0 {
		return
	}
	unpadded := uint64(binary.LittleEndian.Uint32(b)) // a flip in the padding would be none
	b[l.flip/8%min(unpadded, uint64(len(b)))] ^= 1 << (l.flip % 8)
	l.flip = 0
}

// Close begins the link's end: what there is to gather is sent, then BYE. A link without connection ends at once.
func (l *Link) Close() {
	l.closing, l.awake = true, true
	if !l.key.outgoing && l.node.links[l.key] == l {
		delete(l.node.links, l.key)
	}
	if l.conn == nil {
		l.finish(netio.ErrClosed)
	}
}

func (l *Link) finish(err error) {
	if l.ended {
		return
	}
	l.ended, l.err = true, err
	if l.node.links[l.key] == l {
		delete(l.node.links, l.key)
	}
}

// canDial tells whether this outgoing link may try to connect.
func (l *Link) canDial() bool {
	return l.conn == nil && !l.ended && l.triedAt != l.node.net.changes
}

// dial makes a connection, or is refused.
func (l *Link) dial() {
	net := l.node.net
	l.triedAt = net.changes
	to := net.find(l.peer.Node)
	if to == nil {
		return // nobody answers
	}
	l.last++
	greeting := l.node.cfg.Greet(l.peer.Node, l.peer.Incarnation, l.last)
	greeting.Lane = l.peer.Lane
	hello, err := parseHello(wire.AppendHello(nil, wire.TypeHello, &greeting))
	if err != nil {
		to.refuse(wire.Welcome)
		return
	}
	in, reason := to.judge(&hello)
	if reason != wire.Welcome {
		to.refuse(reason)
		if reason.Final() {
			l.finish(fmt.Errorf("%w by node %d: %v", netio.ErrRefused, l.peer.Node, reason))
		}
		return
	}
	l.connect(in, hello)
}

// connect attaches both ends.
func (l *Link) connect(in *Link, hello wire.Hello) {
	to := in.node
	l.making, l.cut, in.making, in.cut = true, nil, true, nil
	defer func() { l.making, in.making = false, false }()
	if err := guard(func() error { return in.in.Attach(hello) }); err != nil {
		to.refuse(wire.Busy)
		to.net.changes++ // asked again later
		return
	}
	ack, err := parseHello(wire.AppendHello(nil, wire.TypeHelloAck, ptr(to.cfg.Greet(hello.Node, hello.Incarnation, hello.Connection))))
	if err == nil {
		err = guard(func() error { return l.out.Attach(ack) })
	}
	if err != nil {
		in.detach(err)
		to.net.changes++
		return
	}
	c := &conn{out: l, in: in, from: l.node.cfg.Node, to: to.cfg.Node}
	to.net.conns = append(to.net.conns, c)
	for _, end := range []*Link{l, in} {
		end.conn, end.awake = c, true
		end.stats.Connections++
		if end.cut != nil {
			c.cut(end, end.cut)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func parseHello(b []byte) (wire.Hello, error) {
	h, err := wire.ParseHead(b, 0)
	if err != nil {
		return wire.Hello{}, err
	}
	m, err := wire.Decode(b[:h.Len])
	if err != nil {
		return wire.Hello{}, err
	}
	return wire.ParseHello(m)
}

// judge finds the link that the hello is for. An older connection of it is lost first.
func (n *Node) judge(h *wire.Hello) (*Link, wire.Reason) {
	if r := n.cfg.Judge(h); r != wire.Welcome {
		return nil, r
	}
	in := n.links[linkKey{h.Node, h.Lane, false}]
	if in == nil {
		return nil, wire.UnknownNode
	}
	r := wire.Known{Incarnation: in.peer.Incarnation, LastConnection: in.last}.Judge(h)
	if r != wire.Welcome {
		return nil, r
	}
	in.last = h.Connection
	if in.conn != nil {
		in.conn.leave(in, netio.ErrReplaced)
	}
	if in.ended {
		return nil, wire.UnknownNode
	}
	return in, wire.Welcome
}

// detach tells the driver that the connection is over.
func (l *Link) detach(err error) {
	perr := guard(func() error {
		if l.key.outgoing {
			l.out.Detach(err)
		} else {
			l.in.Detach(err)
		}
		return nil
	})
	if perr != nil {
		err = perr
	}
	l.node.counters.Cuts[netio.CauseOf(err)]++
}

func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", netio.ErrPanic, p)
		}
	}()
	return f()
}
