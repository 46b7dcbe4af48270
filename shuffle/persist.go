package shuffle

import (
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Written is a DATA or CLOSE frame in the log of a core.
type Written struct {
	Edge        frame.EdgeID
	Node        frame.NodeID // it is for; perhaps the one that wrote it
	Core        frame.CoreID // that wrote it
	Type        frame.Type
	Len         int32
	Pos         frame.Pos
	First, Last frame.Tick // that it is of
}

// Persister hears of the frames of edges whose policy is Persist. They stay in their log, on disk if memory is short, until Exchange.Persisted has passed their
// ticks.
type Persister interface {
	// Wrote comes once for each frame, those of a core in the order of its log, from one goroutine at a time for each core. It must not block.
	Wrote(w Written)
}

// persists reports whether frames of an edge stay until they are persisted.
func (x *Exchange) persists(e frame.EdgeID) bool {
	return x.cfg.Persister != nil && x.edges[e].Policy.Keep == Persist
}

// wrote tells the persister, and who watches, of a committed frame; first is, for a CLOSE, the tick whose rows it follows.
func (x *Exchange) wrote(c frame.CoreID, h *frame.Header, pos frame.Pos, first frame.Tick) {
	persists := x.persists(h.Edge)
	if !persists && x.watch == nil {
		return
	}
	w := Written{Edge: h.Edge, Node: h.Node, Core: c, Type: h.Type, Len: h.Len, Pos: pos, First: first, Last: h.Tick}
	if persists {
		x.cfg.Persister.Wrote(w)
	}
	if x.watch != nil {
		x.watch(w)
	}
}

// Watch has a function hear of all frames that the node's tasks write, as a Persister would, each before anybody reads it; they may be lent from within. A
// simulator sees so what no link carries. It is called before anything is written.
func (x *Exchange) Watch(hear func(w Written)) { x.watch = hear }

// Lend leases a frame that a Persister was told of, and has not passed; its sum is checked, if it has one. It may be called from anywhere; an error is one of
// the log, or frame.ErrCorrupt.
func (x *Exchange) Lend(w Written) (ringlog.Lease, error) {
	return x.intact(x.ports[w.Core].log, w.Pos)
}

// Persisted says that the ticks of an edge up to t, which all source tasks of this node have closed, are durable elsewhere: they are trimmed where nobody else
// needs them. It may be called from anywhere; a lower tick than before has no effect.
func (x *Exchange) Persisted(e frame.EdgeID, t frame.Tick) {
	if !raise(&x.persisted[e], t) {
		return
	}
	for n, o := range x.peers {
		need := frame.Tick(x.done[e].node.Load())
		if o != nil {
			need = o.needOf(e)
		}
		x.trim(frame.Chain{Edge: e, Node: frame.NodeID(n)}, need)
	}
	if t == frame.MaxTick {
		x.cfg.Wake(0) // perhaps the last thing the job waited for
	}
}

// PersistedTo is how far Persisted has come, MaxTick where nothing is to be persisted here.
func (x *Exchange) PersistedTo(e frame.EdgeID) frame.Tick {
	if !x.persists(e) || x.cluster.OnNode(x.edges[e].Source, x.self).Count == 0 {
		return frame.MaxTick
	}
	return frame.Tick(x.persisted[e].Load())
}

// trim trims a chain up to where its readers need nothing any more, but not what is to be persisted.
func (x *Exchange) trim(c frame.Chain, t frame.Tick) {
	if x.persists(c.Edge) {
		t = min(t, frame.Tick(x.persisted[c.Edge].Load()))
	}
	for _, p := range x.ports {
		p.log.Trim(c, t)
	}
}

// needOf is the tick up to which the receiver will never ask again.
func (o *outgoing) needOf(e frame.EdgeID) frame.Tick {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.kept == nil {
		return 0
	}
	return o.mu.kept[e].need
}
