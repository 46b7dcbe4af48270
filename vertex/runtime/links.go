package runtime

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
	n.links[peer.Node].in.Store(in)
	in.Wake()
	return nil
}

// dial makes the link to a node.
func (n *Node) dial(peer netio.Peer) error {
	out, err := n.endpoint.Dial(peer, n.outgoing(peer))
	if err != nil {
		return err
	}
	n.links[peer.Node].out.Store(out)
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
	in, out := n.links[peer.Node].in.Load(), n.links[peer.Node].out.Load()
	if in == nil || out == nil {
		return fmt.Errorf("node %d has a new life before there was a link with it", peer.Node)
	}
	if peer.Incarnation <= in.Peer().Incarnation {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), relinkPatience)
	defer cancel()
	for _, l := range []*netio.Link{in, out} {
		l.Cut(errRenewed)
		if err := l.Close(ctx); err != nil {
			return fmt.Errorf("%v: %w", l, err)
		}
	}
	n.worker.Exchange().Renew(peer.Node)
	return errors.Join(n.expect(peer), n.dial(peer))
}

func (n *Node) wakePeer(id frame.NodeID) {
	for _, l := range []*netio.Link{n.links[id].in.Load(), n.links[id].out.Load()} {
		if l != nil {
			l.Wake()
		}
	}
}

// CutLinks ends the connections at hand of all links, for a reason; they are made again.
func (n *Node) CutLinks(reason error) {
	for i := range n.links {
		for _, l := range []*netio.Link{n.links[i].in.Load(), n.links[i].out.Load()} {
			if l != nil {
				l.Cut(reason)
			}
		}
	}
}

// LinkBytes is what crossed this node's links so far, everything counted, copies too.
func (n *Node) LinkBytes() (in, out uint64) {
	all := [][]linkPair{n.links}
	if n.copying != nil {
		all = append(all, n.copying.links)
	}
	for _, links := range all {
		for i := range links {
			for _, l := range []*netio.Link{links[i].in.Load(), links[i].out.Load()} {
				if l != nil {
					s := l.Stats()
					in += s.BytesIn
					out += s.BytesOut
				}
			}
		}
	}
	return in, out
}
