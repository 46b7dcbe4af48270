package peers_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/state/snapshot/peers"
)

// cluster is a few lives of nodes over real links; node 0 has the images, and the cluster is the manager.
type cluster struct {
	t    testing.TB
	k    int
	room int64
	// patience of the stores that are opened from now on
	patience time.Duration
	procs    []*process
	mu       sync.Mutex
	set      replica.Set
}

// process is a life of a node. Its links follow those of the other nodes.
type process struct {
	self     replica.Member
	streams  *replica.Node
	endpoint *netio.Endpoint
	in, out  []atomic.Pointer[netio.Link]
	store    atomic.Pointer[peers.Store]
	room     *peers.Room
	dead     atomic.Bool
}

const (
	pieceBytes = 4 << 10
	allRoom    = 1 << 30
)

func newCluster(t testing.TB, nodes, k int) *cluster {
	c := &cluster{t: t, k: k, room: allRoom, patience: 20 * time.Second, procs: make([]*process, nodes)}
	for n := range nodes {
		c.start(frame.NodeID(n), 1)
	}
	t.Cleanup(func() {
		for _, p := range c.procs {
			p.kill()
		}
	})
	return c
}

// kill ends a life as the end of its process does.
func (p *process) kill() {
	if p.dead.Swap(true) {
		return
	}
	if s := p.store.Load(); s != nil {
		_ = s.Close() // there is nothing that could go wrong
	}
	p.endpoint.Close()
}

// start begins a life of a node. The one before is dead, or goes on without knowing better.
func (c *cluster) start(node frame.NodeID, life frame.Incarnation) *process {
	n := len(c.procs)
	p := &process{self: replica.Member{Node: node, Life: life}, in: make([]atomic.Pointer[netio.Link], n), out: make([]atomic.Pointer[netio.Link], n), room: peers.NewRoom(c.room)}
	p.streams = replica.New(replica.Config{Self: p.self, Wake: func(n frame.NodeID) {
		for _, l := range []*netio.Link{p.in[n].Load(), p.out[n].Load()} {
			if l != nil {
				l.Wake()
			}
		}
	}, Changed: func() {
		if s := p.store.Load(); s != nil {
			s.Guard().Living(p.streams.Linked())
		}
	}})
	var err error
	p.endpoint, err = netio.Listen(netio.Config{Identity: wire.Identity{Job: "j/copies", Node: node, Incarnation: life, Token: []byte("t")}, Listen: "127.0.0.1:0"})
	c.must(err)
	c.procs[node] = p
	var living []replica.Member
	for _, q := range c.procs {
		if q != nil && q != p && !q.dead.Load() {
			living = append(living, q.self)
			c.link(p, q)
			c.link(q, p)
		}
	}
	if node == 0 {
		c.open(p, living)
	}
	return p
}

func (c *cluster) open(p *process, living []replica.Member) {
	c.mu.Lock()
	set := c.set
	c.mu.Unlock()
	s := peers.Open(peers.Config{Streams: p.streams, Stage: 3, Self: p.self, K: c.k, Active: set, Living: living, PieceBytes: pieceBytes, Room: p.room, Patience: c.patience,
		Wish: func() { c.manage(p) }, Warn: func(err error) { c.t.Log(err) }})
	p.store.Store(s)
	c.must(s.Wait())
	s.Begun()
	s.Guard().Living(p.streams.Linked())
	c.manage(p)
}

// manage activates what the newest life of node 0 wants.
func (c *cluster) manage(p *process) {
	s := p.store.Load()
	if s == nil {
		return
	}
	set, ok := s.Guard().Wanted()
	if !ok {
		return
	}
	c.mu.Lock()
	if set.Version == c.set.Version+1 && c.procs[0] == p {
		c.set = set
	}
	set = c.set
	c.mu.Unlock()
	s.Guard().Activated(set)
}

// link makes the links between a life and one of another node, in place of those with the one before.
func (c *cluster) link(p, q *process) {
	for _, l := range []*netio.Link{p.in[q.self.Node].Load(), p.out[q.self.Node].Load()} {
		if l != nil {
			l.Cut(netio.ErrLost)
			_ = l.Close(c.t.Context()) // it may be closed
		}
	}
	peer := netio.Peer{Node: q.self.Node, Incarnation: q.self.Life, Addr: q.endpoint.Addr()}
	in, err := p.endpoint.Expect(peer, p.streams.Incoming(q.self))
	c.must(err)
	p.in[q.self.Node].Store(in)
	in.Wake()
	out, err := p.endpoint.Dial(peer, p.streams.Outgoing(q.self))
	c.must(err)
	p.out[q.self.Node].Store(out)
	out.Wake()
}

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// unlink has node 0 hear that a node is gone.
func (c *cluster) unlink(node frame.NodeID) {
	p := c.procs[0]
	for _, l := range []*netio.Link{p.in[node].Load(), p.out[node].Load()} {
		l.Cut(netio.ErrLost)
		c.must(l.Close(c.t.Context()))
	}
	p.store.Load().Guard().Living(p.streams.Linked())
}

// store is that of the newest life.
func (c *cluster) store() *peers.Store { return c.procs[0].store.Load() }

// again replaces a node by its next life.
func (c *cluster) again(node frame.NodeID) *process {
	old := c.procs[node]
	old.kill()
	return c.start(node, old.self.Life+1)
}
