package netio_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/netiotest"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// server is a listener of our own making, which answers hellos as node 2 does, or otherwise.
type server struct {
	t *testing.T
	net.Listener
}

func listen(t *testing.T) server {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return server{t, ln}
}

// accept takes a connection and reads its hello.
func (s server) accept() raw {
	s.t.Helper()
	c, err := s.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	r := raw{s.t, c}
	if got := r.unit(); got != wire.TypeHello {
		s.t.Fatalf("greeted with %v", got)
	}
	return r
}

// ack answers as the node after f has changed what it says.
func (r raw) ack(number uint64, f func(h *wire.Hello)) {
	id := id1
	id.Node = 2
	h := id.Greet(1, 1, number)
	f(&h)
	r.send(wire.AppendHello(nil, wire.TypeHelloAck, &h))
}

func right(*wire.Hello) {}

// dialled is an endpoint that dials our server as node 1.
type dialled struct {
	node
	sender *netiotest.Sender
	out    *netio.Link
	net    *loopback
}

func dial(t *testing.T, addr string, f func(cfg *netio.Config)) dialled {
	n := newLoopback(t).(*loopback)
	cfg := netio.Config{Identity: id1}
	f(&cfg)
	d := dialled{node: n.Node(cfg).(node), net: n, sender: netiotest.NewSender([]frame.EdgeID{1}, n.Changed)}
	l, err := d.Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: addr}, d.sender)
	if err != nil {
		t.Fatal(err)
	}
	d.out = l.(link).Link
	d.sender.SetWake(l.Wake)
	return d
}

// Whoever answers must know the token and be who was dialled.
func TestFalseServers(t *testing.T) {
	s := listen(t)
	var refused atomic.Int64
	d := dial(t, s.Addr().String(), func(cfg *netio.Config) {
		cfg.Events.Retry = func(_ *netio.Link, err error, _ time.Duration) {
			if errors.Is(err, wire.ErrGarbage) || errors.Is(err, netio.ErrLost) {
				refused.Add(1)
			}
		}
	})
	number := uint64(0)
	for name, answer := range map[string]func(r raw){
		"token":       func(r raw) { r.ack(number, func(h *wire.Hello) { h.Token = []byte("guess") }) },
		"node":        func(r raw) { r.ack(number, func(h *wire.Hello) { h.Node = 3 }) },
		"incarnation": func(r raw) { r.ack(number, func(h *wire.Hello) { h.Incarnation = 2 }) },
		"connection":  func(r raw) { r.ack(number+1, right) },
		"ping":        func(r raw) { r.send(wire.AppendPing(nil)) },
		"nonsense": func(r raw) {
			r.send([]byte("220 smtp.example.com ESMTP ready\r\n........................................"))
		},
		"hang up":     func(r raw) { r.Close() },
		"bad refusal": func(r raw) { r.send(wire.AppendRefuse(nil, wire.Refuse{Reason: 77})) },
		"not now":     func(r raw) { r.send(wire.AppendRefuse(nil, wire.Refuse{Reason: wire.NotYet})) },
	} {
		r := s.accept()
		number++
		answer(r)
		r.closed()
		if got := d.sender.Attaches(); got != 0 {
			t.Fatalf("%s: attached", name)
		}
	}
	r := s.accept()
	number++
	r.ack(number, right)
	d.net.Until("attached to the right one", func() bool { return d.sender.Attaches() == 1 })
	if got := refused.Load(); got != 8 {
		t.Errorf("%d answers were garbage or none, want 8", got)
	}
	r.send(wire.AppendBye(nil))
	d.net.Until("the link has ended", func() bool { _, ok := (link{d.net, d.out}).Ended(); return ok })
	if err := d.out.Err(); !errors.Is(err, netio.ErrBye) {
		t.Errorf("ended by %v, want %v", err, netio.ErrBye)
	}
}

func TestLoopbackIsNotPaced(t *testing.T) {
	s := listen(t)
	d := dial(t, s.Addr().String(), func(*netio.Config) {})
	s.accept().ack(1, right)
	name := ""
	d.net.Until("connected", func() bool {
		var err error
		if name, err = d.out.Congestion(); err != nil {
			t.Fatal(err)
		}
		return name != ""
	})
	if name != "reno" {
		t.Errorf("the kernel sends by %q, want reno, which does not pace", name)
	}
}

