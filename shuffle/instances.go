package shuffle

import (
	"errors"
	"slices"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Instances says how an edge belongs together with another of the same rows, where source or destination tasks are there twice: each with an
// edge of its own, so that none waits for the other. The zero value is an edge that stands alone.
//
// An instance of a task lies on another node than its other one, and instances of tasks that lie on one node lie on one node. Such edges are not
// Unordered where their source tasks are there twice.
type Instances struct {
	// Second: the source tasks are second instances of those of edge First, which has a lower id. The destination tasks read both as edge First.
	Second bool
	First  frame.EdgeID
	// Twice: edge Other leads to second instances of the destination tasks. What one of the two has drained counts as drained.
	Twice bool
	Other frame.EdgeID
}

// rival is the other way by which rows of an in-edge come.
type rival struct {
	e     *Edge
	shift frame.TaskID // from its source tasks to those of the in-edge
}

// readAlso has an in-edge take what comes from second instances of its source tasks.
func (in *inEdge) readAlso(e *Edge) { in.rival = &rival{e, e.Source.First - in.e.Source.First} }

// shift is by how much tasks of an edge that the in-edge reads are numbered above its own source tasks.
func (in *inEdge) shift(e frame.EdgeID) frame.TaskID {
	if e == in.e.ID {
		return 0
	}
	return in.rival.shift
}

// close takes a close entry of a node. Of two instances of a task the one that closes a tick first is read: the rows of the other in that tick are
// dropped, here or when they come. So the rows of a task in a tick are those of one instance, and of one session.
func (in *inEdge) close(id frame.EdgeID, from frame.NodeID, e frame.CloseEntry) error {
	if in.rival == nil {
		return in.prog.close(e)
	}
	shift := in.shift(id)
	e.First, e.Last = e.First-shift, e.Last-shift
	if len(in.buckets) > 0 && in.prog.tasks.Contains(e.First) && in.prog.tasks.Contains(e.Last) {
		in.dropRival(from, e)
	}
	return in.prog.close(e)
}

// dropRival drops what other nodes than this one brought of the ticks that it closes now.
func (in *inEdge) dropRival(from frame.NodeID, e frame.CloseEntry) {
	for _, bk := range slices.Clone(in.buckets) {
		if bk.tick > e.LastTick {
			break
		}
		bk.subs = slices.DeleteFunc(bk.subs, func(s subRef) bool {
			return s.src >= e.First && s.src <= e.Last && bk.refs[s.ref].from != from && bk.tick > in.prog.closedBy[s.src-in.e.Source.First]
		})
		in.dropEmpty(bk)
	}
}

// race notes which edges have another of the same rows, and which lead to tasks that are there twice.
func (x *Exchange) race() {
	x.raced, x.passed = make([]bool, len(x.edges)), make([]bool, len(x.edges))
	for i := range x.edges {
		in := x.edges[i].Instances
		if in.Second {
			x.raced[i], x.raced[in.First] = true, true
		}
		if in.Twice {
			x.passed[i], x.passed[in.Other] = true, true
		}
	}
}

// replaced tells whether a frame cannot be had that an instance still waits for, since what it needs has passed it: it was left behind, and its next life goes on
// from the other instance's image. The trim may come here before the link with the life that was replaced ends. That life gets nothing more; Renew
// begins anew. Called with o.mu held.
func (o *outgoing) replaced(e frame.EdgeID, r netio.Ref, err error) bool {
	return errors.Is(err, ringlog.ErrTrimmed) && o.x.passed[e] && o.mu.kept != nil && max(r.Tick, r.Last) <= o.mu.kept[e].need
}

// skip has a new session of an edge begin after what this node has executed, which may be more than this edge has brought: it was
// the other one that brought it, and the sender may have no more of it.
func (in *incoming) skip(le *linkEdge) {
	if t := frame.Tick(in.x.done[le.e.ID].node.Load()); in.x.raced[le.e.ID] && t > le.prog.closed {
		le.prog.skip(t)
		in.mu.Lock()
		in.mu.credit.SetClosed(le.e.ID, t)
		in.mu.Unlock()
	}
}

// skip takes tick t for closed by all tasks, which are to close later ones alone.
func (p *progress) skip(t frame.Tick) {
	for i := range p.closedBy {
		p.closedBy[i] = max(p.closedBy[i], t)
	}
	p.advance()
	p.pass(p.closed)
}

// mayTrim is up to where the frames of an edge may be trimmed that nobody needs up to t; the caller holds the lock. On an edge that is raced
// somebody may be in the middle of reading them, although nobody needs them any more.
func (o *outgoing) mayTrim(e frame.EdgeID, t frame.Tick) frame.Tick {
	if !o.x.raced[e] {
		return t
	}
	o.mu.needs[e] = max(o.mu.needs[e], t)
	return min(o.mu.needs[e], o.mu.queues[e].Closed())
}

// partners are by node those where the other instances of an edge's destination tasks are.
func (x *Exchange) partners(e *Edge) []frame.NodeID {
	if !e.Instances.Twice {
		return nil
	}
	other := x.edges[e.Instances.Other].Destination
	all := make([]frame.NodeID, x.cluster.Nodes)
	for n := range all {
		if here := x.cluster.OnNode(e.Destination, frame.NodeID(n)); here.Count > 0 {
			all[n] = x.cluster.Node(other, other.First+here.First-e.Destination.First)
		}
	}
	return all
}
