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
	out := n.host.Outgoing(netio.Peer{Node: reader, Incarnation: 1}, &source{})
	if err := out.Attach(wire.Hello{}); err != nil {
		t.Fatal(err)
	}
	defer out.Detach(netio.ErrLost)
	bell := wire.AppendBell(nil)
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
		{"a bell without an offer", false, bell, wire.ErrGarbage},
		{"aside without an offer", false, wire.AppendAside(nil, 1), wire.ErrGarbage},
		{"aside on the connection", true, wire.AppendAside(nil, 1), wire.ErrGarbage},
		{"a unit that no ASIDE announced", true, append(bell, wire.AppendBegin(nil, []wire.Begin{{}})...), wire.ErrGarbage},
		{"the key of nobody", false, wire.AppendOffer(nil, wire.Key{1}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.offers && !n.arena.CanShare() {
				return // such a build offers nothing
			}
			id := wire.Identity{Job: "job", Node: reader, Incarnation: 1, Token: n.host.cfg.Token}
			h, err := Listen(Config{Identity: id, Arena: n.arena})
			if err != nil {
				t.Fatal(err)
			}
			in := h.Incoming(netio.Peer{Node: writer, Incarnation: 1}, &sink{})
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
			said := units(t, c.say)
			for i, b := range said {
				want := c.want
				if i < len(said)-1 {
					want = nil
				}
				if err := in.Frame(b); !errors.Is(err, want) {
					t.Errorf("unit %d: got %v, want %v", i, err, want)
				}
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

// Frames that are too short, or not of DATA, travel by value; a piece of several units too. DATA and what is long takes the connection.
func TestOnlyLargeDataIsReferenced(t *testing.T) {
	n := testHost(t)
	if !n.arena.CanShare() {
		t.Log("nothing is referenced in this build")
		return
	}
	heads := func(typ frame.Type, lens ...int) (b []byte) {
		for _, l := range lens {
			at := len(b)
			b = append(b, make([]byte, frame.PadLen(l))...)
			frame.PutHeader(b[at:], &frame.Header{Len: int32(l), Type: typ})
		}
		return b
	}
	for _, c := range []struct {
		name  string
		piece []byte
		mail  []wire.Type // what lies in the mailbox
		aside bool
	}{
		{"short", heads(frame.Data, 64), []wire.Type{wire.TypeAside}, true},
		{"short close", heads(frame.Close, 200), []wire.Type{wire.Type(frame.Close)}, false},
		{"long close", heads(frame.Close, 4096), []wire.Type{wire.TypeAside}, true},
		{"several", heads(frame.Data, 4096, 4096), []wire.Type{wire.TypeAside}, true},
		{"on heap", heads(frame.Data, 4096), []wire.Type{wire.TypeAside}, true},
		{"messages", wire.AppendBegin(nil, make([]wire.Begin, 6)), []wire.Type{wire.TypeBegin}, false},
		{"many messages", wire.AppendBegin(nil, make([]wire.Begin, 600)), []wire.Type{wire.TypeAside}, true},
	} {
		src := &source{piece: c.piece}
		out := n.host.Outgoing(netio.Peer{Node: reader, Incarnation: 1}, src).(*sender)
		if err := out.Attach(wire.Hello{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []wire.Type{wire.TypeOffer, wire.TypeBell} {
			if first := out.Gather(nil, 1<<20); len(first) != 1 || wire.Type(first[0][4]) != want {
				t.Errorf("%s: %d pieces, want %v", c.name, len(first), want)
			}
			out.Sent(nil)
			if want == wire.TypeOffer {
				if err := out.share(); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := out.Gather(nil, 1<<20)
		if (len(got) == 1 && &got[0][0] == &c.piece[0]) != c.aside || len(got) > 1 {
			t.Errorf("%s: %d pieces, want the one given: %v", c.name, len(got), c.aside)
		}
		out.Sent(nil)
		if src.sent != 1 {
			t.Errorf("%s: the loan was ended %d times", c.name, src.sent)
		}
		theirs := newRing(out.mu.mail.mem, out.mu.mail.forward.data)
		for _, want := range append(c.mail, 0) {
			b, _, err := theirs.next(nil, 1<<20)
			if err != nil || (b == nil) != (want == 0) || b != nil && wire.Type(b[4]) != want {
				t.Errorf("%s: mail %x (%v), want %v", c.name, b, err, want)
			}
		}
		out.Detach(netio.ErrLost)
	}
}
