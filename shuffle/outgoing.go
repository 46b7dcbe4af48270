package shuffle

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// outgoing is what a node sends to one other: per edge a queue of references into the cores' outlogs. It implements netio.Outgoing.
//
// Frames stay in their log until the peer has closed their tick: a cut link resumes from there.
type outgoing struct {
	x     *Exchange
	to    frame.NodeID
	drain []atomic.Uint64 // by edge
	main  *outgoing       // of a lane: the ordinary link to the same node; else nil
	lane  uint8           // 0: the ordinary link
	mu    struct {
		sync.Mutex
		queues []*netio.Queue              // by edge; nil where nothing goes to this node
		ids    []frame.EdgeID              // of the queues that are not nil
		kept   []kept                      // by edge; nil unless frames are retained
		needs  map[frame.EdgeID]frame.Tick // of edges that are raced
		sent   resends
		again  []*again // by edge: what is made again for the node; nil unless it may be
		// followers are by edge the lanes that send it, too; nil unless there may be some. Their locks are taken behind this one.
		followers [][]*outgoing
	}
	met       []bool // by edge: ExchangeConfig.Met is not told any more; of who calls Receive, or Renew
	lent      []ringlog.Lease
	lentAgain []*again // those whose frames are lent
	asks      []Ask    // of the message at hand
	begins    []byte
}

var _ netio.Outgoing = (*outgoing)(nil)

func newOutgoing(x *Exchange, to frame.NodeID) *outgoing {
	o := &outgoing{x: x, to: to, drain: make([]atomic.Uint64, len(x.edges)), met: make([]bool, len(x.edges))}
	o.mu.queues = make([]*netio.Queue, len(x.edges))
	o.mu.sent = make(resends, len(x.edges))
	for i := range x.edges {
		e := &x.edges[i]
		if x.cluster.OnNode(e.Source, x.self).Count > 0 && x.cluster.OnNode(e.Destination, to).Count > 0 {
			o.mu.queues[i] = &netio.Queue{}
			o.mu.ids = append(o.mu.ids, e.ID)
			o.drain[i].Store(uint64(x.cfg.start(e.ID).Emitted))
		}
	}
	if x.cfg.Retain {
		o.mu.kept, o.mu.needs = make([]kept, len(x.edges)), map[frame.EdgeID]frame.Tick{}
		if x.makesAgain() {
			o.mu.again, o.mu.followers = make([]*again, len(x.edges)), make([][]*outgoing, len(x.edges))
		}
	}
	return o
}

// push queues a committed frame. first is, for a CLOSE, the tick whose rows it follows.
func (o *outgoing) push(c frame.CoreID, h *frame.Header, pos frame.Pos, after frame.Tick) {
	r := netio.Ref{Pos: pos, Tick: after, Last: h.Tick, Log: netio.LogID(c), Len: h.Len, Type: h.Type}
	o.mu.Lock()
	fresh := o.mu.queues[h.Edge].Push(r)
	if o.mu.kept != nil && (fresh || o.x.flaw != Unlogged) {
		o.mu.kept[h.Edge].add(r)
		o.follow(h.Edge, r)
	}
	o.mu.Unlock()
	o.x.cfg.WakePeer(o.to)
	o.x.wrote(c, h, pos, after)
	if o.x.copies(h.Edge) {
		o.x.copyFrame(c, h, pos)
	}
}

func (o *outgoing) drained(e frame.EdgeID) frame.Tick { return frame.Tick(o.drain[e].Load()) }

// idle reports that the peer has closed all that was pushed.
func (o *outgoing) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range o.mu.ids {
		if o.mu.queues[id].Len() > 0 {
			return false
		}
	}
	return true
}

// Attach begins a connection; sessions begin with the peer's ATTACH.
func (o *outgoing) Attach(peer wire.Hello) error {
	if peer.Node != o.to {
		return fmt.Errorf("%w: node %d answers for node %d", ErrProtocol, peer.Node, o.to)
	}
	return nil
}

// Receive takes grants: the frames of closed ticks are trimmed, what is drained downstream is noted.
func (o *outgoing) Receive(m wire.Message) error {
	moved := false
	if err := o.grants(m, func(g wire.Grant) error {
		if err := o.grant(m.Type, g); err != nil {
			return err
		}
		if !o.x.cfg.Retain {
			chain := frame.Chain{Edge: g.Edge, Node: o.to}
			for _, p := range o.x.ports {
				p.log.Trim(chain, g.Closed)
			}
		} else if o.x.raced[g.Edge] {
			o.x.Need(g.Edge, o.to, 0)
		}
		o.meet(g)
		o.has(g)
		moved = raise(&o.drain[g.Edge], g.Drained) || moved
		return nil
	}); err != nil {
		return err
	}
	if moved {
		o.x.cfg.DrainedChanged()
	} else if o.idle() {
		o.x.cfg.Wake(0) // perhaps the last thing the job waited for
	}
	o.x.cfg.WakePeer(o.to)
	return nil
}

