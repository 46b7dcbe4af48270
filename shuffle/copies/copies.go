package copies

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/shuffle"
)

// Config says what is copied, and with what.
type Config struct {
	Cluster shuffle.Cluster
	Self    replica.Member
	Edges   []shuffle.Edge // by id; those whose Policy has Copies are copied
	Streams *replica.Node  // of this process
	// LeaseBytes is how much of the logs may be leased for copies that are under way; each stream may have its share of it in any case.
	LeaseBytes int64
}

// Copies has what a node writes for others kept by its peers.
type Copies struct {
	cfg     Config
	streams map[shuffle.CopyID]*stream // never changes
	order   []*stream                  // by id
	share   int64
	leased  atomic.Int64
	leases  sync.Pool // of *lease
	mu      struct {
		sync.Mutex
		peers []replica.Member // by node; life 0: not heard of
	}
}

var _ shuffle.Copier = (*Copies)(nil)

// stream is what the peers keep of a CopyID.
type stream struct {
	id      shuffle.CopyID
	holders []frame.NodeID
	owned   *replica.Owned
	leased  atomic.Int64
	// former is the greatest tick of which former lives may have something that this one has not.
	former atomic.Uint64
}

// lease is a frame that is under way.
type lease struct {
	frame ringlog.Lease
	of    *stream
	in    *Copies
	bytes int64
}

// New makes the streams. Nobody holds anything before SetPeer.
func New(cfg Config) *Copies {
	c := &Copies{cfg: cfg, streams: map[shuffle.CopyID]*stream{}}
	c.leases.New = func() any { return &lease{} }
	c.mu.peers = make([]replica.Member, cfg.Cluster.Nodes)
	for i := range cfg.Edges {
		c.addEdge(&cfg.Edges[i])
	}
	c.share = cfg.LeaseBytes / int64(max(1, len(c.order)))
	return c
}

func (c *Copies) addEdge(e *shuffle.Edge) {
	if e.Policy.Copies == 0 {
		return
	}
	k, self := c.cfg.Cluster, c.cfg.Self.Node
	for n := range k.Nodes {
		n := frame.NodeID(n)
		if n == self || k.OnNode(e.Destination, n).Count == 0 {
			continue
		}
		for core := range k.Cores {
			if k.On(e.Source, self, frame.CoreID(core)).Count == 0 {
				continue
			}
			s := &stream{id: shuffle.CopyID{Edge: e.ID, Node: n, Core: frame.CoreID(core)}}
			if c.cfg.Self.Life > 1 {
				s.former.Store(uint64(frame.MaxTick)) // until it is known
			}
			s.holders = Holders(s.id, self, k.Nodes, e.Policy.Copies)
			s.owned = c.cfg.Streams.Own(streamOf(s.id, self), replica.OwnedConfig{MaxBytes: int(2 * c.cfg.LeaseBytes)})
			c.streams[s.id] = s
			c.order = append(c.order, s)
		}
	}
}

func streamOf(id shuffle.CopyID, owner frame.NodeID) replica.Stream {
	return replica.Stream{Kind: replica.Log, Owner: owner, ID: uint32(id.Edge), Dest: id.Node, Core: id.Core}
}

// Any reports whether anything of this node is copied.
func (c *Copies) Any() bool { return len(c.order) > 0 }

// SetPeer says that a life of a peer is there, in place of the one before: it gets what it is to hold, from now on.
func (c *Copies) SetPeer(m replica.Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Life <= c.mu.peers[m.Node].Life {
		return
	}
	c.mu.peers[m.Node] = m
	for _, s := range c.order {
		if slices.Contains(s.holders, m.Node) {
			s.owned.SetPeers(c.members(s))
		}
	}
}

// members are the lives of a stream's holders. The lock is held.
func (c *Copies) members(s *stream) (all []replica.Member) {
	for _, n := range s.holders {
		if m := c.mu.peers[n]; m.Life > 0 {
			all = append(all, m)
		}
	}
	return all
}

// Copy implements shuffle.Copier.
func (c *Copies) Copy(id shuffle.CopyID, h *frame.Header, l ringlog.Lease) {
	s := c.streams[id]
	b := l.Bytes()
	n := int64(len(b))
	if c.leased.Load()+n > c.cfg.LeaseBytes && s.leased.Load()+n > c.share {
		l.Release()
		s.owned.Skip(h.Tick)
		return
	}
	c.leased.Add(n)
	s.leased.Add(n)
	held := c.leases.Get().(*lease)
	*held = lease{frame: l, of: s, in: c, bytes: n}
	if _, err := s.owned.Append(h.Tick, b, held); err != nil {
		held.Release() // never: a Log is never full
	}
}

// Release gives the frame back to its log.
func (l *lease) Release() {
	c := l.in
	l.frame.Release()
	l.of.leased.Add(-l.bytes)
	c.leased.Add(-l.bytes)
	*l = lease{}
	c.leases.Put(l)
}

// Trim implements shuffle.Copier.
func (c *Copies) Trim(e frame.EdgeID, n frame.NodeID, t frame.Tick) {
	for core := range c.cfg.Cluster.Cores {
		s := c.streams[shuffle.CopyID{Edge: e, Node: n, Core: frame.CoreID(core)}]
		if s == nil {
			continue
		}
		below := frame.Incarnation(0)
		if uint64(t) >= s.former.Load() {
			below = c.cfg.Self.Life
		}
		s.owned.Trim(t, below)
	}
}

// Close gives all leases back. What peers hold stays there.
func (c *Copies) Close() {
	for _, s := range c.order {
		s.owned.Close()
	}
}
