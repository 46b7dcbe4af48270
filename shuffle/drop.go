package shuffle

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// ErrDropped is what ExchangeConfig.Fail is told when a peer asks for ticks that DropEarly has dropped, and that are not
// made again beside the node (ExchangeConfig.Asked). A new life of the node executes them again; this one cannot go on, since the peer would wait for
// them for ever.
var ErrDropped = errors.New("dropped ticks are asked for")

// drops is what was dropped early of the frames kept of an edge for a node (PROTOCOL T13).
//
// Only what the receiver of the present session has closed is dropped, so that nobody but a new life of it can ask for it. A life that is
// not the first keeps everything until need has passed what it was when the life began: then no node is made to start again twice while all
// bases stay where they are, and lives that ask each other for what the other has dropped come to an end.
type drops struct {
	dropped frame.Tick // Invariant: rises; nothing up to it is kept
	told    bool       // need was told of
	began   frame.Tick // need when it first was
}

// heard notes what need is.
func (d *drops) heard(need frame.Tick) {
	if !d.told {
		d.told, d.began = true, need
	}
}

// MayDrop reports whether an edge has a policy by which frames are dropped early.
func (x *Exchange) MayDrop() bool {
	for i := range x.edges {
		if x.cfg.Retain && x.edges[i].Policy.Keep == Recompute {
			return true
		}
	}
	return false
}

// DropEarly drops the frames of edges whose policy is Recompute that their receivers have, and reports whether there were any. It may be
// called from any goroutine, at any time; the arena does before it spills.
func (x *Exchange) DropEarly() (some bool) {
	for _, o := range x.peers {
		if o == nil {
			continue
		}
		for _, e := range o.mu.ids { // never changes
			if x.edges[e].Policy.Keep != Recompute {
				continue
			}
			t := o.dropEarly(e)
			if t == 0 {
				continue
			}
			some = true
			for _, p := range x.ports {
				p.log.Trim(frame.Chain{Edge: e, Node: o.to}, t)
			}
		}
	}
	return some
}

// dropEarly returns the tick up to which frames were dropped, 0 if there were none.
func (o *outgoing) dropEarly(e frame.EdgeID) frame.Tick {
	o.mu.Lock()
	defer o.mu.Unlock()
	q, k := o.mu.queues[e], &o.mu.kept[e]
	again := o.x.cfg.Incarnation > 1 && k.need <= k.began
	t := min(q.Closed(), o.followed(e))
	if q.Grant().Session == 0 || again || t <= max(k.need, k.dropped) {
		return 0
	}
	before := len(k.refs)
	k.forget(t)
	if len(k.refs) == before {
		return 0
	}
	k.dropped = t
	return t
}

// hasDropped is the error of a peer that asks for ticks which are not there any more.
func (o *outgoing) hasDropped(g wire.Grant, dropped frame.Tick) error {
	return fmt.Errorf("%w: node %d asks for edge %d after tick %d, ticks up to %d are not kept", ErrDropped, o.to, g.Edge, g.Closed, dropped)
}
