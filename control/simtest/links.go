package simtest

import (
	"errors"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// The links of a worker with its peers.

func (w *worker) relink(peer netio.Peer) {
	for _, l := range w.links[peer.Node] {
		l.Cut(errors.New("the peer has a new life"))
		l.Close()
	}
	w.relinks = append(w.relinks, peer)
}

func (w *worker) renew() error {
	rest := w.relinks[:0]
	for i, p := range w.relinks {
		if slices.ContainsFunc(w.relinks[i+1:], func(q netio.Peer) bool { return q.Node == p.Node }) {
			continue // there is a newer one already
		}
		if slices.ContainsFunc(w.links[p.Node], func(l *simnet.Link) bool { _, ended := l.Ended(); return !ended }) {
			rest = append(rest, p)
			continue
		}
		w.w.Exchange().Renew(p.Node)
		if err := w.link(p); err != nil {
			return err
		}
	}
	w.relinks = rest
	return nil
}

func (w *worker) connect(peers []control.Peer) error {
	for _, p := range peers {
		if p.Node == w.node {
			continue
		}
		if err := w.link(netio.Peer{Node: p.Node, Incarnation: max(1, p.Incarnation), Addr: p.Addr}); err != nil {
			return err
		}
	}
	return nil
}

// link makes the links from and to a node, and the lanes beside them.
func (w *worker) link(peer netio.Peer) error {
	w.links[peer.Node] = nil
	x := w.w.Exchange()
	if err := w.linkOne(peer, x.Incoming(peer.Node), x.Outgoing(peer.Node)); err != nil {
		return err
	}
	for range x.Lanes() {
		peer.Lane++
		if err := w.linkOne(peer, x.LaneFrom(peer.Node, peer.Lane), x.LaneTo(peer.Node, peer.Lane)); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) linkOne(peer netio.Peer, incoming netio.Incoming, outgoing netio.Outgoing) error {
	if w.sim.cfg.Faults != nil {
		incoming, outgoing = &tap{Incoming: incoming, to: w, from: peer.Node, lane: peer.Lane}, &rotting{outgoing, w, laneTo{peer.Node, peer.Lane}}
	}
	in, err := w.end.Expect(peer, incoming)
	if err != nil {
		return err
	}
	out, err := w.end.Dial(peer, outgoing)
	if err != nil {
		return err
	}
	w.links[peer.Node] = append(w.links[peer.Node], in, out)
	return nil
}

func (w *worker) wakePeer(n frame.NodeID) { w.wakeLane(n, 0) }

func (w *worker) wakeLane(n frame.NodeID, lane uint8) {
	for _, l := range w.lane(n, lane) {
		l.Wake()
	}
}

// lane is the link from a node and that to it, none before they are made.
func (w *worker) lane(n frame.NodeID, lane uint8) []*simnet.Link {
	if len(w.links[n]) < 2*int(lane)+2 {
		return nil
	}
	return w.links[n][2*lane : 2*lane+2]
}

func (w *worker) room(<-chan struct{}) error {
	if w.arena.Step() {
		return nil
	}
	if s := w.sim; s.harms != nil && s.steps < s.harms[w.node].full {
		return errNoRoom
	}
	return errors.New("the arena is full and nothing can be spilled")
}
