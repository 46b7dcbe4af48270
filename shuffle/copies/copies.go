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
	// WindowBytes is how much of a stream is in flight to a peer at most, beyond one frame; a peer that lacks more catches up at a slower pace. 0: 4 MiB.
	WindowBytes int
}

// Copies has what a node writes for others kept by its peers.
type Copies struct {
	cfg     Config
	streams map[shuffle.CopyID]*stream // never changes
	order   []*stream                  // by id
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
	log     atomic.Pointer[ringlog.Log] // of the core
	lent    *sync.Pool                  // of *lent
	// former is the greatest tick of which former lives may have something that this one has not.
	former atomic.Uint64
}

// lent is a frame that is being sent.
type lent struct {
	ringlog.Lease
	pool *sync.Pool
}

// New makes the streams. Nobody holds anything before SetPeer.
func New(cfg Config) *Copies {
	c := &Copies{cfg: cfg, streams: map[shuffle.CopyID]*stream{}}
	c.mu.peers = make([]replica.Member, cfg.Cluster.Nodes)
	pool := &sync.Pool{}
	pool.New = func() any { return &lent{pool: pool} }
	for i := range cfg.Edges {
		c.addEdge(&cfg.Edges[i], pool)
	}
	cfg.Streams.SetOthers(c.others)
	return c
}

// others are the other nodes that hold copies of what another node writes.
func (c *Copies) others(s replica.Stream) []frame.NodeID {
	nodes := c.cfg.Cluster.Nodes
	if uint64(s.ID) >= uint64(len(c.cfg.Edges)) || uint64(s.Dest) >= uint64(nodes) || uint64(s.Owner) >= uint64(nodes) {
		return nil // no correct peer names it
	}
	e := &c.cfg.Edges[s.ID]
	all := Holders(shuffle.CopyID{Edge: e.ID, Node: s.Dest, Core: s.Core}, s.Owner, nodes, e.Policy.Copies)
	return slices.DeleteFunc(all, func(n frame.NodeID) bool { return n == c.cfg.Self.Node })
}

func (c *Copies) addEdge(e *shuffle.Edge, pool *sync.Pool) {
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
			s := &stream{id: shuffle.CopyID{Edge: e.ID, Node: n, Core: frame.CoreID(core)}, lent: pool}
			if c.cfg.Self.Life > 1 {
				s.former.Store(uint64(frame.MaxTick)) // until it is known
			}
			s.holders = Holders(s.id, self, k.Nodes, e.Policy.Copies)
			s.owned = c.cfg.Streams.Own(streamOf(s.id, self), replica.OwnedConfig{WindowBytes: c.cfg.WindowBytes, Lender: s})
			c.streams[s.id] = s
			c.order = append(c.order, s)
		}
	}
}

func streamOf(id shuffle.CopyID, owner frame.NodeID) replica.Stream {
	return replica.Stream{Kind: replica.Log, Owner: owner, ID: uint32(id.Edge), Dest: id.Node, Core: id.Core}
}

// SetPeer says that a life of a peer is there, in place of the one before: it gets what it is to hold, all that was not trimmed.
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
func (c *Copies) Copy(id shuffle.CopyID, h *frame.Header, log *ringlog.Log, pos frame.Pos) {
	s := c.streams[id]
	l, err := log.Acquire(pos)
	if err != nil {
		return // whoever needs the frame itself will say so
	}
	s.log.Store(log)
	s.owned.Note(h.Tick, pos, l.Bytes())
	l.Release()
}

// Lend implements replica.Lender.
func (s *stream) Lend(pos frame.Pos, wait bool) (replica.Lent, error) {
	log := s.log.Load()
	if !wait && !log.InMemory(pos) {
		return nil, replica.ErrAway
	}
	l, err := log.Acquire(pos)
	if err != nil {
		return nil, err
	}
	b := s.lent.Get().(*lent)
	b.Lease = l
	return b, nil
}

// Release implements replica.Lent.
func (l *lent) Release() {
	l.Lease.Release()
	l.Lease = ringlog.Lease{}
	l.pool.Put(l)
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

// Close ends all streams; the links must have ended. What peers hold stays there.
func (c *Copies) Close() {
	for _, s := range c.order {
		s.owned.Close()
	}
}
