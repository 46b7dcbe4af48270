package journal

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
)

// cluster is a few processes over a simulated network; node 0 has the journal, and the test is the manager.
type cluster struct {
	t     *testing.T
	rng   *rand.Rand
	net   *simnet.Net
	procs []*process
	store replica.Set
	k     int
}

type process struct {
	self    replica.Member
	streams *replica.Node
	end     *simnet.Node
	links   map[frame.NodeID][2]*simnet.Link
	journal *Peers
	warned  []string
	failed  error
}

func newCluster(t *testing.T, seed uint64, nodes, k int) *cluster {
	c := &cluster{t: t, rng: rand.New(rand.NewPCG(seed, 7)), net: &simnet.Net{}, procs: make([]*process, nodes), k: k}
	for n := range nodes {
		c.start(frame.NodeID(n), 1)
	}
	return c
}

// start begins a life of a node, in place of the one before.
func (c *cluster) start(node frame.NodeID, life frame.Incarnation) *process {
	if old := c.procs[node]; old != nil {
		old.end.Kill()
	}
	p := &process{self: replica.Member{Node: node, Life: life}, links: map[frame.NodeID][2]*simnet.Link{}}
	p.streams = replica.New(replica.Config{Self: p.self, Wake: func(n frame.NodeID) {
		for _, l := range p.links[n] {
			if l != nil {
				l.Wake()
			}
		}
	}, Changed: func() {
		if p.journal != nil {
			p.journal.Living(p.streams.Linked())
		}
	}})
	cfg := netio.Config{Identity: wire.Identity{Job: "j/copies", Node: node, Incarnation: life, Token: []byte("t")}}
	p.end = c.net.Node(cfg)
	c.procs[node] = p
	var living []replica.Member
	for _, q := range c.procs {
		if q != nil && q != p {
			living = append(living, q.self)
			c.link(p, q)
			c.link(q, p)
		}
	}
	if node == 0 {
		p.journal = OpenPeers(PeersConfig{Streams: p.streams, Stage: 3, Self: p.self, K: c.k, Active: c.store, Living: living,
			Warn: func(err error) { p.warned = append(p.warned, err.Error()) }, Fail: func(err error) { p.failed = err }})
	}
	return p
}

func (c *cluster) link(p, q *process) {
	for _, l := range p.links[q.self.Node] {
		if l == nil {
			continue
		}
		l.Cut(errors.New("a new life"))
		l.Close()
		c.until(func() bool { _, ended := l.Ended(); return ended })
	}
	peer := netio.Peer{Node: q.self.Node, Incarnation: q.self.Life}
	in, err := p.end.Expect(peer, p.streams.Incoming(q.self))
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := p.end.Dial(peer, p.streams.Outgoing(q.self))
	if err != nil {
		c.t.Fatal(err)
	}
	p.links[q.self.Node] = [2]*simnet.Link{in, out}
}

// until steps the network, and the manager, until something is so.
func (c *cluster) until(so func() bool) {
	c.t.Helper()
	for range 200_000 {
		if so() {
			return
		}
		c.manage()
		if c.rng.IntN(100) == 0 {
			p := c.procs[c.rng.IntN(len(c.procs))]
			if p != nil && len(p.links) > 0 {
				for _, ls := range p.links {
					if ls[1] != nil {
						ls[1].Cut(errors.New("cut by the seed"))
						break
					}
				}
			}
		}
		c.net.Step(c.rng)
	}
	c.t.Fatal("no end")
}

// manage answers what the journal wishes, at some time.
func (c *cluster) manage() {
	p := c.procs[0]
	if p == nil || p.journal == nil || c.rng.IntN(10) > 0 {
		return
	}
	set, ok := p.journal.Wanted()
	if !ok {
		return
	}
	if set.Version == c.store.Version+1 {
		c.store = set
	}
	if c.rng.IntN(4) > 0 {
		p.journal.Activated(c.store)
	}
}

// A journal's durable records come back to every later life, whatever is lost, as long as a member of its set lives.
func TestPeersThroughLives(t *testing.T) {
	for seed := range uint64(200) {
		k := 1 + int(seed%2)
		c := newCluster(t, seed, 4, k)
		var want []Record // as appended by the life at hand
		tick, durable, trim := frame.Tick(0), 0, frame.Tick(0)
		for life := frame.Incarnation(1); life < 6; life++ {
			j := c.procs[0].journal
			c.until(func() bool {
				select {
				case <-j.Done():
					return true
				default:
					return false
				}
			})
			got, err := j.Records()
			if err != nil {
				t.Fatalf("seed %d, life %d: %v (%v)", seed, life, err, c.procs[0].warned)
			}
			if i := slices.IndexFunc(want, func(r Record) bool { return r.First > trim }); i > 0 {
				want, durable = want[i:], durable-i
			}
			for len(got) > 0 && got[0].First <= trim {
				got = got[1:]
			}
			if len(got) < durable || len(got) > len(want) {
				t.Fatalf("seed %d, life %d: %d records, want %d to %d", seed, life, len(got), durable, len(want))
			}
			if err := same(got, want[:len(got)]); err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			want, tick = want[:len(got)], trim+frame.Tick(len(got))
			before := uint64(0) // number of the record before the first of want
			if len(got) > 0 {
				before = got[0].Number - 1
			}
			for range c.rng.IntN(40) {
				tick++
				r := Record{Task: 1, First: tick, Last: tick, CTI: frame.CTI(life), Runs: []Run{{1, uint32(tick)}}}
				if c.rng.IntN(3) == 0 {
					r = randomInput(c.rng, r)
				}
				number, err := j.Append(r)
				if err != nil {
					t.Fatal(err)
				}
				if len(want) == 0 {
					before = number - 1
				}
				want = append(want, r)
				if c.rng.IntN(8) == 0 {
					n := frame.NodeID(1 + c.rng.IntN(3))
					c.until(func() bool { return j.Durable() >= uint64(c.rng.IntN(len(want)+1)) && whole(c) })
					c.start(n, c.procs[n].self.Life+1)
				}
			}
			// Some of it is durable when this life ends.
			least := before + uint64(c.rng.IntN(len(want)+1))
			c.until(func() bool { return j.Durable() >= least && whole(c) })
			durable = int(max(j.Durable(), before) - before)
			if durable > 10 && c.rng.IntN(2) == 0 {
				trim = want[c.rng.IntN(5)].First
				j.Trim(trim)
			}
			if c.procs[0].failed != nil {
				t.Fatal(c.procs[0].failed)
			}
			if k == 2 { // one of two may go together with the owner
				n := c.store.Members[c.rng.IntN(2)].Node
				c.start(n, c.procs[n].self.Life+1)
			}
			c.start(0, life+1)
		}
	}
}

