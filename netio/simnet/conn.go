package simnet

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// conn is one connection. It is over for an end when that has left it.
type conn struct {
	out, in *Link // the ends; nil: has left
	from    frame.NodeID
	to      frame.NodeID

	lent     [][]byte // gathered by out, not taken by the kernel yet
	forward  pipe     // out to in
	backward pipe
}

// pipe is one direction: units on the way, and the end of them.
type pipe struct {
	units  [][]byte // padded
	astray bool     // a damaged length was believed: what follows is cut in the wrong places
	shut   bool     // nothing is added any more, since an end has left
	said   bool     // BYE is the last unit
	failed error    // bytes that are no unit: what is behind them is not delivered
}

// possible appends what can happen to the connection.
func (c *conn) possible(steps []step, n *Net) []step {
	if c.out != nil {
		steps = c.option(steps, c.lent == nil && c.out.awake && !c.forward.said, (*conn).gatherOut)
		steps = c.option(steps, c.lent != nil && c.forward.takes(n.BufferBytes), (*conn).take)
		steps = c.option(steps, c.backward.ready() && !n.held(c.to, c.from), (*conn).deliverOut)
	}
	if c.in != nil {
		steps = c.option(steps, c.in.awake && !c.backward.said, (*conn).gatherIn)
		steps = c.option(steps, c.forward.ready() && !n.held(c.from, c.to), (*conn).deliverIn)
	}
	return steps
}

func (c *conn) option(steps []step, can bool, do func(c *conn, r *rand.Rand)) []step {
	if can {
		steps = append(steps, step{conn: c, do: do})
	}
	return steps
}

// takes tells whether the kernel takes what was gathered, with room for so many bytes on the way; 0: any.
func (p *pipe) takes(bufferBytes int) bool {
	onWay := 0
	for _, u := range p.units {
		if onWay += len(u); bufferBytes > 0 && onWay >= bufferBytes {
			return false
		}
	}
	return true
}

func (p *pipe) ready() bool { return len(p.units) > 0 || p.shut || p.failed != nil }

// gatherOut lets the sending end gather.
func (c *conn) gatherOut(*rand.Rand) {
	l := c.out
	l.awake = false
	var pieces [][]byte
	err := guard(func() error { pieces = l.out.Gather(nil, l.node.cfg.FlushBytes); return nil })
	switch {
	case err != nil:
		c.leave(l, err)
	case len(pieces) > netio.MaxPieces:
		c.lent = pieces
		c.leave(l, fmt.Errorf("simnet: %d pieces gathered, want at most %d", len(pieces), netio.MaxPieces))
	case len(pieces) > 0:
		c.lent, l.awake = pieces, true
	case l.closing:
		c.forward.add(wire.AppendBye(nil), l)
		c.forward.said = true
	}
}

// take lets the kernel have what was gathered.
func (c *conn) take(*rand.Rand) {
	l := c.out
	l.stats.Flushes++
	var all []byte // a unit may go on in the next piece
	for _, p := range c.lent {
		all = append(all, p...)
		all = append(all, make([]byte, frame.PadLen(len(all))-len(all))...)
	}
	c.forward.add(all, l)
	c.lent = nil
	if err := guard(func() error { l.out.Sent(nil); return nil }); err != nil {
		c.leave(l, err)
	}
}

// gatherIn lets the receiving end gather.
func (c *conn) gatherIn(*rand.Rand) {
	l := c.in
	l.awake = false
	var b []byte
	err := guard(func() error { b = l.in.Messages(nil); return nil })
	switch {
	case err != nil:
		c.leave(l, err)
	case len(b) > 0:
		l.stats.Flushes++
		c.backward.add(b, l)
		l.awake = true
	case l.closing:
		c.backward.add(wire.AppendBye(nil), l)
		c.backward.said = true
	}
}

// add copies a piece of whole units, cut up, into the pipe.
func (p *pipe) add(piece []byte, from *Link) {
	b := append(make([]byte, 0, len(piece)+wire.Align), piece...)
	b = append(b, make([]byte, frame.PadLen(len(b))-len(b))...)
	from.stats.BytesOut += uint64(len(b))
	for len(b) > 0 && p.failed == nil {
		h, err := wire.ParseHead(b, 1<<31-1)
		if err == nil && h.Padded() > len(b) {
			err = fmt.Errorf("%w: %v of %d bytes in a piece of %d", wire.ErrGarbage, h.Type, h.Len, len(b))
			if h.Padded() > from.node.cfg.MaxFrameBytes {
				err = fmt.Errorf("%w: %v of %d bytes", wire.ErrOversized, h.Type, h.Len)
			}
		}
		if err != nil {
			p.failed = err
			return
		}
		p.units = append(p.units, b[:h.Padded():h.Padded()])
		b = b[h.Padded():]
	}
}

