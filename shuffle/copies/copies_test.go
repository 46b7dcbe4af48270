package copies_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/copies"
)

// Holders are neither the node itself nor, if others are enough, the destination; and all nodes have about as much to hold.
func TestHoldersAreScattered(t *testing.T) {
	const nodes = 5
	count := make([]int, nodes)
	for edge := range frame.EdgeID(200) {
		for self := range frame.NodeID(nodes) {
			for to := range frame.NodeID(nodes) {
				if to == self {
					continue
				}
				id := shuffle.CopyID{Edge: edge, Node: to}
				for k := range nodes + 1 {
					h := copies.Holders(id, self, nodes, k)
					if len(h) != min(k, nodes-1) || slices.Contains(h, self) || k < nodes-1 && slices.Contains(h, to) {
						t.Fatalf("%v from node %d, %d copies: held by %v", id, self, k, h)
					}
				}
				count[copies.Holders(id, self, nodes, 1)[0]]++
			}
		}
	}
	for n, c := range count {
		if mean := 200 * (nodes - 1); c < mean*9/10 || c > mean*11/10 {
			t.Errorf("node %d holds %d of %d streams, want about %d", n, c, nodes*mean, mean)
		}
	}
}

var schema = &batch.Schema{Fields: []batch.Field{{Name: "key", Kind: batch.Int64}}}

// life is a node that writes, and has what it writes copied.
type life struct {
	*shuffle.Exchange
	*copies.Copies
	streams *replica.Node
	step    func()
	end     *simnet.Node
	links   []*simnet.Link
}

const writer, reader, holder = 0, 1, 2

// newLife is the writer's, which has one source task; the reader has the tasks that it writes to. nothing stands between them.
func newLife(t *testing.T, i frame.Incarnation, after frame.Tick, windowBytes int) *life {
	t.Helper()
	edges := []shuffle.Edge{{Schema: schema, Source: shuffle.TaskRange{Count: 1}, Destination: shuffle.TaskRange{First: 10, Count: 2}, Keys: []int{0},
		Policy: shuffle.Policy{Keep: shuffle.Replicate, Copies: 1}}}
	k := shuffle.Cluster{Nodes: 3, Cores: 1, Placed: func(r shuffle.TaskRange, n frame.NodeID) shuffle.TaskRange {
		if (r.First == 0) != (n == writer) || n == holder {
			return shuffle.TaskRange{First: r.First}
		}
		return r
	}}
	l := &life{}
	self := replica.Member{Node: writer, Life: i}
	l.streams = replica.New(replica.Config{Self: self, Wake: func(frame.NodeID) {
		for _, link := range l.links {
			link.Wake()
		}
	}})
	l.Copies = copies.New(copies.Config{Cluster: k, Self: self, Edges: edges, Streams: l.streams, WindowBytes: windowBytes})
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 4 << 20, SpillDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l.step = func() {
		for arena.Step() {
		}
	}
	l.step()
	l.Exchange, err = shuffle.NewExchange(shuffle.ExchangeConfig{Cluster: k, Self: writer, Job: 1, Incarnation: i, Edges: edges, Arena: arena,
		FrameBytes: 4096, CreditBytes: 4096, LeaseBytes: 4096, Sums: true, Retain: true, Copier: l.Copies, Starts: []shuffle.Start{{Emitted: after}},
		Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, DrainedChanged: func() {}, Fail: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Copies.Close()
		if err := l.Exchange.Close(); err != nil {
			t.Error(err)
		}
		if err := arena.Close(); err != nil {
			t.Error(err) // something was not given back
		}
	})
	return l
}