// grants takes those of a message one by one, and tells what they ask for: also before one that ends the connection, as what is noted is not told of again.
func (o *outgoing) grants(m wire.Message, take func(wire.Grant) error) error {
	if m.Type != wire.TypeAttach && m.Type != wire.TypeCredit {
		return fmt.Errorf("%w: %v from a receiver", ErrProtocol, m.Type)
	}
	o.asks = nil
	var err error
	for i := 0; i < m.Len() && err == nil; i++ {
		err = take(m.Grant(i))
	}
	if len(o.asks) > 0 {
		o.x.cfg.Asked(o.asks)
	}
	if errors.Is(err, ErrDropped) {
		o.x.cfg.Fail(err)
	}
	return err
}

// meet tells of what the peer has from former lives of this node: what it says when it is first heard. A peer whose source tasks are there twice may have it from the
// others, and one that is renewed from those of its own.
func (o *outgoing) meet(g wire.Grant) {
	if met := &o.met[g.Edge]; !*met && o.x.cfg.Met != nil {
		if *met = true; !o.x.raced[g.Edge] {
			o.x.cfg.Met(g.Edge, o.to, g.Closed)
		}
	}
}

func (o *outgoing) grant(t wire.Type, g wire.Grant) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if int(g.Edge) >= len(o.mu.queues) || o.mu.queues[g.Edge] == nil {
		return fmt.Errorf("%w: %v for edge %d, which does not lead there", netio.ErrUnknownEdge, t, g.Edge)
	}
	if t == wire.TypeAttach {
		if o.mu.kept != nil {
			if err := o.missing(g, o.mu.kept[g.Edge].dropped); err != nil {
				return err
			}
		}
		return o.mu.queues[g.Edge].Attach(g)
	}
	return o.mu.queues[g.Edge].Credit(g)
}

// Gather leases the frames to send next: oldest tick first, over all edges.
func (o *outgoing) Gather(pieces [][]byte, maxBytes int) [][]byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begins = o.begins[:0]
	for _, id := range o.mu.ids {
		if b, ok := o.mu.queues[id].Begin(); ok {
			o.begins = wire.AppendBegin(o.begins, []wire.Begin{b})
		}
	}
	bytes := len(o.begins)
	if bytes > 0 {
		pieces = append(pieces, o.begins)
	}
	for len(pieces) < netio.MaxPieces && bytes < maxBytes {
		q := o.next()
		if q == nil {
			break
		}
		r, _ := q.Peek()
		grant := q.Grant()
		lease, a, err := o.lend(grant.Edge, r)
		if q.Grant() != grant { // the peer was heard meanwhile, and the link woken
			o.lentBy(a, -1)
			lease.Release()
			break
		}
		if err != nil { // nothing may pass it
			o.lentBy(a, -1)
			if !o.replaced(grant.Edge, r, err) {
				o.x.cfg.Fail(fmt.Errorf("sending to node %d: %w", o.to, err))
			}
			break
		}
		q.Next()
		if o.lent = append(o.lent, lease); a != nil {
			o.lentAgain = append(o.lentAgain, a)
		}
		pieces = append(pieces, lease.Padded())
		bytes += int(r.Len)
	}
	return pieces
}

// lend leases a frame. The caller holds the lock, which is let go while a frame is read from disk, or its sum looked at: cores that push wait for neither.
func (o *outgoing) lend(e frame.EdgeID, r netio.Ref) (lease ringlog.Lease, a *again, err error) {
	log, a := o.logOf(e, r)
	again := o.mu.sent.again(e, r.Tick) || o.main != nil // what a lane carries was sent before
	o.lentBy(a, 1)
	if again || !log.InMemory(r.Pos) {
		o.mu.Unlock()
		defer o.mu.Lock()
	}
	if again {
		lease, err = o.x.intact(log, r.Pos)
	} else {
		lease, err = log.Acquire(r.Pos)
	}
	return lease, a, err
}

func (o *outgoing) next() *netio.Queue {
	var best *netio.Queue
	var tick frame.Tick
	for _, id := range o.mu.ids {
		q := o.mu.queues[id]
		if r, ok := q.Peek(); ok && (best == nil || r.Tick < tick) && !o.waits(id, r) {
			best, tick = q, r.Tick
		}
	}
	return best
}

// Sent returns the leases of the last Gather.
func (o *outgoing) Sent(error) {
	for _, l := range o.lent {
		l.Release()
	}
	clear(o.lent)
	o.lent = o.lent[:0]
	o.sentAgain()
}

// Detach ends the sessions; what was not closed by the peer is sent again in the next ones.
func (o *outgoing) Detach(error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range o.mu.ids {
		o.mu.queues[id].Detach()
		o.mu.sent.ended(id)
	}
}

// raise lifts a tick that never falls: a peer's new life begins below what its former one has drained.
func raise(v *atomic.Uint64, t frame.Tick) bool {
	for {
		was := v.Load()
		if uint64(t) <= was {
			return false
		}
		if v.CompareAndSwap(was, uint64(t)) {
			return true
		}
	}
}
