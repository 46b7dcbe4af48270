package shuffle

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// lane is what a node sends to a shadow of another, beside what it sends to that node itself: the frames that are kept for it, and those that it
// writes meanwhile. It implements netio.Outgoing.
//
// A shadow is given what is there, and holds back no more than what it has not read: nothing on a lane trims anything, counts as delivered or as
// drained. Between connections nothing is left of what one was for, since the next may be for another shadow.
type lane struct{ *outgoing }

// makesAgain reports whether what was dropped early may be made again beside this node's tasks.
func (x *Exchange) makesAgain() bool { return x.MayDrop() && x.cfg.Asked != nil }

// Lanes is the number of lanes from and to each other node; 0 where nothing is made again.
func (x *Exchange) Lanes() int {
	if !x.makesAgain() {
		return 0
	}
	return x.cfg.Lanes
}

func (x *Exchange) openLanes() {
	x.lanes, x.ends = make([][]*lane, len(x.peers)), make([][]laneEnd, len(x.peers))
	for n, o := range x.peers {
		if o == nil {
			continue
		}
		x.ends[n] = make([]laneEnd, x.Lanes())
		for i := range x.Lanes() {
			l := newOutgoing(x, o.to)
			l.main, l.lane = o, uint8(i+1)
			x.lanes[n] = append(x.lanes[n], &lane{l})
		}
	}
}

// LaneTo is what this node sends on a lane to another.
func (x *Exchange) LaneTo(n frame.NodeID, i uint8) netio.Outgoing { return x.lanes[n][i-1] }

// wake says that there is something to send.
func (o *outgoing) wake() {
	if o.lane > 0 {
		o.x.cfg.WakeLane(o.to, o.lane)
		return
	}
	o.x.cfg.WakePeer(o.to)
}

// Receive takes grants of a shadow.
func (l *lane) Receive(m wire.Message) error {
	if err := l.grants(m, func(g wire.Grant) error {
		if err := l.grant(m.Type, g); err != nil {
			return err
		}
		l.has(g)
		return nil
	}); err != nil {
		return err
	}
	l.wake()
	return nil
}

func (l *lane) grant(t wire.Type, g wire.Grant) error {
	l.main.mu.Lock()
	defer l.main.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if int(g.Edge) >= len(l.mu.queues) || l.mu.queues[g.Edge] == nil {
		return fmt.Errorf("%w: %v for edge %d, which does not lead there", netio.ErrUnknownEdge, t, g.Edge)
	}
	if t == wire.TypeAttach {
		return l.begin(g)
	}
	if l.mu.queues[g.Edge].Grant().Session == 0 {
		return nil // it was left behind, and has not noticed
	}
	return l.mu.queues[g.Edge].Credit(g)
}

// begin gives a shadow what is kept above what it has. What need has passed is gone: then it gets nothing, until it begins again at newer images. What this life began
// behind is as good as dropped: need is that of the generation before. Called with both locks held, as leave is.
func (l *lane) begin(g wire.Grant) error {
	l.leave(g.Edge)
	k := &l.main.mu.kept[g.Edge]
	if g.Closed < k.need {
		return nil
	}
	if from := max(k.dropped, l.x.cfg.start(g.Edge).Emitted); l.x.flaw != Gapped {
		if err := l.missing(g, from); err != nil {
			return err
		}
	}
	q := l.mu.queues[g.Edge]
	for _, r := range k.renewed() {
		q.Push(r)
	}
	f := l.main.mu.followers
	f[g.Edge] = append(f[g.Edge], l.outgoing)
	return q.Attach(g)
}

// leave forgets what an edge's session was about.
func (o *outgoing) leave(e frame.EdgeID) {
	o.mu.queues[e].Detach() // a frame may be about to be lent
	o.mu.queues[e], o.mu.again[e] = &netio.Queue{}, nil
	f := o.main.mu.followers
	f[e] = slices.DeleteFunc(f[e], func(l *outgoing) bool { return l == o })
}

// Detach forgets what the connection was for.
func (l *lane) Detach(error) {
	l.main.mu.Lock()
	defer l.main.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range l.mu.ids {
		l.leave(id)
	}
}

// follow queues a frame for the lanes that send its edge, too. Called with o.mu held, as followed and outrun are.
func (o *outgoing) follow(e frame.EdgeID, r netio.Ref) {
	if o.mu.followers == nil {
		return
	}
	for _, l := range o.mu.followers[e] {
		l.mu.Lock()
		l.mu.queues[e].Push(r)
		l.mu.Unlock()
		l.wake()
	}
}

// followed is the tick up to which all lanes that send an edge are done with it.
func (o *outgoing) followed(e frame.EdgeID) frame.Tick {
	t := frame.MaxTick
	if o.mu.followers == nil {
		return t
	}
	for _, l := range o.mu.followers[e] {
		l.mu.Lock()
		t = min(t, l.mu.queues[e].Closed())
		l.mu.Unlock()
	}
	return t
}

// outrun leaves behind the lanes that have not come to tick t, up to which all is trimmed.
func (o *outgoing) outrun(e frame.EdgeID, t frame.Tick) {
	if o.mu.followers == nil {
		return
	}
	for _, l := range slices.Clone(o.mu.followers[e]) {
		l.mu.Lock()
		if l.mu.queues[e].Closed() < t {
			l.leave(e)
		}
		l.mu.Unlock()
	}
}