func TestFinalRefusal(t *testing.T) {
	s := listen(t)
	told := make(chan wire.Reason, 1)
	d := dial(t, s.Addr().String(), func(cfg *netio.Config) {
		cfg.Events.Refused = func(l *netio.Link, _ string, reason wire.Reason, _ error) {
			if l != nil {
				told <- reason
			}
		}
	})
	r := s.accept()
	r.send(wire.AppendRefuse(nil, wire.Refuse{Reason: wire.Stale, Text: "you are \x1b[31mdead"}))
	<-d.out.Done()
	if err := d.out.Err(); !errors.Is(err, netio.ErrRefused) || strings.ContainsRune(err.Error(), 0x1b) {
		t.Errorf("ended by %q, want %v and the peer's words quoted", err, netio.ErrRefused)
	}
	if got := <-told; got != wire.Stale {
		t.Errorf("told of %v, want %v", got, wire.Stale)
	}
}

// A peer that never reads stalls a flush; the memory comes back when the connection is closed.
func TestStalledWrite(t *testing.T) {
	s := listen(t)
	d := dial(t, s.Addr().String(), func(cfg *netio.Config) { cfg.SocketBytes, cfg.Silence = 4096, 1<<62 })
	for range 200 {
		d.sender.Data(1, 1, 60_000)
	}
	r := s.accept()
	if err := r.Conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	r.ack(1, right)
	r.send(wire.AppendAttach(nil, []wire.Grant{{Edge: 1, Session: 1, Open: 1}}))
	d.net.Until("a flush that does not end", func() bool {
		before := d.out.Stats().Flushes
		for range 1000 {
			if !d.out.Flushing() || d.out.Stats().Flushes != before {
				return false
			}
		}
		return d.out.Stats().BytesOut < 200*60_000
	})
	// Whether that was the last flush or only a slow one: the watch decides about the one it finds.
	d.net.Until("cut for the stall", func() bool {
		d.WatchAt(time.Hour)
		return d.Counters().Cuts[netio.CauseStalled] == 1
	})
	d.net.Until("detached", func() bool { return len(d.sender.Detached()) == 1 })
	if err := d.sender.Broken(); err != nil {
		t.Error(err)
	}
}

func TestCloseWithoutAnswer(t *testing.T) {
	s := listen(t)
	d := dial(t, s.Addr().String(), func(*netio.Config) {})
	r := s.accept()
	r.ack(1, right)
	d.net.Until("attached", func() bool { return d.sender.Attaches() == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		if got := r.unit(); got != wire.TypeBye {
			t.Errorf("closing says %v, want %v", got, wire.TypeBye)
		}
		cancel() // without an answer
	}()
	if err := d.out.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("closed with %v, want %v", err, context.Canceled)
	}
	if err := d.out.Err(); !errors.Is(err, netio.ErrClosed) {
		t.Errorf("ended by %v, want %v", err, netio.ErrClosed)
	}
	if got := len(d.sender.Detached()); got != 1 {
		t.Errorf("detached %d times when Close returned, want once", got)
	}
}

// Links that never connected end at once.
func TestCloseWithoutConnection(t *testing.T) {
	s := listen(t)
	addr := s.Addr().String()
	s.Close()
	retried := make(chan struct{}, 100)
	d := dial(t, addr, func(cfg *netio.Config) {
		cfg.Events.Retry = func(*netio.Link, error, time.Duration) {
			select {
			case retried <- struct{}{}:
			default:
			}
		}
	})
	<-retried
	<-retried
	if err := d.out.Close(context.Background()); err != nil {
		t.Error(err)
	}
	in, err := d.Endpoint.Expect(netio.Peer{Node: 3, Incarnation: 1}, netiotest.NewSink(1, nil, d.net.Changed))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if !errors.Is(in.Err(), netio.ErrClosed) || !errors.Is(d.out.Err(), netio.ErrClosed) {
		t.Errorf("ended by %v and %v", in.Err(), d.out.Err())
	}
	// The places are free again.
	if _, err := d.Endpoint.Expect(netio.Peer{Node: 3, Incarnation: 2}, netiotest.NewSink(1, nil, d.net.Changed)); err != nil {
		t.Error(err)
	}
	d.Endpoint.Close()
	d.Endpoint.Close() // harmless
	if _, err := d.Endpoint.Dial(netio.Peer{Node: 4}, d.sender); !errors.Is(err, netio.ErrClosed) {
		t.Errorf("dialled on a closed endpoint: %v", err)
	}
	if _, err := d.Endpoint.Expect(netio.Peer{Node: 4}, nil); !errors.Is(err, netio.ErrClosed) {
		t.Errorf("expected on a closed endpoint: %v", err)
	}
}

// The endpoint is closed while a hello is under way on both sides.
func TestCloseDuringHello(t *testing.T) {
	s := listen(t)
	d := dial(t, s.Addr().String(), func(cfg *netio.Config) { cfg.HelloTimeout = time.Hour })
	s.accept()
	rawDial(t, d.Addr())
	d.Endpoint.Close()
	if err := d.out.Err(); !errors.Is(err, netio.ErrClosed) {
		t.Errorf("ended by %v, want %v", err, netio.ErrClosed)
	}
}
