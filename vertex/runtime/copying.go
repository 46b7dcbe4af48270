package runtime

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/copies"
	"github.com/streamscope/streamscope/state/snapshot/peers"
)

// Bounds of copying.
const (
	fetchPatience = 2 * time.Second        // for what peers hold of a former life: what has not come by then is executed again
	linkPatience  = 500 * time.Millisecond // for the links with those peers: who is not there by then may be lost, too
	fetchLook     = 20 * time.Millisecond
	copyWindow    = 4 << 20 // of each chain, in flight to a peer
	copySoon      = 3 * time.Millisecond
	copyHoldParts = 4 // the memory for copies of others, beside the arena, as a part of it
)

// copying has links of its own, so that copies never stand before the frames of the job.
type copying struct {
	node     *Node
	streams  *replica.Node
	copies   *copies.Copies
	endpoint *netio.Endpoint
	links    []linkPair     // by node
	soon     []atomic.Bool  // by node: it is about to be woken
	reads    sync.WaitGroup // of spilled frames, one for each life of a peer at most
	mu       sync.Mutex     // one change of links at a time
	journals byStage[*journal.Peers]
	images   byStage[*peers.Store]
}

// copied reports whether peers keep anything: journals, or what an edge of the plan carries.
func (cfg *NodeConfig) copied() bool {
	if cfg.Images != nil {
		return true
	}
	if cfg.Recovery == nil || cfg.Nodes < 2 {
		return false
	}
	if cfg.Journals != nil {
		return true
	}
	for i := range cfg.Plan.Edges {
		if cfg.Plan.Edges[i].Policy.Copies > 0 {
			return true
		}
	}
	return false
}

// newCopying opens the endpoint of copies.
func newCopying(n *Node) (*copying, error) {
	cfg := &n.cfg
	c := &copying{node: n, links: make([]linkPair, cfg.Nodes), soon: make([]atomic.Bool, cfg.Nodes)}
	self := replica.Member{Node: cfg.Node, Life: cfg.Incarnation}
	c.streams = replica.New(replica.Config{Self: self, HoldBytes: max(1, cfg.ArenaBytes/copyHoldParts), Wake: c.wake, WakeSoon: c.wakeSoon,
		Changed: c.linksChanged, Elsewhere: c.reads.Go})
	c.copies = NewCopies(cfg.Plan, cfg.Nodes, cfg.Cores, self, c.streams, copyWindow)
	var err error
	c.endpoint, err = netio.Listen(netio.Config{
		Identity: wire.Identity{Job: cfg.Plan.Job + "/copies", Node: cfg.Node, Incarnation: cfg.Incarnation, Token: []byte(cfg.Token)},
		Listen:   cfg.Listen, MaxFrameBytes: cfg.FrameBytes + wire.EntryHeadLen, Events: cfg.LinkEvents,
	})
	if err != nil {
		return nil, err
	}
	c.collect()
	return c, nil
}

// NewCopies makes the copies of what the cores of a worker write, for who drives one without a Node.
func NewCopies(p *Plan, nodes, cores int, self replica.Member, streams *replica.Node, windowBytes int) *copies.Copies {
	cfg := Config{Plan: p, Node: self.Node, Nodes: nodes, Cores: cores}
	return copies.New(copies.Config{Cluster: cfg.cluster(), Self: self, Edges: buildEdges(p), Streams: streams, WindowBytes: windowBytes})
}

// copier is for the exchange; nil without copies.
func (c *copying) copier() shuffle.Copier {
	if c == nil {
		return nil
	}
	return c.copies
}

func (c *copying) wake(id frame.NodeID) {
	for _, l := range []*netio.Link{c.links[id].in.Load(), c.links[id].out.Load()} {
		if l != nil {
			l.Wake()
		}
	}
}

// wakeSoon wakes the links with a node a little later, once for all that comes until then.
func (c *copying) wakeSoon(id frame.NodeID) {
	if c.soon[id].CompareAndSwap(false, true) {
		time.AfterFunc(copySoon, func() {
			c.soon[id].Store(false)
			c.wake(id)
		})
	}
}

// fetch asks those who may hold copies of this node's former lives. Images tell what is behind its tasks.
func (c *copying) fetch(holders []netio.Peer) *copies.Fetched {
	if c.node.cfg.Incarnation <= 1 {
		return nil
	}
	for _, p := range holders {
		c.node.warn(c.dial(p))
	}
	images := c.node.cfg.Recovery.Images
	return c.copies.Fetch(func(e frame.EdgeID) frame.Tick {
		if images == nil || images[c.node.cfg.Plan.Edges[e].From] == nil {
			return 0
		}
		return images[c.node.cfg.Plan.Edges[e].From].Tick
	}, c.node.cfg.ArenaBytes)
}

