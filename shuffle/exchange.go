package shuffle

import (
	"fmt"
	"sync/atomic"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// ExchangeConfig describes a node's part of an exchange.
type ExchangeConfig struct {
	Cluster     Cluster
	Self        frame.NodeID
	Job         uint64
	Incarnation frame.Incarnation
	Edges       []Edge // by id, the same on all nodes
	Arena       *ringlog.Arena
	FrameBytes  int  // largest frame
	CreditBytes int  // window per (edge, ordered node pair)
	LeaseBytes  int  // frames a core keeps leased while it executes a tick
	Sums        bool // checksum every frame
	// Starts says, by edge, where the tasks of this node go on; nil: everything begins with tick 1.
	Starts []Start
	// Retain keeps the frames for other nodes until Need has passed them, so that a new life of a node can have them again (where the policy
	// of the edge is Recompute, as long as memory lasts); else until they were delivered.
	Retain bool
	// Copier takes the frames of edges whose Policy has Copies; nil: nothing is copied. Only with Retain.
	Copier Copier
	// Persister hears of the frames of edges whose Policy is Persist; nil: that is Retain. Only with Retain.
	Persister Persister
	// ReceiveReserve is how many segments the log of each incoming link can always have; 0: as few as a log needs.
	ReceiveReserve int
	// Wake is called, from any goroutine, when a core may have something to do.
	Wake func(core int)
	// WakePeer is called when there is something new to send to a node: frames, or credits.
	WakePeer func(n frame.NodeID)
	// DrainedChanged is called when a peer reported progress of what it drained.
	DrainedChanged func()
	// Met is told, once for each edge and node it leads to, what that node had closed of the edge when it was first heard, where all of that was sent by
	// former lives of this node. nil: nobody is. It must not block.
	Met func(e frame.EdgeID, n frame.NodeID, closed frame.Tick)
	// Asked is told what peers ask for that was dropped early: Exchange.NewShadow is to answer it, or the node to fail with ErrDropped. It must not block.
	// nil: the node fails at once.
	Asked func(asks []Ask)
	// Lanes is the number of links beside the ordinary one that lead from each node to each other, see Exchange.Lanes; WakeLane is their WakePeer. They are
	// numbered from 1 on. Only with Asked.
	Lanes    int
	WakeLane func(n frame.NodeID, lane uint8)
	// Shadow, if set, is what the exchange is for. Only without Retain.
	Shadow *Shadow
	// Fail is called with an error of this node's own that a link met: a log that cannot be read or written, or ErrDropped.
	Fail func(error)
	// Room is called by a link's goroutine when the arena has no free segment for what arrived. It waits until ready says that it may be
	// tried again, or returns an error to give up.
	Room func(ready <-chan struct{}) error
}

// Exchange is a node's part of all the edges of a job: a port per core, and for every other node what is sent to it and received from it.
type Exchange struct {
	cfg     ExchangeConfig
	cluster Cluster
	self    frame.NodeID
	edges   []Edge
	ports   []*Port
	peers   []*outgoing // by node; nil for self
	from    []*incoming // by node; nil for self
	lanes   [][]*lane   // by node
	ends    [][]laneEnd // by node
	done    []edgeDone
	raced   []bool // by edge: its source tasks are there twice
	passed  []bool // by edge: its destination tasks are there twice, so that what they need may pass a life that is replaced
	flaw    Flaw
	watch   func(w Written) // nil: nobody
	// persisted is by edge the tick up to which frames need not be kept to be persisted.
	persisted []atomic.Uint64
}

// edgeDone is how far the tasks of this node are with an edge.
type edgeDone struct {
	byCore []atomic.Uint64 // ticks executed; MaxTick for cores without destination tasks
	node   atomic.Uint64   // minimum, as far as logs were trimmed
	drain  atomic.Uint64   // drained downstream of this node's destination tasks
	// partners are set by node where the destination tasks are there twice, see Instances.
	partners []frame.NodeID
}

// NewExchange returns the exchange. Its logs take segments from the arena as they are needed.
func NewExchange(cfg ExchangeConfig) (*Exchange, error) {
	if least := frame.HeaderLen + frame.CloseEntryLen; cfg.FrameBytes < least {
		return nil, fmt.Errorf("frames of %d bytes: want at least %d", cfg.FrameBytes, least)
	}
	if err := cfg.checkStarts(); err != nil {
		return nil, err
	}
	x := &Exchange{cfg: cfg, cluster: cfg.Cluster, self: cfg.Self, edges: cfg.Edges, done: make([]edgeDone, len(cfg.Edges)),
		persisted: make([]atomic.Uint64, len(cfg.Edges))}
	for c := range cfg.Cluster.Cores {
		p, err := x.newPort(frame.CoreID(c))
		if err != nil {
			return nil, err
		}
		x.ports = append(x.ports, p)
	}
	x.race()
	for i := range x.done {
		x.done[i].byCore = make([]atomic.Uint64, cfg.Cluster.Cores)
		executed := uint64(cfg.start(frame.EdgeID(i)).Executed)
		for c, p := range x.ports {
			x.done[i].byCore[c].Store(executed)
			if p.ins[i] == nil {
				x.done[i].byCore[c].Store(uint64(frame.MaxTick))
			}
		}
		x.done[i].node.Store(executed)
		x.done[i].drain.Store(executed)
		x.done[i].partners = x.partners(&x.edges[i])
	}
	x.peers, x.from = make([]*outgoing, cfg.Cluster.Nodes), make([]*incoming, cfg.Cluster.Nodes)
	for n := range cfg.Cluster.Nodes {
		if frame.NodeID(n) == x.self {
			continue
		}
		x.peers[n] = newOutgoing(x, frame.NodeID(n))
		if cfg.Shadow != nil && !cfg.Shadow.hears(x, frame.NodeID(n)) {
			continue
		}
		in, err := newIncoming(x, frame.NodeID(n))
		if err != nil {
			return nil, err
		}
		x.from[n] = in
	}
	x.openLanes()
	if x.MayDrop() {
		cfg.Arena.OnFull(x.DropEarly)
	}
	if cfg.Shadow != nil {
		cfg.Shadow.x.Store(x)
	}
	return x, nil
}

func (x *Exchange) newPort(c frame.CoreID) (*Port, error) {
	core := int(c)
	wake := func() { x.cfg.Wake(core) }
	log, err := x.cfg.Arena.NewLog(ringlog.LogConfig{Job: x.cfg.Job, Node: x.self, Core: c, Incarnation: x.cfg.Incarnation, Sums: x.cfg.Sums, Wake: wake})
	if err != nil {
		return nil, err
	}
	p := &Port{x: x, core: c, log: log, box: inbox{wake: wake}, outs: make([]*outEdge, len(x.edges)), ins: make([]*inEdge, len(x.edges))}
	p.waits.init(len(x.edges))
	for i := range x.edges {
		e, s := &x.edges[i], x.cfg.Shadow
		if x.cluster.On(e.Source, x.self, c).Count > 0 && (s == nil || s.writes[i]) {
			if p.outs[i], err = newOutEdge(p, e); err != nil {
				return nil, err
			}
			if s != nil {
				p.outs[i].held = s.silence(p.outs[i])
			}
		}
		local := x.cluster.On(e.Destination, x.self, c)
		switch {
		case local.Count == 0 || s != nil && !s.reads[i]:
		case e.Instances.Second:
			p.ins[i] = p.ins[e.Instances.First]
			p.ins[i].readAlso(e)
		default:
			p.ins[i] = newInEdge(x, e, local)
		}
	}
	return p, nil
}

// Port returns the port of a core.
func (x *Exchange) Port(core int) *Port { return x.ports[core] }

// putClose hands close entries to every core that has destination tasks of the edge. The entries are copied.
func (x *Exchange) putClose(e frame.EdgeID, from frame.NodeID, entries []frame.CloseEntry) {
	for _, p := range x.ports {
		if p.ins[e] != nil {
			p.box.put(arrival{kind: arriveClose, edge: e, from: from}, entries...)
		}
	}
}

// executed notes a core's progress; when the node's minimum moves, its frames are trimmed and their credit is returned.
func (x *Exchange) executed(e frame.EdgeID, core frame.CoreID, t frame.Tick) {
	d := &x.done[e]
	d.byCore[core].Store(uint64(t))
	least := uint64(t)
	for c := range d.byCore {
		least = min(least, d.byCore[c].Load())
	}
	if !raise(&d.node, frame.Tick(least)) {
		return
	}
	x.trim(frame.Chain{Edge: e, Node: x.self}, frame.Tick(least))
	for _, in := range x.from {
		if in != nil {
			in.executed(e, frame.Tick(least))
		}
	}
}

// SetDrained tells that everything up to tick t is drained downstream of this node's destination tasks of an edge; it travels to the
// sources on the reverse path.
func (x *Exchange) SetDrained(e frame.EdgeID, t frame.Tick) {
	if !raise(&x.done[e].drain, t) {
		return
	}
	for _, in := range x.from {
		if in != nil {
			in.drained(e, t)
		}
	}
}

// Drained is the tick up to which an edge is drained on all nodes, as far as this node knows: by either instance of destination tasks that are
// there twice.
func (x *Exchange) Drained(e frame.EdgeID) frame.Tick {
	least := frame.MaxTick
	for n := range x.cluster.Nodes {
		if x.cluster.OnNode(x.edges[e].Destination, frame.NodeID(n)).Count == 0 {
			continue
		}
		t := x.drainedOn(e, frame.NodeID(n))
		if p := x.done[e].partners; p != nil {
			t = max(t, x.drainedOn(x.edges[e].Instances.Other, p[n]))
		}
		least = min(least, t)
	}
	return least
}

func (x *Exchange) drainedOn(e frame.EdgeID, n frame.NodeID) frame.Tick {
	if n == x.self {
		return frame.Tick(x.done[e].drain.Load())
	}
	return x.peers[n].drained(e)
}

// Outgoing is what this node sends to another; nil for itself.
func (x *Exchange) Outgoing(n frame.NodeID) netio.Outgoing {
	if x.peers[n] == nil {
		return nil
	}
	return x.peers[n]
}

// Incoming is what this node receives from another; nil for itself.
func (x *Exchange) Incoming(n frame.NodeID) netio.Incoming {
	if x.from[n] == nil {
		return nil
	}
	return x.from[n]
}

// Idle reports whether every peer has acknowledged all that this node sent, and all is persisted that is to be: nothing waits in a log for anybody.
func (x *Exchange) Idle() bool {
	for e := range x.edges {
		if x.PersistedTo(frame.EdgeID(e)) < frame.MaxTick {
			return false
		}
	}
	for _, p := range x.peers {
		if p != nil && !p.idle() {
			return false
		}
	}
	return true
}

// RowsReceived counts the rows that came over links.
func (x *Exchange) RowsReceived() uint64 {
	n := uint64(0)
	for _, in := range x.from {
		if in != nil {
			n += in.rows.Load()
		}
	}
	return n
}

// Close gives up the logs. The cores and links must have stopped.
func (x *Exchange) Close() error {
	var first error
	if x.MayDrop() { // else the function there is another exchange's
		x.cfg.Arena.OnFull(nil)
	}
	for _, p := range x.ports {
		for _, in := range p.ins {
			if in != nil {
				for _, bk := range in.buckets {
					bk.releaseAll()
				}
			}
		}
		if err := p.log.Close(); err != nil && first == nil {
			first = err
		}
	}
	for _, in := range x.from {
		if in != nil {
			in.drop()
			if err := in.log.Close(); err != nil && first == nil {
				first = err
			}
		}
	}
	return first
}
