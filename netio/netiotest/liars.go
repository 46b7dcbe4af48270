package netiotest

import (
	"encoding/binary"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// liar is a Sender whose second thing to say is bytes.
type liar struct {
	*Sender
	bytes []byte
	said  bool
}

func (l *liar) Gather(pieces [][]byte, maxBytes int) [][]byte {
	n := len(pieces)
	pieces = l.Sender.Gather(pieces, maxBytes)
	if len(pieces) == n || l.said {
		return pieces
	}
	l.said = true
	return append(pieces[:n+1], l.bytes)
}

func unit(b []byte, n int) []byte {
	return append(b, make([]byte, n)...)
}

func headOf(len int32, typ, flags byte) []byte {
	b := make([]byte, wire.HeadLen)
	binary.LittleEndian.PutUint32(b, uint32(len))
	b[4], b[5] = typ, flags
	return b
}

// Senders that say what no sender may say are cut off, with a cause that is counted; a link beside them goes on.
func lyingSenders(t *testing.T, n Net) {
	overrun := newFrame(frame.Data, 1, 5, 2000)
	badHeader := newFrame(frame.Data, 1, 1, 128)
	badHeader[5] = 0xff
	for _, c := range []struct {
		name  string
		bytes []byte
		cause netio.Cause
	}{
		{"oversized frame", headOf(1<<20, byte(frame.Data), 0), netio.CauseOversized},
		{"oversized message", headOf(1<<20, byte(wire.TypeBegin), 0), netio.CauseOversized},
		{"negative length", headOf(-1, byte(frame.Data), 0), netio.CauseGarbage},
		{"no type", unit(headOf(64, 0, 0), 56), netio.CauseGarbage},
		{"unknown type", unit(headOf(64, 0x7f, 0), 56), netio.CauseGarbage},
		{"unknown message", unit(headOf(8, 0xff, 0), 56), netio.CauseGarbage},
		{"short frame", unit(headOf(63, byte(frame.Data), 0), 56), netio.CauseGarbage},
		{"bad frame header", badHeader, netio.CauseGarbage},
		{"credit from the sender", wire.AppendCredit(nil, []wire.Grant{{}}), netio.CauseGarbage},
		{"hello in the middle", wire.AppendHello(nil, wire.TypeHello, &wire.Hello{}), netio.CauseGarbage},
		{"ping with a body", unit(headOf(64, byte(wire.TypePing), 0), 56), netio.CauseGarbage},
		{"overrun of the window", overrun, netio.CauseOverrun},
		{"unknown edge", newFrame(frame.Data, 77, 1, 128), netio.CauseGarbage},
		{"session of the future", wire.AppendBegin(nil, []wire.Begin{{Edge: 1, Session: 99}}), netio.CauseGarbage},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := nodes(n)
			good := joinNodes(t, n, n.Node(config(3)), to, 3, 2, 1000, 1)
			good.load(5, 2, 700)

			sender, sink := NewSender([]frame.EdgeID{1}, n.Changed), NewSink(1000, []frame.EdgeID{1}, n.Changed)
			in, err := to.Expect(netio.Peer{Node: 1, Incarnation: 1}, sink)
			if err != nil {
				t.Fatal(err)
			}
			sink.SetWake(in.Wake)
			out, err := from.Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: to.Addr()}, &liar{Sender: sender, bytes: c.bytes})
			if err != nil {
				t.Fatal(err)
			}
			sender.SetWake(out.Wake)
			n.Until("the liar is cut off", func() bool { return to.Counters().Cuts[c.cause] > 0 })
			n.Until("its sink is detached", func() bool { return len(sink.Detached()) > 0 })
			if got := netio.CauseOf(sink.Detached()[0]); got != c.cause {
				t.Errorf("cut off for %v (%v), want %v", got, sink.Detached()[0], c.cause)
			}
			good.done(t)
			if got := good.sink.Attaches(); got != 1 {
				t.Errorf("the link beside it was connected %d times, want once", got)
			}
			out.Shut()
		})
	}
}

