package simnet_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/netiotest"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/ringlog/frame"
)

func config(node frame.NodeID, inc frame.Incarnation) netio.Config {
	var cfg netio.Config
	cfg.Job, cfg.Node, cfg.Incarnation, cfg.Token = "kill", node, inc, []byte("t")
	return cfg
}

// A killed node's drivers hear nothing any more; its peer is detached, is refused by the next life, and reaches it under its new incarnation.
func TestKill(t *testing.T) {
	for seed := range uint64(50) {
		w := &world{t, &simnet.Net{}, rand.New(rand.NewPCG(seed, 1))}
		edges := []frame.EdgeID{1}
		a, b := w.net.Node(config(1, 1)), w.net.Node(config(2, 1))
		sender, sink := netiotest.NewSender(edges, w.Changed), netiotest.NewSink(100, edges, w.Changed)
		dial := func(inc frame.Incarnation) *simnet.Link {
			l, err := a.Dial(netio.Peer{Node: 2, Incarnation: inc}, sender)
			if err != nil {
				t.Fatal(err)
			}
			sender.SetWake(l.Wake)
			return l
		}
		expect := func(b *simnet.Node, s *netiotest.Sink) {
			l, err := b.Expect(netio.Peer{Node: 1, Incarnation: 1}, s)
			if err != nil {
				t.Fatal(err)
			}
			s.SetWake(l.Wake)
		}
		expect(b, sink)
		l := dial(1)
		for tick := range frame.Tick(4) {
			sender.Data(1, tick+1, 100)
			sender.Close(1, tick+1, tick+1)
		}
		w.Until("two ticks are executed", func() bool { return sink.Executed(1) == 2 })
		b.Kill()
		w.Until("the sender is detached", func() bool { return len(sender.Detached()) == 1 })
		for range 20 {
			w.net.Step(w.r)
		}
		if n := len(sink.Detached()); n != 0 {
			t.Errorf("seed %d: the dead sink was detached %d times", seed, n)
		}
		if _, err := b.Expect(netio.Peer{Node: 9, Incarnation: 1}, sink); !errors.Is(err, netio.ErrClosed) {
			t.Errorf("seed %d: the dead node expects: %v", seed, err)
		}

		b2, sink2 := w.net.Node(config(2, 2)), netiotest.NewSink(1000, edges, w.Changed)
		expect(b2, sink2)
		w.Until("the old link is refused", func() bool { _, ended := l.Ended(); return ended })
		if err, _ := l.Ended(); !errors.Is(err, netio.ErrRefused) {
			t.Errorf("seed %d: the old link ended by %v, want %v", seed, err, netio.ErrRefused)
		}
		dial(2)
		// Ticks that the first life acknowledged are not sent again: the second gets the rest.
		w.Until("the rest has arrived", func() bool {
			frames, _ := sink2.Held(1, 4)
			return len(frames) == 1 || sink2.Executed(1) == 4 || sender.Kept() == 0
		})
		if err := errors.Join(sender.Broken(), sink2.Broken()); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

// keeper is a Sink that keeps a borrowed frame.
type keeper struct {
	*netiotest.Sink
	kept []byte
}

func (k *keeper) Frame(b []byte) error {
	k.kept = b
	return k.Sink.Frame(b)
}

// Who keeps what was lent finds it overwritten.
func TestLoansEnd(t *testing.T) {
	w := &world{t, &simnet.Net{}, rand.New(rand.NewPCG(1, 1))}
	edges := []frame.EdgeID{1}
	a, b := w.net.Node(config(1, 1)), w.net.Node(config(2, 1))
	sender, k := netiotest.NewSender(edges, w.Changed), &keeper{Sink: netiotest.NewSink(100, edges, w.Changed)}
	if _, err := b.Expect(netio.Peer{Node: 1, Incarnation: 1}, k); err != nil {
		t.Fatal(err)
	}
	l, err := a.Dial(netio.Peer{Node: 2, Incarnation: 1}, sender)
	if err != nil {
		t.Fatal(err)
	}
	sender.SetWake(l.Wake)
	sender.Data(1, 1, 100)
	for w.net.Step(w.r) {
	}
	if len(k.kept) == 0 || k.kept[0] != 0xdb {
		t.Errorf("kept %x, want it overwritten", k.kept)
	}
}