// preload puts what has come, or comes soon, into the worker's logs.
func (c *copying) preload(f *copies.Fetched, since time.Time) error {
	if f == nil {
		return nil
	}
	timer := time.NewTimer(time.Until(since.Add(fetchPatience)))
	defer timer.Stop()
	look := time.NewTicker(fetchLook)
	defer look.Stop()
	for waits := true; waits; {
		select {
		case <-f.Done():
			waits = false
		case <-timer.C:
			waits = false
		case <-look.C:
			waits = time.Since(since) < linkPatience || f.Waits(c.streams.Linked())
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchPatience)
	defer cancel()
	st, err := f.Preload(c.node.worker.Exchange(), func(core frame.CoreID) bool { return c.node.roomFor(ctx, core) })
	c.node.served = st
	return err
}

// roomFor waits until there may be room in a core's log; false once ctx has ended.
func (n *Node) roomFor(ctx context.Context, core frame.CoreID) bool {
	select {
	case <-n.wakes[core]:
		return true
	case <-ctx.Done():
		return false
	}
}

// connect makes the links with all peers; those that exist stay.
func (c *copying) connect(peers []netio.Peer) error {
	var errs []error
	for _, p := range peers {
		errs = append(errs, c.expect(p), c.dial(p))
	}
	return errors.Join(errs...)
}

// expect makes the link from a life of a peer, in place of that from the life before.
func (c *copying) expect(p netio.Peer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := &c.links[p.Node].in
	if fresh, err := endFormer(slot.Load(), p); !fresh || err != nil {
		return err
	}
	l, err := c.endpoint.Expect(p, c.streams.Incoming(replica.Member{Node: p.Node, Life: p.Incarnation}))
	if err == nil {
		slot.Store(l)
		l.Wake()
	}
	return err
}

// dial makes the link to a life of a peer, in place of that to the life before.
func (c *copying) dial(p netio.Peer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := &c.links[p.Node].out
	if fresh, err := endFormer(slot.Load(), p); !fresh || err != nil {
		return err
	}
	m := replica.Member{Node: p.Node, Life: p.Incarnation}
	l, err := c.endpoint.Dial(p, c.streams.Outgoing(m))
	if err != nil {
		return err
	}
	slot.Store(l)
	c.copies.SetPeer(m)
	l.Wake()
	return nil
}

// endFormer ends the link with a peer's former life; fresh is false if the link is not with a former one.
func endFormer(l *netio.Link, p netio.Peer) (fresh bool, err error) {
	if l == nil {
		return true, nil
	}
	if p.Incarnation <= l.Peer().Incarnation {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), relinkPatience)
	defer cancel()
	l.Cut(errRenewed)
	return true, l.Close(ctx)
}

func (c *copying) close() {
	c.endpoint.Close()
	c.reads.Wait() // no link begins one any more
	c.copies.Close()
}

// CopyAddr is where this node takes copies for its peers; empty if nothing is copied.
func (n *Node) CopyAddr() string {
	if n.copying == nil {
		return ""
	}
	return n.copying.endpoint.Addr()
}

// ConnectCopies makes the links that copies take, to the addresses of CopyAddr. Links with the lives that are named already stay. Without copies
// it does nothing. What goes wrong is told to NodeConfig.Warn: the job does without copies.
func (n *Node) ConnectCopies(peers []netio.Peer) {
	if n.copying != nil {
		n.warn(n.copying.connect(peers))
	}
}

// Admit lets a peer's new life ask for copies of what those before it have written, before it can be linked to.
func (n *Node) Admit(peer netio.Peer) {
	if n.copying != nil {
		n.warn(n.copying.expect(peer))
	}
}

// CopyLags tells how far peers are behind with copies of what this node writes.
func (n *Node) CopyLags() []copies.Lag {
	if n.copying == nil {
		return nil
	}
	return n.copying.copies.Lags(nil)
}

// CopyBytes is the memory that copies for peers take here.
func (n *Node) CopyBytes() int64 {
	if n.copying == nil {
		return 0
	}
	_, logs := n.copying.streams.HeldBytes()
	return logs
}

// Served is what this node got back of what its former lives had written.
func (n *Node) Served() copies.Stats { return n.served }

func (n *Node) warn(err error) {
	if err != nil && n.cfg.Warn != nil {
		n.cfg.Warn(err)
	}
}