// whole tells whether every member of the active set lives.
func whole(c *cluster) bool {
	return c.store.Version > 0 && !slices.ContainsFunc(c.store.Members, func(m replica.Member) bool { return c.procs[m.Node].self != m })
}

// All members lost: the next life says so and goes no further, until what they had is given up.
func TestPeersAllLost(t *testing.T) {
	c := newCluster(t, 1, 3, 1)
	j := c.procs[0].journal
	if _, err := j.Append(Record{First: 1, Last: 1, Runs: []Run{}}); err != nil {
		t.Fatal(err)
	}
	c.until(func() bool { return j.Durable() == 1 })
	c.procs[0].end.Kill()
	n := c.store.Members[0].Node
	c.procs[0] = nil
	c.start(n, 2)
	j = c.start(0, 2).journal
	<-j.Done()
	if _, err := j.Records(); !errors.Is(err, replica.ErrLost) {
		t.Errorf("got %v", err)
	}
	c.store = replica.Set{Version: c.store.Version + 1}
	j = c.start(0, 3).journal
	<-j.Done()
	if got, err := j.Records(); err != nil || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := j.Append(Record{First: 1, Last: 1, Runs: []Run{}}); err != nil {
		t.Fatal(err)
	}
	c.until(func() bool { return j.Durable() == 1 })
}

// A life that another has overtaken makes nothing durable any more, and hears why.
func TestPeersFence(t *testing.T) {
	c := newCluster(t, 2, 2, 1)
	old := c.procs[0]
	c.until(func() bool { return c.store.Version == 1 && old.journal.Active().Version == 1 })
	old.journal.Activated(replica.Set{Version: 2, Life: 2, Members: []replica.Member{{Node: 1, Life: 1}}})
	if _, err := old.journal.Append(Record{First: 1, Last: 1, Runs: []Run{}}); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		c.net.Step(c.rng)
	}
	if !errors.Is(old.failed, replica.ErrFenced) || old.journal.Durable() != 0 {
		t.Errorf("failed %v, durable %d", old.failed, old.journal.Durable())
	}
}

// A journal that nobody trims has no room long before it is full, says so once, and has room again once it is trimmed.
func TestPeersRoom(t *testing.T) {
	c := newCluster(t, 3, 2, 1)
	p := c.procs[0]
	p.journal.cfg.MaxBytes = 4 << 10
	tick := frame.Tick(0)
	for round := range 3 {
		n := len(p.warned)
		for p.journal.Room() {
			tick++
			if _, err := p.journal.Append(randomInput(c.rng, Record{Task: 1, First: tick})); err != nil {
				t.Fatal(err)
			}
		}
		if kept := p.journal.Stats().Bytes; kept < 3<<10 || kept > 4<<10 || len(p.warned) != n+1 {
			t.Fatalf("round %d: no room with %d bytes of %d, told %v", round, kept, 4<<10, p.warned)
		}
		p.journal.Trim(tick - 1)
		if !p.journal.Room() {
			t.Fatalf("round %d: no room with %d bytes", round, p.journal.Stats().Bytes)
		}
	}
}

// A member that is linked and does not acknowledge is replaced by one that does; where there is none, it is waited for.
func TestPeersSlowMember(t *testing.T) {
	for nodes, replaced := range map[int]bool{2: false, 3: true} {
		c := newCluster(t, 4, nodes, 1)
		p := c.procs[0]
		c.until(func() bool { return c.store.Version == 1 && p.journal.Active().Version == 1 })
		slow := c.store.Members[0]
		p.journal.Clock(0)
		if _, err := p.journal.Append(Record{First: 1, Last: 1, Runs: []Run{}}); err != nil {
			t.Fatal(err)
		}
		p.journal.Clock(1)
		p.journal.Clock(peersSlowNs / 2)
		if _, wanted := p.journal.Wanted(); wanted {
			t.Fatalf("%d nodes: replaced too soon", nodes)
		}
		p.journal.Clock(2 * peersSlowNs)
		if len(p.warned) != 1 {
			t.Errorf("%d nodes: told %v", nodes, p.warned)
		}
		c.until(func() bool { return p.journal.Durable() == 1 && (!replaced || c.store.Version == 2) })
		if now := c.store.Members[0]; now != slow != replaced {
			t.Errorf("%d nodes: %v keeps it, which was slow: %v", nodes, now, slow)
		}
	}
}
