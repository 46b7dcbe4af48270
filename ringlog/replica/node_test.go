package replica_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
)

// world is a few processes over a simulated network.
type world struct {
	t     fataler
	net   simnet.Net
	rng   *rand.Rand
	procs map[frame.NodeID]*proc
	// broken is a rule that all leave out.
	broken replica.Canary
	steps  int // so far
}

// fataler is a test, or one that must fail.
type fataler interface {
	Fatal(args ...any)
}

// stepsMax is more than any world needs.
const stepsMax = 100_000

type proc struct {
	replica.Member
	*replica.Node
	end   *simnet.Node
	links map[frame.NodeID][]*simnet.Link
}

func newWorld(t fataler, seed uint64) *world {
	return &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), procs: map[frame.NodeID]*proc{}}
}

// start begins a life of a node, in place of the one before, and links it with all others.
func (w *world) start(node frame.NodeID, life frame.Incarnation, hold int64) *proc {
	p := w.make(node, life, hold)
	w.join(p)
	return p
}

// make makes a life of a node that nobody is linked with.
func (w *world) make(node frame.NodeID, life frame.Incarnation, hold int64) *proc {
	if old := w.procs[node]; old != nil {
		old.end.Kill()
	}
	p := &proc{Member: replica.Member{Node: node, Life: life}, links: map[frame.NodeID][]*simnet.Link{}}
	p.Node = replica.New(replica.Config{Self: p.Member, HoldBytes: hold, Wake: func(n frame.NodeID) {
		for _, l := range p.links[n] {
			l.Wake()
		}
	}})
	var cfg netio.Config
	cfg.Identity = wire.Identity{Job: "j/copies", Node: node, Incarnation: life, Token: []byte("t")}
	p.end = w.net.Node(cfg)
	p.Break(w.broken)
	return p
}

// join links a process with all others.
func (w *world) join(p *proc) {
	for _, q := range w.all() {
		if q.Member.Node != p.Member.Node {
			w.link(p, q)
			w.link(q, p)
		}
	}
	w.procs[p.Member.Node] = p
}

// all processes, by node.
func (w *world) all() []*proc {
	return slices.SortedFunc(maps.Values(w.procs), func(p, q *proc) int { return int(p.Member.Node) - int(q.Member.Node) })
}

func (w *world) link(p, q *proc) {
	for _, l := range p.links[q.Member.Node] {
		l.Cut(errors.New("a new life"))
		l.Close()
	}
	w.settle(func() bool { // the links with the former life have to end first
		return !slices.ContainsFunc(p.links[q.Member.Node], func(l *simnet.Link) bool { _, ended := l.Ended(); return !ended })
	}, false)
	peer := netio.Peer{Node: q.Member.Node, Incarnation: q.Life}
	in, err := p.end.Expect(peer, p.Incoming(q.Member))
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := p.end.Dial(peer, p.Outgoing(q.Member))
	if err != nil {
		w.t.Fatal(err)
	}
	p.links[q.Member.Node] = []*simnet.Link{in, out}
}

// settle steps until nothing happens, or until.
func (w *world) settle(until func() bool, cuts bool) {
	for ; w.steps < stepsMax; w.steps++ {
		if until() {
			return
		}
		if cuts && w.rng.IntN(50) == 0 {
			for _, p := range w.all() {
				for _, q := range w.all() {
					if ls := p.links[q.Member.Node]; ls != nil && w.rng.IntN(4) == 0 {
						ls[w.rng.IntN(2)].Cut(errors.New("cut by the seed"))
					}
				}
			}
		}
		if !w.net.Step(w.rng) {
			if !until() {
				w.t.Fatal("nothing happens any more")
			}
			return
		}
	}
	w.t.Fatal("no end")
}

func bytesOf(n int, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(n + i)
	}
	return b
}

// What an owner appends is at its peers, whole and in order, whatever is cut, and comes back to the next life.
func TestCopiesThroughCuts(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t, seed)
		a, b, c := w.start(0, 1, 0), w.start(1, 1, 0), w.start(2, 1, 0)
		s := replica.Stream{Kind: replica.Journal, Owner: 0, ID: 7}
		own := a.Own(s, replica.OwnedConfig{WindowBytes: 1 << (10 + seed%8)})
		own.SetPeers([]replica.Member{b.Member, c.Member})
		total := 50
		appended := 0
		w.settle(func() bool {
			if appended < total && w.rng.IntN(4) == 0 {
				appended++
				if _, err := own.Append(frame.Tick(appended), bytesOf(appended, w.rng.IntN(9000))); err != nil {
					t.Fatal(err)
				}
				if appended == 30 {
					own.Trim(10, 0)
				}
			}
			for _, m := range []replica.Member{b.Member, c.Member} {
				if n, ok := own.Copied(m); !ok || n < uint64(total) {
					return false
				}
			}
			return appended == total
		}, true)
		w.settle(func() bool { return len(b.Held()) == 1 && b.Held()[0].First == 11 && c.Held()[0].First == 11 }, false)

		a = w.start(0, 2, 0)
		var held wire.Held
		var ticks []frame.Tick
		done := false
		a.Seal(b.Member, s, 1, func(h wire.Held, err error) {
			if held = h; err != nil {
				t.Error(err)
			}
		})
		a.Fetch(c.Member, s, 1, 0, 12, func(e replica.Entry) error {
			if want := bytesOf(int(e.Number), len(e.Bytes)); fmt.Sprint(want) != fmt.Sprint(e.Bytes) {
				t.Errorf("entry %d has other bytes", e.Number)
			}
			ticks = append(ticks, e.Tick)
			return nil
		}, func(err error) {
			if done = true; err != nil {
				t.Error(err)
			}
		})
		w.settle(func() bool { return done && held.Last > 0 }, true)
		if held.Last != uint64(total) || held.Promised != 2 || held.Count != uint64(total-10) {
			t.Fatalf("seed %d: held %+v", seed, held)
		}
		if len(ticks) != total-12 || ticks[0] != 13 || ticks[len(ticks)-1] != frame.Tick(total) {
			t.Fatalf("seed %d: ticks %d", seed, ticks)
		}
	}
}
