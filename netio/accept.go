package netio

import (
	"errors"
	"net"
	"time"

	"github.com/streamscope/streamscope/netio/wire"
)

// acceptLoop accepts connections as long as there are free slots for handshakes; the others wait in the kernel's backlog.
func (e *Endpoint) acceptLoop() {
	for {
		select {
		case e.slots <- struct{}{}:
		case <-e.ctx.Done():
			return
		}
		nc, err := e.listener.Accept()
		if err != nil {
			<-e.slots
			if errors.Is(err, net.ErrClosed) || !e.rest() {
				return
			}
			continue // out of descriptors, or a connection that died young
		}
		if !e.spawn(func() { e.welcome(nc) }) {
			_ = nc.Close()
			return
		}
	}
}

// rest waits a little before the next attempt; false if the endpoint is closed.
func (e *Endpoint) rest() bool {
	t := time.NewTimer(e.cfg.BackoffMin)
	defer t.Stop()
	select {
	case <-e.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// welcome is the goroutine of an accepted connection: its hello, and then its owner. It holds a slot until the hello is judged.
func (e *Endpoint) welcome(nc net.Conn) {
	remote := nc.RemoteAddr().String()
	c, err := e.handshake(nc, remote)
	<-e.slots
	if err != nil {
		_ = nc.Close() // again, where handshake has: harmless
		return
	}
	l := c.link
	_ = l.live(c, remote)
	closing := l.closing.Load()
	<-l.turn
	if closing {
		l.finish(ErrClosed)
	}
}

// handshake reads the hello on nc, judges it, attaches the Incoming and answers. When it returns a connection, its link's turn is taken.
func (e *Endpoint) handshake(nc net.Conn, remote string) (*conn, error) {
	stop, err := e.expire(e.ctx, nc)
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := e.tune(nc); err != nil {
		return nil, err
	}
	m, err := ReadMessage(nc, make([]byte, wire.MaxHelloLen))
	var hello wire.Hello
	if err == nil {
		hello, err = wire.ParseHello(m)
	}
	if err == nil && m.Type != wire.TypeHello {
		err = wire.ErrGarbage
	}
	if err != nil {
		e.turnAway(remote, wire.Welcome, err)
		return nil, err
	}
	l, reason := e.admit(&hello)
	if reason != wire.Welcome {
		return nil, e.refuse(nc, remote, reason)
	}
	if err := guard(func() error { return l.side.attach(hello) }); err != nil {
		l.unmake()
		<-l.turn
		return nil, errors.Join(err, e.refuse(nc, remote, wire.Busy))
	}
	c, err := e.answer(nc, l, &hello)
	if err != nil {
		l.unmake()
		_ = guard(func() error { l.side.detach(err); return nil })
		<-l.turn
		return nil, err
	}
	return c, nil
}

// admit finds the link that the hello is for and takes its turn, once the connection before it is detached.
func (e *Endpoint) admit(h *wire.Hello) (*Link, wire.Reason) {
	if r := e.cfg.Judge(h); r != wire.Welcome {
		return nil, r
	}
	l := e.expected(h.Node, h.Lane)
	if l == nil {
		return nil, wire.UnknownNode
	}
	if r := l.judge(h); r != wire.Welcome {
		return nil, r
	}
	t := time.NewTimer(e.cfg.HelloTimeout)
	defer t.Stop()
	select {
	case l.turn <- struct{}{}:
	case <-l.give.Done():
		return nil, wire.Busy
	case <-t.C:
		return nil, wire.Busy
	}
	l.make()
	if !l.newest(h.Connection) {
		l.unmake()
		<-l.turn
		return nil, wire.OldConnection
	}
	return l, wire.Welcome
}

// answer accepts the hello and moves the connection to netpoll.
func (e *Endpoint) answer(nc net.Conn, l *Link, h *wire.Hello) (*conn, error) {
	ack := e.cfg.Greet(h.Node, h.Incarnation, h.Connection)
	ack.Lane = h.Lane
	if _, err := nc.Write(wire.AppendHello(nil, wire.TypeHelloAck, &ack)); err != nil {
		return nil, lost(err)
	}
	np, fd, err := toNetpoll(nc)
	if err != nil {
		return nil, err
	}
	return newConn(l, h.Connection, np, fd), nil
}

// refuse answers a hello with a refusal and counts it.
func (e *Endpoint) refuse(nc net.Conn, remote string, reason wire.Reason) error {
	err := &refusal{wire.Refuse{Reason: reason, Text: reason.String()}}
	e.turnAway(remote, reason, err)
	_, werr := nc.Write(wire.AppendRefuse(nil, err.Refuse))
	return errors.Join(err, werr)
}

func (e *Endpoint) turnAway(remote string, reason wire.Reason, err error) {
	e.refused[reason].Add(1)
	if f := e.cfg.Events.Refused; f != nil {
		f(nil, remote, reason, err)
	}
}
