package runtime

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// linkPair is the links from and to a node; what wants to wake them may come before they are made.
type linkPair struct{ in, out atomic.Pointer[netio.Link] }

// firstRedial is the pause after a first dial in vain. A new life is told of its peers while they are told of it, and one of the two dials first: a stranger
// for a moment.
const firstRedial = time.Millisecond

// listen opens the endpoint. Without recovery all nodes have one life, and the others are expected at once, so that none is a stranger when it dials
// before this node has heard where it is.
func (n *Node) listen() (err error) {
	id := wire.Identity{Job: n.cfg.Plan.Job, Node: n.cfg.Node, Incarnation: n.cfg.Incarnation, Token: []byte(n.cfg.Token)}
	if err := n.share(id); err != nil {
		return err
	}
	n.endpoint, err = netio.Listen(netio.Config{
		Identity: id,
		Listen:   n.cfg.Listen, MaxFrameBytes: n.cfg.FrameBytes, BackoffMin: firstRedial, Events: n.cfg.LinkEvents,
	})
	if err != nil {
		return err
	}
	if n.cfg.Recovery != nil {
		return nil
	}
	for id := range n.others() {
		if err := n.expect(netio.Peer{Node: id, Incarnation: n.cfg.Incarnation}); err != nil {
			return err
		}
	}
	return nil
}

// expect makes the link from a node.
func (n *Node) expect(peer netio.Peer) error {
	in, err := n.endpoint.Expect(peer, n.incoming(peer))
	if err != nil {
		return err
	}
	n.links[peer.Lane][peer.Node].in.Store(in)
	in.Wake()
	return nil
}

// dial makes the link to a node.
func (n *Node) dial(peer netio.Peer) error {
	out, err := n.endpoint.Dial(peer, n.outgoing(peer))
	if err != nil {
		return err
	}
	n.links[peer.Lane][peer.Node].out.Store(out)
	out.Wake()
	return nil
}

// others yields the other nodes.
func (n *Node) others() iter.Seq[frame.NodeID] {
	return func(yield func(frame.NodeID) bool) {
		for i := range n.cfg.Nodes {
			if id := frame.NodeID(i); id != n.cfg.Node && !yield(id) {
				return
			}
		}
	}
}

// Addr is where other nodes reach this one; empty for a node that is alone.
func (n *Node) Addr() string {
	if n.endpoint == nil {
		return ""
	}
	return n.endpoint.Addr()
}

// Connect makes the links between this node and all others. Call it once, before Start.
func (n *Node) Connect(peers []netio.Peer) error {
	byNode := make([]netio.Peer, n.cfg.Nodes)
	for _, p := range peers {
		if int(p.Node) >= n.cfg.Nodes {
			return fmt.Errorf("peer %d, want less than %d", p.Node, n.cfg.Nodes)
		}
		byNode[p.Node] = p
	}
	for id := range n.others() {
		peer := byNode[id]
		if peer.Addr == "" {
			return fmt.Errorf("no address for node %d", id)
		}
		if n.cfg.Recovery != nil {
			if err := n.expect(peer); err != nil {
				return err
			}
		}
		if err := n.dial(peer); err != nil {
			return err
		}
		if err := n.openLanes(peer); err != nil {
			return err
		}
	}
	return nil
}

// openLanes makes the links beside the ordinary ones.
func (n *Node) openLanes(peer netio.Peer) error {
	for range n.worker.Exchange().Lanes() {
		peer.Lane++
		if err := errors.Join(n.expect(peer), n.dial(peer)); err != nil {
			return err
		}
	}
	return nil
}

// relinkPatience is how long the links with a dead peer may take to end once they are cut.
const relinkPatience = 10 * time.Second

var errRenewed = errors.New("the peer has a new life")

// Relink replaces the links with a node by those with its next life: what the last one left open is dropped, what the new one has not closed
// is sent to it. A life that is not newer is ignored. After Connect, one call at a time; only with recovery.
//
// An error of the links ends the node.
func (n *Node) Relink(peer netio.Peer) {
	if err := n.relink(peer); err != nil {
		n.fail(err)
	}
}

func (n *Node) relink(peer netio.Peer) error {
	in, out := n.links[0][peer.Node].in.Load(), n.links[0][peer.Node].out.Load()
	if in == nil || out == nil {
		return fmt.Errorf("node %d has a new life before there was a link with it", peer.Node)
	}
	if peer.Incarnation <= in.Peer().Incarnation {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), relinkPatience)
	defer cancel()
	for l := range linksOf(n.links, peer.Node) {
		l.Cut(errRenewed)
	}
	for l := range linksOf(n.links, peer.Node) {
		if err := l.Close(ctx); err != nil {
			return fmt.Errorf("%v: %w", l, err)
		}
	}
	n.worker.Exchange().Renew(peer.Node)
	return errors.Join(n.expect(peer), n.dial(peer), n.openLanes(peer))
}

func (n *Node) wakePeer(id frame.NodeID) { n.wakeLane(id, 0) }

func (n *Node) wakeLane(id frame.NodeID, lane uint8) {
	for l := range linksOf(n.links[lane:lane+1], id) {
		l.Wake()
	}
}

// linksOf yields the links from and to a node that there are, of some lanes.
func linksOf(lanes [][]linkPair, id frame.NodeID) iter.Seq[*netio.Link] {
	return func(yield func(*netio.Link) bool) {
		for _, links := range lanes {
			for _, l := range []*netio.Link{links[id].in.Load(), links[id].out.Load()} {
				if l != nil && !yield(l) {
					return
				}
			}
		}
	}
}

// CutLinks ends the connections at hand of all links, for a reason; they are made again.
func (n *Node) CutLinks(reason error) {
	for id := range n.others() {
		for l := range linksOf(n.links, id) {
			l.Cut(reason)
		}
	}
}

// LinkBytes is what crossed this node's links so far, everything counted, copies too.
func (n *Node) LinkBytes() (in, out uint64) {
	all := slices.Clip(n.links)
	if n.copying != nil {
		all = append(all, n.copying.links)
	}
	for id := range n.others() {
		for l := range linksOf(all, id) {
			s := l.Stats()
			in += s.BytesIn
			out += s.BytesOut
		}
	}
	return in, out
}
