package replica

import (
	"slices"
	"sync"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Config says whose copies a Node makes and keeps.
type Config struct {
	Self Member
	// HoldBytes bounds what is kept of the Logs of others; 64 MiB.
	HoldBytes int64
	// Changed, if set, is called when a connection to a peer begins or ends.
	Changed func()
	// Wake says that the links to and from a peer have something to gather. It must not block, and is called with the lock held.
	Wake func(peer frame.NodeID)
	// WakeSoon, if set, is called in place of Wake for what may wait a few milliseconds, so that more goes at once: entries of Logs, and that
	// they have come.
	WakeSoon func(peer frame.NodeID)
	// Elsewhere, if set, runs what waits for a disk, on another goroutine than the one that calls: one thing at a time for each peer, which ends when the disk
	// has answered. nil: the link waits.
	Elsewhere func(read func())
}

const holdBytes = 64 << 20

// Node is all streams of a process, its own and those that it keeps for others.
type Node struct {
	cfg    Config
	broken canary
	others func(Stream) []frame.NodeID // nil: nobody
	mu     struct {
		sync.Mutex
		holder *Holder
		owned  map[Stream]*Owned
		order  []*Owned // Journals, Logs, Images, else as they were opened
		out    map[frame.NodeID]*outgoing
		in     map[frame.NodeID]*incoming
		// refilling are Logs of which other holders are asked, and the lives of their owners.
		refilling map[Stream]frame.Incarnation
	}
}

// New makes the streams of a process.
func New(cfg Config) *Node {
	if cfg.HoldBytes == 0 {
		cfg.HoldBytes = holdBytes
	}
	if cfg.Elsewhere == nil {
		cfg.Elsewhere = func(read func()) { read() }
	}
	n := &Node{cfg: cfg}
	n.mu.holder = NewHolder(cfg.HoldBytes)
	n.mu.owned = map[Stream]*Owned{}
	n.mu.out = map[frame.NodeID]*outgoing{}
	n.mu.in = map[frame.NodeID]*incoming{}
	n.mu.refilling = map[Stream]frame.Incarnation{}
	return n
}

// Outgoing is the sending end of the link to a life of a peer. It takes the place of that of the life before, whose link has ended or ends soon; what was asked
// of that one and not answered fails with ErrGone.
func (n *Node) Outgoing(peer Member) netio.Outgoing {
	n.mu.Lock()
	o := &outgoing{node: n, peer: peer, dropped: map[*Owned]uint64{}}
	old := n.mu.out[peer.Node]
	n.mu.out[peer.Node] = o
	for _, w := range n.mu.order {
		if s := w.sender(peer); s != nil {
			s.Detached()
		}
	}
	var lost []*asked
	if old != nil {
		lost = old.abandon()
	}
	n.mu.Unlock()
	fail(lost, peer)
	return o
}

// Incoming is the receiving end of the link from a life of a peer. It takes the place of that of the life before.
func (n *Node) Incoming(peer Member) netio.Incoming {
	n.mu.Lock()
	defer n.mu.Unlock()
	in := &incoming{node: n, peer: peer}
	n.mu.in[peer.Node] = in
	return in
}

// Held lists what is kept for others.
func (n *Node) Held() []HeldStats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.holder.Stats()
}

// HeldBytes is the room that all of it takes, and the share of Logs.
func (n *Node) HeldBytes() (all, logs int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.holder.bytes, n.mu.holder.logBytes
}

// ofKind are the streams of a kind. The lock is held.
func (n *Node) ofKind(k Kind) []*Owned {
	from, _ := slices.BinarySearchFunc(n.mu.order, k, func(w *Owned, k Kind) int { return int(w.tail.stream.Kind) - int(k) })
	to, _ := slices.BinarySearchFunc(n.mu.order, k+1, func(w *Owned, k Kind) int { return int(w.tail.stream.Kind) - int(k) })
	return n.mu.order[from:to]
}

// linked tells whether a life of a peer is the one that this node has, or makes, a link to.
func (n *Node) linked(m Member) *outgoing {
	if o := n.mu.out[m.Node]; o != nil && o.peer == m {
		return o
	}
	return nil
}

// changed tells that links have; without the lock.
func (n *Node) changed() {
	if n.cfg.Changed != nil {
		n.cfg.Changed()
	}
}

// wakeFor wakes for something of a stream.
func (n *Node) wakeFor(s Stream, peer frame.NodeID) {
	if s.Kind == Log && n.cfg.WakeSoon != nil {
		n.cfg.WakeSoon(peer)
		return
	}
	n.wake(peer)
}

func (n *Node) wake(peer frame.NodeID) {
	if n.cfg.Wake != nil {
		n.cfg.Wake(peer)
	}
}