// crook is a Sink that, once it has sent its ATTACH, says bytes.
type crook struct {
	*Sink
	bytes []byte
	turn  int
}

func (c *crook) Messages(buf []byte) []byte {
	n := len(buf)
	buf = c.Sink.Messages(buf)
	if len(buf) > n {
		if c.turn++; c.turn == 1 {
			buf = append(buf, c.bytes...)
		}
	}
	return buf
}

func lyingReceivers(t *testing.T, n Net) {
	for _, c := range []struct {
		name  string
		bytes []byte
		cause netio.Cause
	}{
		{"a frame", newFrame(frame.Data, 1, 1, 128), netio.CauseGarbage},
		{"oversized", headOf(1<<20, byte(wire.TypeCredit), 0), netio.CauseOversized},
		{"falling grant", wire.AppendCredit(nil, []wire.Grant{{Edge: 1, Session: 1}}), netio.CauseGarbage},
		{"unknown session", wire.AppendCredit(nil, []wire.Grant{{Edge: 1, Session: 9, Open: 1, AllowedBytes: 1000}}), netio.CauseGarbage},
		{"unknown edge", wire.AppendCredit(nil, []wire.Grant{{Edge: 9, Session: 1, Open: 1}}), netio.CauseGarbage},
		{"closed what was not sent", wire.AppendCredit(nil, []wire.Grant{{Edge: 1, Session: 1, Open: 1, AllowedBytes: 1000, Closed: 9}}), netio.CauseGarbage},
		{"entries that are not there", headOf(64, byte(wire.TypeCredit), 0), netio.CauseGarbage},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := nodes(n)
			sender := NewSender([]frame.EdgeID{1}, n.Changed)
			sink := &crook{Sink: NewSink(1000, []frame.EdgeID{1}, n.Changed), bytes: unit(c.bytes, -len(c.bytes)&63)}
			in, err := to.Expect(netio.Peer{Node: 1, Incarnation: 1}, sink)
			if err != nil {
				t.Fatal(err)
			}
			sink.SetWake(in.Wake)
			sender.Data(1, 7, 3000) // beyond all credit: so it is not sent when the lie arrives
			out, err := from.Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: to.Addr()}, sender)
			if err != nil {
				t.Fatal(err)
			}
			sender.SetWake(out.Wake)
			n.Until("the liar is cut off", func() bool { return from.Counters().Cuts[c.cause] > 0 })
			n.Until("the sender is detached", func() bool { return len(sender.Detached()) > 0 })
			if got := netio.CauseOf(sender.Detached()[0]); got != c.cause {
				t.Errorf("cut off for %v (%v), want %v", got, sender.Detached()[0], c.cause)
			}
			for i := range 6 {
				sender.Close(1, frame.Tick(i+1), frame.Tick(i+1))
			}
			sender.Close(1, 7, 7)
			n.Until("all is well after the lie", func() bool { return sink.Executed(1) == 7 })
			if got := sink.Output(1)[6].Frames; !equalNumbers(got, 1) {
				t.Errorf("tick 7 has frames %v, want one", got)
			}
		})
	}
}

// clumsy panics in one of its calls, once.
type clumsy struct {
	*Sink
	fell bool
}

func (c *clumsy) Frame(b []byte) error {
	if !c.fell && wire.Type(b[4]) < wire.TypeHello {
		c.fell = true
		panic("stumbled")
	}
	return c.Sink.Frame(b)
}

// A panic ends the connection, not the process.
func panics(t *testing.T, n Net) {
	sink := &clumsy{Sink: NewSink(1000, []frame.EdgeID{1}, n.Changed)}
	p, to := joinOver(t, n, sink, sink.Sink)
	p.load(3, 2, 500)
	p.done(t)
	if got := to.Counters().Cuts[netio.CausePanic]; got != 1 {
		t.Errorf("%d connections cut by a panic, want 1", got)
	}
}
