package netio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/netio/wire"
)

// ReadMessage reads one message of a hello: exactly its bytes, at most wire.MaxHelloLen of them, into buf, which is as long. The error wraps
// ErrLost, wire.ErrGarbage or wire.ErrOversized.
func ReadMessage(r io.Reader, buf []byte) (wire.Message, error) {
	if _, err := io.ReadFull(r, buf[:wire.HeadLen]); err != nil {
		return wire.Message{}, lost(err)
	}
	h, err := wire.ParseHead(buf, wire.MaxHelloLen)
	if err != nil {
		return wire.Message{}, err
	}
	if h.Padded() > len(buf) {
		return wire.Message{}, fmt.Errorf("%w: %v of %d bytes in a hello, want at most %d", wire.ErrOversized, h.Type, h.Len, len(buf))
	}
	if _, err := io.ReadFull(r, buf[wire.HeadLen:h.Padded()]); err != nil {
		return wire.Message{}, lost(err)
	}
	return wire.Decode(buf[:h.Len])
}

// expire makes reads and writes of nc fail at the hello's time limit, or as soon as ctx ends. The caller calls stop.
func (e *Endpoint) expire(ctx context.Context, nc net.Conn) (stop func() bool, err error) {
	if err := nc.SetDeadline(time.Now().Add(e.cfg.HelloTimeout)); err != nil {
		return nil, lost(err)
	}
	return context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) }), nil
}

// toNetpoll moves the connection nc to netpoll: a duplicate of its descriptor, nc itself is closed. See the package document.
func toNetpoll(nc net.Conn) (netpoll.Connection, int, error) {
	defer nc.Close()
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, -1, lost(err)
	}
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil, -1, fmt.Errorf("netio: %T has no descriptor", nc)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, -1, lost(err)
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(old uintptr) { fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) }); err != nil {
		return nil, -1, lost(err)
	}
	if dupErr != nil {
		return nil, -1, fmt.Errorf("netio: duplicate descriptor: %w", dupErr)
	}
	np, err := netpoll.NewFDConnection(fd) // closes fd if it fails
	if err != nil {
		return nil, -1, lost(err)
	}
	return np, fd, nil
}

func (e *Endpoint) tune(nc net.Conn) error {
	t, ok := nc.(*net.TCPConn)
	if !ok || e.cfg.SocketBytes == 0 {
		return nil
	}
	return errors.Join(t.SetReadBuffer(e.cfg.SocketBytes), t.SetWriteBuffer(e.cfg.SocketBytes))
}

// refusal is a hello that was refused by the other end.
type refusal struct{ wire.Refuse }

func (r *refusal) Error() string { return fmt.Sprintf("refused: %v: %q", r.Reason, r.Text) }

// greet says hello on nc and judges the answer. The error is a *refusal, or wraps ErrLost, wire.ErrGarbage or wire.ErrOversized.
func (e *Endpoint) greet(nc net.Conn, peer Peer, number uint64) (wire.Hello, error) {
	hello := e.cfg.Greet(peer.Node, peer.Incarnation, number)
	hello.Lane = peer.Lane
	if _, err := nc.Write(wire.AppendHello(nil, wire.TypeHello, &hello)); err != nil {
		return wire.Hello{}, lost(err)
	}
	m, err := ReadMessage(nc, make([]byte, wire.MaxHelloLen))
	if err != nil {
		return wire.Hello{}, err
	}
	if m.Type == wire.TypeRefuse {
		r, err := wire.ParseRefuse(m)
		if err != nil {
			return wire.Hello{}, err
		}
		return wire.Hello{}, &refusal{r}
	}
	if m.Type != wire.TypeHelloAck {
		return wire.Hello{}, fmt.Errorf("%w: %v in answer to a hello", wire.ErrGarbage, m.Type)
	}
	ack, err := wire.ParseHello(m)
	if err != nil {
		return wire.Hello{}, err
	}
	reason := e.cfg.Judge(&ack)
	switch {
	case reason != wire.Welcome:
	case ack.Node != peer.Node || ack.Connection != number || ack.Lane != peer.Lane:
		reason = wire.WrongNode
	case ack.Incarnation != peer.Incarnation:
		reason = wire.Stale
	default:
		return ack, nil
	}
	e.refused[reason].Add(1)
	return wire.Hello{}, fmt.Errorf("%w: %v in its answer", wire.ErrGarbage, reason)
}
