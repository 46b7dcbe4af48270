package runtime

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/hostlink"
)

// LinkMode says how frames get from one node to another.
type LinkMode uint8

// The modes.
const (
	LinksTCP  LinkMode = iota // frames cross the links: the default
	LinksAuto                 // processes of one host and user read frames in each other's memory where they can; else as LinksTCP
	LinksShm                  // as LinksAuto, but a node that cannot offer its memory is an error
)

var linkModes = [...]string{"tcp", "auto", "shm"}

func (m LinkMode) String() string {
	if int(m) < len(linkModes) {
		return linkModes[m]
	}
	return fmt.Sprintf("link mode %d", uint8(m))
}

// ParseLinkMode reads tcp, auto or shm.
func ParseLinkMode(s string) (LinkMode, error) {
	for m, name := range linkModes {
		if s == name {
			return LinkMode(m), nil
		}
	}
	return 0, fmt.Errorf("got %q, want one of %v", s, linkModes)
}

// shares reports whether the node's memory is for other processes of the host, too: memory of a process that may be replaced is not.
func (cfg *NodeConfig) shares() bool {
	return cfg.Nodes > 1 && (cfg.Links == LinksShm || cfg.Links == LinksAuto && cfg.Recovery == nil && cfg.Images == nil)
}

// backing is what the node's logs are made of.
func (cfg *NodeConfig) backing() ringlog.Backing {
	if cfg.shares() {
		return ringlog.Memfd
	}
	return ringlog.Anonymous
}

// share offers the node's memory to other processes of the host, as far as the mode says so.
func (n *Node) share(id wire.Identity) (err error) {
	switch {
	case !n.cfg.shares():
		return nil
	case n.cfg.Recovery != nil:
		return errors.New("links shm: memory of a process that may be replaced is not shared; use tcp or auto with recovery")
	}
	if n.cfg.Links == LinksShm && !n.arena.CanShare() {
		return errors.New("links shm: this build keeps segments where no other process can read them")
	}
	n.host, err = hostlink.Listen(hostlink.Config{Identity: id, Arena: n.arena, MaxFrameBytes: n.cfg.FrameBytes})
	if err != nil && n.cfg.Links == LinksAuto {
		n.host = nil
		return nil
	}
	return err
}

// outgoing is what the link to a peer carries: frames, or references to them.
func (n *Node) outgoing(peer netio.Peer) netio.Outgoing {
	if peer.Lane > 0 {
		return n.worker.Exchange().LaneTo(peer.Node, peer.Lane)
	}
	out := n.worker.Exchange().Outgoing(peer.Node)
	if n.host == nil {
		return out
	}
	return n.host.Outgoing(peer, out)
}

// incoming is what the link from a peer brings.
func (n *Node) incoming(peer netio.Peer) netio.Incoming {
	if peer.Lane > 0 {
		return n.worker.Exchange().LaneFrom(peer.Node, peer.Lane)
	}
	in := n.worker.Exchange().Incoming(peer.Node)
	if shared, ok := in.(shuffle.SharedIncoming); ok && n.host != nil {
		return n.host.Incoming(peer, shared)
	}
	return in
}

// SharedBytes is what this node's peers read in its memory so far, instead of over links.
func (n *Node) SharedBytes() int64 {
	if n.host == nil {
		return 0
	}
	return n.host.Stats().SharedBytes
}
