package netio_test

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/netiotest"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

var id1 = wire.Identity{Job: "raw", Node: 1, Incarnation: 1, Token: []byte("t")}

func rawConfig() netio.Config {
	cfg := netio.Config{Identity: id1, MaxFrameBytes: 64 << 10}
	cfg.Node = 2
	return cfg
}

// raw is a peer of our own making: node 1 of the job, on a plain socket.
type raw struct {
	t *testing.T
	net.Conn
}

func rawDial(t *testing.T, addr string) raw {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return raw{t, c}
}

// send writes b, which may fail: the other end may have cut the connection.
func (r raw) send(b []byte) { _, _ = r.Write(b) }

// hello says hello on the connection of that number and returns the type of the answer.
func (r raw) hello(number uint64) wire.Type {
	r.t.Helper()
	h := id1.Greet(2, 1, number)
	r.send(wire.AppendHello(nil, wire.TypeHello, &h))
	return r.unit()
}

// unit reads a unit and returns its type, 0 at the end of the connection.
func (r raw) unit() wire.Type {
	head := make([]byte, wire.HeadLen)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0
	}
	h, err := wire.ParseHead(head, 1<<20)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, r, int64(h.Padded()-wire.HeadLen)); err != nil {
		return 0
	}
	return h.Type
}

// closed waits until the other end has closed the connection.
func (r raw) closed() { _, _ = io.Copy(io.Discard, r) }

func dataFrame(edge frame.EdgeID, tick frame.Tick, len int) []byte {
	b := make([]byte, frame.PadLen(len))
	frame.PutHeader(b, &frame.Header{Len: int32(len), Type: frame.Data, Edge: edge, Tick: tick})
	return b
}

// served is an endpoint that expects node 1, and its sink.
type served struct {
	node
	sink *netiotest.Sink
	in   *netio.Link
	net  *loopback
}

func serve(t *testing.T, cfg netio.Config) served {
	n := newLoopback(t).(*loopback)
	s := served{node: n.Node(cfg).(node), net: n, sink: netiotest.NewSink(1000, []frame.EdgeID{1}, n.Changed)}
	l, err := s.Expect(netio.Peer{Node: 1, Incarnation: 1}, s.sink)
	if err != nil {
		t.Fatal(err)
	}
	s.in = l.(link).Link
	s.sink.SetWake(l.Wake)
	return s
}

func (s served) down(t *testing.T, cause netio.Cause) {
	t.Helper()
	s.net.Until("cut for "+cause.String(), func() bool { return s.Counters().Cuts[cause] > 0 })
}

// Hellos that are none, from strangers that hold the line: closed within the time limit, counted, and in nobody's way.
func TestStrangers(t *testing.T) {
	cfg := rawConfig()
	cfg.MaxHandshakes, cfg.HelloTimeout = 2, 50*time.Millisecond
	s := serve(t, cfg)
	good := id1.Greet(2, 1, 1)
	hello := wire.AppendHello(nil, wire.TypeHello, &good)
	huge := []byte{0xff, 0xff, 0, 0, byte(wire.TypeHello), 0, 0, 0}
	for name, say := range map[string]func(r raw){
		"nothing":             func(raw) {},
		"half a head":         func(r raw) { r.send(hello[:4]) },
		"half a hello":        func(r raw) { r.send(hello[:40]) },
		"HTTP":                func(r raw) { r.send([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) },
		"an oversized hello":  func(r raw) { r.send(huge) },
		"a ping":              func(r raw) { r.send(wire.AppendPing(nil)) },
		"an answer":           func(r raw) { r.send(wire.AppendHello(nil, wire.TypeHelloAck, &good)) },
		"half a hello, reset": func(r raw) { r.send(hello[:40]); r.reset() },
	} {
		before := s.Counters().Refused[wire.Welcome]
		r := rawDial(t, s.Addr())
		say(r)
		r.closed()
		s.net.Until(name+" is counted", func() bool { return s.Counters().Refused[wire.Welcome] > before })
	}
	for range 5 * cfg.MaxHandshakes {
		rawDial(t, s.Addr()) // and say nothing
	}
	// On a slow machine the time limit may hit the honest too: they try again.
	for number := uint64(1); rawDial(t, s.Addr()).hello(number) != wire.TypeHelloAck; number++ {
	}
}

// reset closes the connection with a RST.
func (r raw) reset() {
	if err := r.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		r.t.Fatal(err)
	}
	r.Close()
}

func TestOneByteWrites(t *testing.T) {
	s := serve(t, rawConfig())
	r := rawDial(t, s.Addr())
	h := id1.Greet(2, 1, 1)
	stream := wire.AppendHello(nil, wire.TypeHello, &h)
	stream = wire.AppendBegin(stream, []wire.Begin{{Edge: 1, Session: 1}})
	first := len(stream)
	for range 3 {
		stream = append(stream, dataFrame(1, 1, 80)...)
	}
	stream = wire.AppendPing(stream)
	for i := range stream {
		if i == first {
			// The session exists only once the sink has said so.
			if a, b := r.unit(), r.unit(); a != wire.TypeHelloAck || b != wire.TypeAttach {
				t.Fatalf("answered %v, %v", a, b)
			}
		}
		if i == first-wire.Align {
			s.net.Until("the connection is up", func() bool { return s.sink.Attaches() == 1 })
		}
		r.send(stream[i : i+1])
	}
	s.net.Until("three frames have arrived, or the connection ended", func() bool { return s.sink.Frames() == 3 || len(s.sink.Detached()) > 0 })
	if got := s.sink.Detached(); len(got) > 0 {
		t.Errorf("cut: %v", got)
	}
	if got := s.in.Stats(); got.FramesIn != 3 {
		t.Errorf("%+v, want 3 frames", got)
	}
}