// next takes the next unit from the pipe, checked; nil and an error when there is none to come.
func (p *pipe) next(r *rand.Rand, to *Link) (wire.Head, []byte, error) {
	if p.shut && len(p.units) > 0 && r.IntN(4) == 0 {
		p.units, p.failed = nil, nil // a reset overtakes what was on the way
	}
	if len(p.units) == 0 {
		if p.failed != nil {
			return wire.Head{}, nil, p.failed
		}
		return wire.Head{}, nil, netio.ErrLost
	}
	b := p.units[0]
	p.units = p.units[1:]
	to.damage(b, p.astray)
	to.stats.BytesIn += uint64(len(b))
	h, err := wire.ParseHead(b, to.node.cfg.MaxFrameBytes)
	if err != nil {
		return h, nil, err
	}
	if h.Padded() != len(b) {
		if b = p.recut(b, h.Padded()); b == nil {
			return h, nil, netio.ErrSilent
		}
	}
	switch h.Type {
	case wire.TypePing, wire.TypeBye:
		if _, err := wire.Decode(b[:h.Len]); err != nil {
			return h, nil, err
		}
		if h.Type == wire.TypeBye {
			return h, nil, netio.ErrBye
		}
	}
	return h, b[:h.Len], nil
}

// recut returns the n bytes that a damaged head says its unit has, beginning with b, out of what follows it; nil if there are not so many.
func (p *pipe) recut(b []byte, n int) []byte {
	p.astray = true
	rest := slices.Concat(append([][]byte{b}, p.units...)...)
	if p.units = nil; n > len(rest) {
		return nil
	}
	if n < len(rest) {
		p.units = [][]byte{rest[n:]} // cut again when its turn comes
	}
	return rest[:n:n]
}

// deliverIn brings the next unit to the receiving end.
func (c *conn) deliverIn(r *rand.Rand) {
	l := c.in
	h, b, err := c.forward.next(r, l)
	if err == nil && h.Type != wire.TypePing {
		if err = netio.CheckForward(b, l.node.cfg.MaxFrameBytes); err == nil {
			if h.IsFrame() {
				l.stats.FramesIn++
			}
			err = guard(func() error { return l.in.Frame(b) })
		}
	}
	mangle(b)
	if err != nil {
		c.leave(l, err)
	}
}

// deliverOut brings the next unit to the sending end.
func (c *conn) deliverOut(r *rand.Rand) {
	l := c.out
	h, b, err := c.backward.next(r, l)
	if err == nil && h.Type != wire.TypePing {
		var m wire.Message
		if m, err = netio.CheckReverse(b); err == nil {
			err = guard(func() error { return l.out.Receive(m) })
		}
	}
	mangle(b)
	if err != nil {
		c.leave(l, err)
	}
}

func mangle(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}

// cut is leave, for callers that may be inside a call of the link's driver: the end leaves at its next step.
func (c *conn) cut(l *Link, err error) {
	p := &c.forward
	if l == c.out {
		p = &c.backward
	}
	p.units, p.failed = nil, err
}

// leave ends the connection for one end. The other notices later.
func (c *conn) leave(l *Link, err error) {
	if l.closing && netio.CauseOf(err) == netio.CauseLost {
		err = netio.ErrClosed // the answer to our BYE
	}
	c.vanish(l)
	if l.key.outgoing && c.lent != nil {
		c.lent = nil
		_ = guard(func() error { l.out.Sent(err); return nil })
	}
	l.detach(err)
	switch {
	case l.closing:
		l.finish(netio.ErrClosed)
	case l.key.outgoing && netio.CauseOf(err) == netio.CauseBye:
		l.finish(err)
	default:
		l.triedAt = -1
	}
}

// vanish takes an end off the connection without a word to its driver.
func (c *conn) vanish(l *Link) {
	l.conn = nil
	c.forward.shut, c.backward.shut = true, true
	if l == c.out {
		c.out = nil
	} else {
		c.in = nil
	}
}
