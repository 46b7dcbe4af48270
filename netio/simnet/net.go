package simnet

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Net is a network. The zero value has no nodes.
type Net struct {
	// Held, if set, tells at every step whether nothing gets from one node to another: neither what is on the way, nor the end of a
	// connection, nor the making of one.
	Held func(from, to frame.NodeID) bool
	// BufferBytes is how much of a direction may be on its way when the kernel takes what was gathered; 0: any.
	BufferBytes int

	nodes   []*Node
	links   []*Link // outgoing ones, which dial
	conns   []*conn // with at least one end
	changes int     // of what may turn a refusal into a welcome
	steps   []step  // scratch of Step
}

// Node is one end of links, the twin of netio.Endpoint.
type Node struct {
	net      *Net
	cfg      netio.Config
	links    map[linkKey]*Link
	counters netio.Counters
	dead     bool
}

type linkKey struct {
	node     frame.NodeID
	lane     uint8
	outgoing bool
}

// Node adds a node. Of cfg only the identity, MaxFrameBytes and FlushBytes (with netio's defaults) matter. A node that is dead is replaced
// by the next with its number.
func (n *Net) Node(cfg netio.Config) *Node {
	if cfg.MaxFrameBytes == 0 {
		cfg.MaxFrameBytes = 4 << 20
	}
	if cfg.FlushBytes == 0 {
		cfg.FlushBytes = 1 << 20
	}
	node := &Node{net: n, cfg: cfg, links: make(map[linkKey]*Link)}
	n.nodes = append(n.nodes, node)
	n.changes++
	return node
}

// find returns the live node of that number, the newest if there are several, or nil.
func (n *Net) find(id frame.NodeID) *Node {
	for _, node := range slices.Backward(n.nodes) {
		if node.cfg.Node == id && !node.dead {
			return node
		}
	}
	return nil
}

// step is something that can happen: to a link that dials, or to a connection.
type step struct {
	link *Link
	conn *conn
	do   func(c *conn, r *rand.Rand)
}

// Step does one thing that can happen, and returns false if nothing can.
func (n *Net) Step(r *rand.Rand) bool {
	n.steps = n.steps[:0]
	for _, l := range n.links {
		if l.canDial() && !n.held(l.node.cfg.Node, l.peer.Node) && !n.held(l.peer.Node, l.node.cfg.Node) {
			n.steps = append(n.steps, step{link: l})
		}
	}
	for _, c := range n.conns {
		n.steps = c.possible(n.steps, n)
	}
	if len(n.steps) == 0 {
		return false
	}
	if s := n.steps[r.IntN(len(n.steps))]; s.link != nil {
		s.link.dial()
	} else {
		s.do(s.conn, r)
	}
	n.links = slices.DeleteFunc(n.links, func(l *Link) bool { return l.ended && l.conn == nil })
	n.conns = slices.DeleteFunc(n.conns, func(c *conn) bool { return c.out == nil && c.in == nil })
	return true
}

func (n *Net) held(from, to frame.NodeID) bool { return n.Held != nil && n.Held(from, to) }

// Addr is empty: nodes are found by their number.
func (n *Node) Addr() string { return "" }

// Counters is that of netio.Endpoint.
func (n *Node) Counters() netio.Counters { return n.counters }

// Dial is that of netio.Endpoint. The peer's number is its address.
func (n *Node) Dial(peer netio.Peer, out netio.Outgoing) (*Link, error) {
	l, err := n.add(peer, true)
	if err != nil {
		return nil, err
	}
	l.out = out
	n.net.links = append(n.net.links, l)
	return l, nil
}

// Expect is that of netio.Endpoint.
func (n *Node) Expect(peer netio.Peer, in netio.Incoming) (*Link, error) {
	l, err := n.add(peer, false)
	if err != nil {
		return nil, err
	}
	l.in = in
	n.net.changes++
	return l, nil
}

func (n *Node) add(peer netio.Peer, outgoing bool) (*Link, error) {
	key := linkKey{peer.Node, peer.Lane, outgoing}
	if n.dead {
		return nil, netio.ErrClosed
	}
	if _, ok := n.links[key]; ok {
		return nil, fmt.Errorf("%w: node %d", netio.ErrDuplicate, peer.Node)
	}
	l := &Link{node: n, key: key, peer: peer, triedAt: -1}
	n.links[key] = l
	return l, nil
}

// Kill ends the node as a process that is killed: its drivers are not called any more, not even by Detach, and its peers lose their connections.
func (n *Node) Kill() {
	n.dead = true
	n.net.changes++
	for _, l := range n.links {
		l.ended, l.err = true, netio.ErrClosed
		if l.conn != nil {
			l.conn.vanish(l)
		}
	}
	clear(n.links)
}

func (n *Node) refuse(reason wire.Reason) wire.Reason {
	n.counters.Refused[reason]++
	return reason
}
