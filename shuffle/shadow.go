package shuffle

import (
	"slices"
	"sync/atomic"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Ask is what a node wants again that was dropped early: the ticks of an edge above After, up to Through.
type Ask struct {
	Edge           frame.EdgeID
	Node           frame.NodeID
	After, Through frame.Tick
	Lane           uint8 // of the node, whose shadow asks; 0: the node itself does
}

// again is an ask until the node has what it asked for. The frames that answer it lie in the logs of a Shadow, and go before those that were kept.
// It belongs to the lock of the outgoing that it is part of.
type again struct {
	Ask
	shadow *Shadow   // nil: none has begun
	made   *progress // what the source tasks of this node have closed again; nil as shadow is
	lent   int       // leases of frames of the shadow that are being sent
}

// whole is the tick up to which all is there to be sent.
func (a *again) whole() frame.Tick {
	if a.made == nil {
		return a.After
	}
	return min(a.made.closed, a.Through)
}

// Shadow is the part of an exchange that answers asks (PROTOCOL T14): ExchangeConfig.Shadow of an exchange of its own, on whose cores only some of the
// node's tasks are, which execute again what they need for the ticks that are asked for. What else these emit is thrown away.
type Shadow struct {
	of            *Exchange                // that has dropped them
	x             atomic.Pointer[Exchange] // its own
	asks          []*again
	reads, writes []bool // by edge: its destination tasks, its source tasks are there
}

// NewShadow begins to answer asks that ExchangeConfig.Asked was told of at a time; nil if nobody wants that any more. By edge reads says that the edge's
// destination tasks on this node are to be there, writes that its source tasks are. It may be called from any goroutine.
func (x *Exchange) NewShadow(asks []Ask, reads, writes []bool) *Shadow {
	s := &Shadow{of: x, reads: reads, writes: writes}
	for _, ask := range asks {
		if a := x.asker(ask).answer(ask, s); a != nil {
			s.asks = append(s.asks, a)
		}
	}
	if len(s.asks) == 0 {
		return nil
	}
	return s
}

// asker is what carries the answer to an ask.
func (x *Exchange) asker(ask Ask) *outgoing {
	if ask.Lane > 0 {
		return x.lanes[ask.Node][ask.Lane-1].outgoing
	}
	return x.peers[ask.Node]
}

// Wanted reports whether any of the asks is still one.
func (x *Exchange) Wanted(asks []Ask) bool {
	for _, ask := range asks {
		o := x.asker(ask)
		o.mu.Lock()
		a := o.mu.again[ask.Edge]
		wanted := a != nil && a.Ask == ask
		o.mu.Unlock()
		if wanted {
			return true
		}
	}
	return false
}

// answer has a shadow answer an ask; nil if it is not asked any more.
func (o *outgoing) answer(ask Ask, s *Shadow) *again {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.mu.again[ask.Edge]
	if a == nil || a.Ask != ask || a.shadow != nil {
		return nil
	}
	tasks := o.x.cluster.OnNode(o.x.edges[ask.Edge].Source, o.x.self)
	a.shadow, a.made = s, newProgress(tasks, Start{Executed: ask.After})
	return a
}

// Abandon gives up asks of which nothing was made yet: another shadow may answer them.
func (s *Shadow) Abandon() {
	s.all(func(o *outgoing, a *again) bool {
		if o.mu.again[a.Edge] == a && a.shadow == s {
			a.shadow, a.made = nil, nil
		}
		return true
	})
}

// silence has an edge's tasks write what is asked for, and what others of the shadow read, and nothing else.
func (s *Shadow) silence(o *outEdge) *held {
	through := make([]frame.Tick, o.port.x.cluster.Nodes)
	for n := range through {
		through[n] = frame.MaxTick
	}
	if s.reads[o.e.ID] {
		through[o.port.x.self] = 0
	}
	for _, a := range s.asks {
		if a.Edge == o.e.ID {
			through[a.Node] = a.After
		}
	}
	return &held{e: o.e, local: o.local, through: through, last: frame.MaxTick, closed: make([]frame.Tick, o.local.Count)}
}

// wrote hands a frame to the node that asked for it; entries are those of a CLOSE, after the tick whose rows it follows.
func (s *Shadow) wrote(c frame.CoreID, h *frame.Header, pos frame.Pos, after frame.Tick, entries []frame.CloseEntry) error {
	i := slices.IndexFunc(s.asks, func(a *again) bool { return a.Edge == h.Edge && a.Node == h.Node })
	if i < 0 {
		return nil
	}
	a := s.asks[i]
	o := s.of.asker(a.Ask)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.again[h.Edge] != a {
		return nil
	}
	if after <= a.Through { // what it says of later ticks is kept, too
		o.mu.queues[h.Edge].Push(netio.Ref{Pos: pos, Tick: after, Last: min(h.Tick, a.Through), Log: netio.LogID(len(s.of.ports) + int(c)), Len: h.Len, Type: h.Type})
	}
	for _, e := range entries {
		if err := a.made.close(e); err != nil {
			return err
		}
	}
	if a.made.pass(a.made.closed); len(entries) > 0 {
		o.wake()
	}
	return nil
}

// Done reports that all that is still asked for is made.
func (s *Shadow) Done() bool {
	return s.all(func(o *outgoing, a *again) bool { return o.mu.again[a.Edge] != a || a.whole() == a.Through })
}

// Over reports that nobody reads from the shadow's logs any more: the exchange it is part of may be closed.
func (s *Shadow) Over() bool {
	return s.all(func(o *outgoing, a *again) bool { return o.mu.again[a.Edge] != a && a.lent == 0 })
}

func (s *Shadow) all(is func(*outgoing, *again) bool) bool {
	for _, a := range s.asks {
		o := s.of.asker(a.Ask)
		o.mu.Lock()
		ok := is(o, a)
		o.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

// missing notes what a new session asks for that was dropped, unless that is being made already. Called with o.mu held.
func (o *outgoing) missing(g wire.Grant, dropped frame.Tick) error {
	if g.Closed >= dropped {
		return nil
	}
	if a := o.mu.again; a == nil || a[g.Edge] != nil && g.Closed < a[g.Edge].After {
		return o.hasDropped(g, dropped)
	} else if a[g.Edge] == nil {
		a[g.Edge] = &again{Ask: Ask{Edge: g.Edge, Node: o.to, After: g.Closed, Through: dropped, Lane: o.lane}}
		o.asks = append(o.asks, a[g.Edge].Ask)
	}
	return nil
}

// has notes what the peer has closed of what it asked for.
func (o *outgoing) has(g wire.Grant) {
	if o.mu.again == nil { // never changes
		return
	}
	o.mu.Lock()
	a := o.mu.again[g.Edge]
	if a != nil && g.Closed >= a.Through {
		o.mu.again[g.Edge] = nil
	}
	o.mu.Unlock()
	if a == nil || a.shadow == nil {
		return
	}
	x := a.shadow.x.Load()
	if x == nil {
		return
	}
	for _, p := range x.ports {
		p.log.Trim(frame.Chain{Edge: g.Edge, Node: o.to}, g.Closed)
	}
}

// waits reports that a frame may not be sent yet: what lies before it is being made. Called with o.mu held.
func (o *outgoing) waits(e frame.EdgeID, r netio.Ref) bool {
	if o.mu.again == nil || o.mu.again[e] == nil {
		return false
	}
	a := o.mu.again[e]
	return r.Tick > a.whole() && a.whole() < a.Through
}

// logOf is the log that a frame lies in, and the ask that it answers, if it lies in that of a shadow. Called with o.mu held.
func (o *outgoing) logOf(e frame.EdgeID, r netio.Ref) (*ringlog.Log, *again) {
	own := len(o.x.ports)
	if int(r.Log) < own {
		return o.x.ports[r.Log].log, nil
	}
	a := o.mu.again[e]
	return a.shadow.x.Load().ports[int(r.Log)-own].log, a
}

// lentBy counts a lease of a frame that answers an ask, if it does. Called with o.mu held.
func (o *outgoing) lentBy(a *again, by int) {
	if a != nil {
		a.lent += by
	}
}

// sentAgain notes that the frames of shadows which Gather has leased are given back.
func (o *outgoing) sentAgain() {
	if len(o.lentAgain) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.lentAgain {
		a.lent--
	}
	clear(o.lentAgain)
	o.lentAgain = o.lentAgain[:0]
}

// renewed are the frames that are kept, as a new life of the peer gets them. A CLOSE that says something of ticks which were dropped, and of later ones, comes
// behind the former: what is made again says the same of them.
func (k *kept) renewed() []netio.Ref {
	refs := make([]netio.Ref, len(k.refs))
	for i, r := range k.refs {
		if r.Tick <= k.dropped {
			r.Tick = k.dropped + 1
		}
		refs[i] = r
	}
	return refs
}

// hears reports whether tasks of the shadow read what comes from a node.
func (s *Shadow) hears(x *Exchange, from frame.NodeID) bool {
	for i := range x.edges {
		e := &x.edges[i]
		if s.reads[i] && x.cluster.OnNode(e.Source, from).Count > 0 && x.cluster.OnNode(e.Destination, x.self).Count > 0 {
			return true
		}
	}
	return false
}
