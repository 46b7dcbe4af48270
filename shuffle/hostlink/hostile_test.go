package hostlink

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// sink is an Incoming that keeps nothing.
type sink struct{ shared int }

func (*sink) Attach(wire.Hello) error    { return nil }
func (*sink) Frame([]byte) error         { return nil }
func (*sink) Messages(buf []byte) []byte { return buf }
func (*sink) Detach(error)               {}

func (s *sink) SharedFrame([]byte, shuffle.Shared) (bool, error) {
	s.shared++
	return false, nil
}

// source is an Outgoing with one frame to send.
type source struct {
	piece []byte
	sent  int
}

func (*source) Attach(wire.Hello) error    { return nil }
func (*source) Receive(wire.Message) error { return nil }
func (s *source) Sent(error)               { s.sent++ }
func (*source) Detach(error)               {}

func (s *source) Gather(pieces [][]byte, _ int) [][]byte {
	if s.piece == nil {
		return pieces
	}
	pieces = append(pieces, s.piece)
	s.piece = nil
	return pieces
}

func testHost(t *testing.T) *node {
	t.Helper()
	n, err := newNode(writer, defaultSpec(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func units(t *testing.T, b []byte) (all [][]byte) {
	t.Helper()
	for len(b) > 0 {
		h, err := wire.ParseHead(b, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b[:h.Len])
		b = b[h.Padded():]
	}
	return all
}

// What no correct sender says ends the connection, and maps nothing.
func TestLyingSenders(t *testing.T) {
	n := testHost(t)
	offer := wire.AppendOffer(nil, n.host.key)
	n.host.Outgoing(netio.Peer{Node: reader, Incarnation: 1}, &source{})
	for _, c := range []struct {
		name   string
		offers bool
		say    []byte
		want   error
	}{
		{"references without an offer", false, wire.AppendRefs(nil, []wire.Ref{{Slot: 1, Offset: 4096, Len: 64}}), wire.ErrGarbage},
		{"forgets without an offer", false, wire.AppendForget(nil, []wire.Slot{1}), wire.ErrGarbage},
		{"a second offer", true, offer, wire.ErrGarbage},
		{"no such slot", true, wire.AppendRefs(nil, []wire.Ref{{Slot: 9, Offset: 4096, Len: 64}}), errNoSlot},
		{"an unknown slot is forgotten", true, wire.AppendForget(nil, []wire.Slot{7}), nil},
		{"the key of nobody", false, wire.AppendOffer(nil, wire.Key{1}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := wire.Identity{Job: "job", Node: reader, Incarnation: 1, Token: n.host.cfg.Token}
			h, err := Listen(Config{Identity: id, Arena: n.arena})
			if err != nil {
				t.Fatal(err)
			}
			in := h.Incoming(netio.Peer{Node: writer, Incarnation: 1}, &sink{}, func() {})
			if err := in.Attach(wire.Hello{Node: writer, Incarnation: 1}); err != nil {
				t.Fatal(err)
			}
			if c.offers {
				if err := in.Frame(units(t, offer)[0]); err != nil {
					t.Fatal(err)
				}
				if got := units(t, in.Messages(nil)); len(got) != 1 || got[0][4] != byte(wire.TypeShare) {
					t.Fatalf("an offer is answered by %x", got)
				}
			}
			if err := in.Frame(units(t, c.say)[0]); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			in.Detach(netio.ErrLost)
			if err := h.Close(); err != nil || h.Stats().MappedSegments != 0 {
				t.Errorf("%v, %+v", err, h.Stats())
			}
		})
	}
}

// A receiver cannot release what it was not given.
func TestLyingReceivers(t *testing.T) {
	n := testHost(t)
	if !n.arena.CanShare() {
		t.Log("by value only: there is nothing to release")
	}
	for _, say := range [][]wire.Released{{{Slot: 1, Frames: 1}}, {{Slot: 1, Frames: 0}}} {
		out := n.host.Outgoing(netio.Peer{Node: reader, Incarnation: 1}, &source{})
		if err := out.Attach(wire.Hello{}); err != nil {
			t.Fatal(err)
		}
		m, err := wire.Decode(units(t, wire.AppendReleased(nil, say))[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Receive(m); !errors.Is(err, wire.ErrGarbage) {
			t.Errorf("%v: got %v, want %v", say, err, wire.ErrGarbage)
		}
		out.Detach(netio.ErrLost)
	}
}

// Who does not show the token, or is not expected, gets no descriptor.
func TestStrangersAreRefused(t *testing.T) {
	n := testHost(t)
	n.host.Outgoing(netio.Peer{Node: reader, Incarnation: 3}, &source{})
	right := wire.Identity{Job: "job", Node: reader, Incarnation: 3, Token: n.host.cfg.Token}
	for _, c := range []struct {
		name  string
		spoil func(*wire.Identity)
		want  wire.Type
	}{
		{"right", func(*wire.Identity) {}, wire.TypeHelloAck},
		{"token", func(id *wire.Identity) { id.Token = []byte("guess") }, wire.TypeRefuse},
		{"job", func(id *wire.Identity) { id.Job = "other" }, wire.TypeRefuse},
		{"unknown node", func(id *wire.Identity) { id.Node = 77 }, wire.TypeRefuse},
		{"earlier life", func(id *wire.Identity) { id.Incarnation = 2 }, wire.TypeRefuse},
	} {
		id := right
		c.spoil(&id)
		conn, err := net.DialUnix("unix", nil, address(&n.host.cfg.Identity, n.host.key))
		if err != nil {
			t.Fatal(err)
		}
		hello := id.Greet(writer, 1, 1)
		if _, err := conn.Write(wire.AppendHello(nil, wire.TypeHello, &hello)); err != nil {
			t.Fatal(err)
		}
		m, err := netio.ReadMessage(conn, make([]byte, wire.MaxHelloLen))
		if err != nil || m.Type != c.want {
			t.Errorf("%s: %v (%v), want %v", c.name, m.Type, err, c.want)
		}
		if c.want == wire.TypeRefuse {
			if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("%s: after the refusal %v, want %v", c.name, err, io.EOF)
			}
		}
		_ = conn.Close()
	}
}

// Frames that are too short, or not of DATA, travel by value; a piece of several units too.
func TestOnlyLargeDataIsReferenced(t *testing.T) {
	n := testHost(t)
	heads := func(typ frame.Type, lens ...int) (b []byte) {
		for _, l := range lens {
			at := len(b)
			b = append(b, make([]byte, frame.PadLen(l))...)
			frame.PutHeader(b[at:], &frame.Header{Len: int32(l), Type: typ})
		}
		return b
	}
	for name, piece := range map[string][]byte{
		"short":    heads(frame.Data, 64),
		"close":    heads(frame.Close, 4096),
		"several":  heads(frame.Data, 4096, 4096),
		"on heap":  heads(frame.Data, 4096),
		"messages": wire.AppendBegin(nil, make([]wire.Begin, 600)),
	} {
		src := &source{piece: piece}
		out := n.host.Outgoing(netio.Peer{Node: reader, Incarnation: 1}, src).(*sender)
		out.mu.on = true
		got := out.Gather(nil, 1<<20)
		if len(got) != 1 || &got[0][0] != &piece[0] {
			t.Errorf("%s: %d pieces, want the one given", name, len(got))
		}
		out.Sent(nil)
		if src.sent != 1 {
			t.Errorf("%s: the loan was ended %d times", name, src.sent)
		}
	}
}