func TestReset(t *testing.T) {
	s := serve(t, rawConfig())
	r := rawDial(t, s.Addr())
	r.hello(1)
	r.send(dataFrame(1, 1, 4000)[:100])
	r.reset()
	s.down(t, netio.CauseLost)
}

func TestConnectionNumbers(t *testing.T) {
	s := serve(t, rawConfig())
	first := rawDial(t, s.Addr())
	if got := first.hello(5); got != wire.TypeHelloAck {
		t.Fatalf("answered %v", got)
	}
	for _, number := range []uint64{5, 4, 0} {
		if got := rawDial(t, s.Addr()).hello(number); got != wire.TypeRefuse {
			t.Errorf("connection %d after 5: answered %v, want %v", number, got, wire.TypeRefuse)
		}
	}
	if got := s.Counters().Refused[wire.OldConnection]; got != 3 {
		t.Errorf("%d old connections refused, want 3", got)
	}
	second := rawDial(t, s.Addr())
	if got := second.hello(6); got != wire.TypeHelloAck {
		t.Errorf("a newer connection: answered %v", got)
	}
	first.closed()
	s.down(t, netio.CauseReplaced)
	if a, d := s.sink.Attaches(), len(s.sink.Detached()); a != 2 || d != 1 {
		t.Errorf("attached %d times, detached %d times, want 2 and 1", a, d)
	}
}

// Of two connections that wait for an older one to end, the newer is taken.
func TestNewestWins(t *testing.T) {
	n := newLoopback(t).(*loopback)
	s := n.Node(rawConfig()).(node)
	in := &slow{Sink: netiotest.NewSink(1000, []frame.EdgeID{1}, n.Changed), gate: make(chan struct{})}
	l, err := s.Expect(netio.Peer{Node: 1, Incarnation: 1}, in)
	if err != nil {
		t.Fatal(err)
	}
	first := rawDial(t, s.Addr())
	first.hello(1)
	first.send(dataFrame(1, 1, 200))
	n.Until("the sink waits", in.waiting.Load)
	waiting := make(map[uint64]raw)
	for _, number := range []uint64{2, 3} {
		waiting[number] = rawDial(t, s.Addr())
		h := id1.Greet(2, 1, number)
		waiting[number].send(wire.AppendHello(nil, wire.TypeHello, &h))
		n.Until("the hello is taken", func() bool { return l.(link).LastConnection() == number })
	}
	close(in.gate)
	if got := waiting[2].unit(); got != wire.TypeRefuse {
		t.Errorf("the older is answered %v, want %v", got, wire.TypeRefuse)
	}
	if got := waiting[3].unit(); got != wire.TypeHelloAck {
		t.Errorf("the newer is answered %v, want %v", got, wire.TypeHelloAck)
	}
}

func TestSilenceAndPing(t *testing.T) {
	cfg := rawConfig()
	cfg.PingEvery, cfg.Silence, cfg.WriteTimeout = time.Hour, 2*time.Hour, 1<<62
	s := serve(t, cfg)
	r := rawDial(t, s.Addr())
	if a, b := r.hello(1), r.unit(); a != wire.TypeHelloAck || b != wire.TypeAttach {
		t.Fatalf("answered %v, %v", a, b)
	}
	s.WatchAt(time.Hour)
	if got := r.unit(); got != wire.TypePing {
		t.Errorf("after an hour: %v, want %v", got, wire.TypePing)
	}
	if got := len(s.sink.Detached()); got != 0 {
		t.Errorf("cut within the time limit: %v", s.sink.Detached())
	}
	// A peer that drips bytes is silent all the same: no whole unit comes.
	r.send(dataFrame(1, 1, 4000)[:100])
	s.WatchAt(3 * time.Hour)
	r.closed()
	s.down(t, netio.CauseSilent)
}

// slow is a Sink whose Frame waits.
type slow struct {
	*netiotest.Sink
	gate    chan struct{}
	waiting atomic.Bool
	frames  atomic.Int64
}

func (s *slow) Frame([]byte) error {
	s.waiting.Store(true)
	s.frames.Add(1)
	<-s.gate
	return nil
}

// A slow Incoming is not its peer's silence; a flood is.
func TestFlood(t *testing.T) {
	cfg := rawConfig()
	cfg.MaxBufferedBytes, cfg.WriteTimeout = 128<<10, 1<<62
	n := newLoopback(t).(*loopback)
	s := n.Node(cfg).(node)
	in := &slow{Sink: netiotest.NewSink(1000, []frame.EdgeID{1}, n.Changed), gate: make(chan struct{})}
	l, err := s.Expect(netio.Peer{Node: 1, Incarnation: 1}, in)
	if err != nil {
		t.Fatal(err)
	}
	r := rawDial(t, s.Addr())
	r.hello(1)
	r.send(dataFrame(1, 1, 4000))
	n.Until("the sink waits", in.waiting.Load)
	s.WatchAt(24 * time.Hour)
	if got := s.Counters().Cuts; got != [netio.Causes]uint64{} {
		t.Errorf("cut while the sink was slow: %v", got)
	}
	for range 40 {
		r.send(dataFrame(1, 1, 4000))
	}
	n.Until("the flood has come", func() bool { return l.(link).Unread() > cfg.MaxBufferedBytes })
	s.WatchAt(0)
	r.closed()
	close(in.gate)
	n.Until("cut for flood", func() bool { return s.Counters().Cuts[netio.CauseFlood] == 1 })
	if got := in.frames.Load(); got != 1 {
		t.Errorf("%d frames taken, want none of the flood after the first", got)
	}
}