// write emits ticks, each of some rows that hang on the tick alone.
func (l *life) write(t *testing.T, after, through frame.Tick) {
	t.Helper()
	port := l.Port(0)
	for tick := after + 1; tick <= through; tick++ {
		b := batch.NewBuilder(schema)
		for i := range 200 {
			b.AppendTime(int64(tick), 0, 0)
			b.Cols[0].AppendInt64(int64(i) * int64(tick))
		}
		for done := false; !done; l.step() {
			var err error
			if done, err = port.Append(0, 0, tick, b.View()); err != nil {
				t.Fatal(err)
			}
		}
		port.Close(0, 0, tick, tick, frame.CTI(tick-1), frame.CTI(tick))
		for done := false; !done; l.step() {
			var err error
			if done, err = port.Flush(0); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// peers is a simulated network with the node that holds copies.
type peers struct {
	t      *testing.T
	net    simnet.Net
	rng    *rand.Rand
	end    *simnet.Node
	holder *replica.Node
	life   frame.Incarnation // of the holder
	in     *simnet.Link
}

func newPeers(t *testing.T, seed uint64) *peers {
	p := &peers{t: t, rng: rand.New(rand.NewPCG(seed, 1))}
	p.hold(1)
	return p
}

// hold begins a life of the node that holds copies, in place of the one before.
func (p *peers) hold(i frame.Incarnation) {
	if p.end != nil {
		p.end.Kill()
	}
	p.in, p.life = nil, i
	p.holder = replica.New(replica.Config{Self: replica.Member{Node: holder, Life: i}, Wake: func(frame.NodeID) {
		if p.in != nil {
			p.in.Wake()
		}
	}})
	p.end = p.node(holder, i)
}

func (p *peers) node(n frame.NodeID, i frame.Incarnation) *simnet.Node {
	return p.net.Node(netio.Config{Identity: wire.Identity{Job: "j", Node: n, Incarnation: i, Token: []byte("t")}, MaxFrameBytes: 8192})
}

// link links a life of the writer with that of the holder.
func (p *peers) link(l *life, i frame.Incarnation) *simnet.Node {
	p.t.Helper()
	former := l.links
	if p.in != nil {
		former = append(former, p.in)
	}
	for _, f := range former {
		f.Cut(netio.ErrLost)
		f.Close()
		p.run(func() bool { _, ended := f.Ended(); return ended })
	}
	var err error
	if p.in, err = p.end.Expect(netio.Peer{Node: writer, Incarnation: i}, p.holder.Incoming(replica.Member{Node: writer, Life: i})); err != nil {
		p.t.Fatal(err)
	}
	if l.end == nil {
		l.end = p.node(writer, i)
	}
	m := replica.Member{Node: holder, Life: p.life}
	out, err := l.end.Dial(netio.Peer{Node: holder, Incarnation: p.life}, l.streams.Outgoing(m))
	if err != nil {
		p.t.Fatal(err)
	}
	l.links = []*simnet.Link{out}
	l.SetPeer(m)
	return l.end
}

func (p *peers) run(until func() bool) {
	p.t.Helper()
	for range 200_000 {
		if until() {
			return
		}
		p.net.Step(p.rng)
	}
	p.t.Fatal("no end")
}

func caughtUp(l *life) bool {
	lags := l.Lags(nil)
	return len(lags) == 1 && lags[0].Linked && lags[0].Bytes == 0
}

// TestNextLifeIsServed: what a life had copied is in the logs of the next, but for what lies behind its tasks, and of a life after that too.
func TestNextLifeIsServed(t *testing.T) {
	p := newPeers(t, 1)
	first := newLife(t, 1, 0, 1<<20)
	end := p.link(first, 1)
	first.write(t, 0, 20)
	p.run(func() bool { return caughtUp(first) })
	end.Kill()

	const after = 5
	for i := frame.Incarnation(2); i <= 3; i++ {
		next := newLife(t, i, after, 1<<20)
		end := p.link(next, i)
		p.served(next, after, 20)
		next.write(t, after, 20) // compared, and not written again
		if kept := next.Kept(nil); len(kept) != 1 || kept[0].First != after+1 || kept[0].Last != 20 {
			t.Errorf("life %d keeps %+v", i, kept)
		}
		end.Kill()
	}
}

// served has a new life get all ticks above what its tasks have behind them, up to the last, from its peers.
func (p *peers) served(l *life, after, last frame.Tick) {
	p.t.Helper()
	f := l.Fetch(func(frame.EdgeID) frame.Tick { return after }, 1<<20)
	if there := (replica.Member{Node: holder, Life: p.life}); !f.Waits([]replica.Member{there}) || f.Waits([]replica.Member{{Node: holder, Life: p.life + 1}}) {
		p.t.Error("it waits for another peer than the one that was asked")
	}
	p.run(func() bool {
		select {
		case <-f.Done():
			return true
		default:
			return false
		}
	})
	st, err := f.Preload(l.Exchange, func(frame.CoreID) bool { l.step(); return true })
	if err != nil || st.Reason != nil || st.Ticks != uint64(last-after) {
		p.t.Fatalf("%+v, %v; want %d ticks", st, err, last-after)
	}
}

// TestNewHolderIsRefilled: a peer that is lost with all it had gets all again that nobody has trimmed, from a life whose own log was filled by it, too; and serves it.
func TestNewHolderIsRefilled(t *testing.T) {
	p := newPeers(t, 3)
	const after = 5
	first := newLife(t, 1, 0, 1<<12) // so that the new holder is far behind
	p.link(first, 1)
	first.write(t, 0, 20)
	p.run(func() bool { return caughtUp(first) })
	p.hold(2)
	p.link(first, 1)
	first.write(t, 20, 25)
	p.run(func() bool { return caughtUp(first) })
	first.end.Kill()

	second := newLife(t, 2, after, 1<<12)
	p.link(second, 2)
	p.served(second, after, 25)
	p.run(func() bool { return caughtUp(second) })
	p.hold(3)
	p.link(second, 2)
	second.write(t, after, 30)
	p.run(func() bool { return caughtUp(second) })
	second.end.Kill()

	third := newLife(t, 3, after, 1<<12)
	p.link(third, 3)
	p.served(third, after, 30)
}

// TestPeerThatDoesNotReadHoldsUpNothing: whatever a peer does, or does not, tasks write on, and nothing is leased for it. It has all of it when it goes on.
func TestPeerThatDoesNotReadHoldsUpNothing(t *testing.T) {
	p := newPeers(t, 2)
	l := newLife(t, 1, 0, 64<<10)
	p.link(l, 1) // and nothing is carried
	l.write(t, 0, 500)
	if lags := l.Lags(nil); len(lags) != 1 || lags[0].Linked || lags[0].Ticks != 500 {
		t.Errorf("%+v, want 500 ticks that the peer lacks", lags)
	}
	p.run(func() bool { return caughtUp(l) })
	held := p.holder.Held()
	if len(held) != 1 || held[0].First != 1 || held[0].Floor != 0 {
		t.Errorf("the peer holds %+v", held)
	}
	if gaps := l.Lags(nil)[0].Gaps; gaps != 0 {
		t.Errorf("there were %d gaps", gaps)
	}
}
