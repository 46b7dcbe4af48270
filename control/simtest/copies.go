package simtest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/shuffle/copies"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// copying is what a run's copies are like: slow, or hardly kept, or neither.
type copying struct {
	net       simnet.Net
	seldom    int // one step in so many is of its network
	holdBytes int64
	window    int
	// flushBytes is what kernels take at a time, and keep on the way; 0: any. Where images are at peers they wait behind no more than that.
	flushBytes int
	served     uint64 // ticks
	waited     int    // lives that did not wait for all answers
}

// copyFor prepares copies, if an edge has any, or a journal, or images.
func (s *Sim) copyFor() {
	copied := func(e runtime.Edge) bool { return e.Policy.Copies > 0 }
	if s.cfg.Faults.JournalPeers == 0 && s.cfg.Faults.ImagePeers == 0 && !slices.ContainsFunc(s.cfg.Plan.Edges, copied) {
		return
	}
	s.copying = &copying{seldom: 2 << s.rng.IntN(6), holdBytes: 2 << 10 << s.rng.IntN(10), window: 1 << 10 << s.rng.IntN(10)}
	if s.cfg.Faults.JournalPeers > 0 && s.cfg.Faults.ImagePeers == 0 { // every tick waits for them: runs took a million steps for a few rows
		s.copying.seldom = min(s.copying.seldom, 16)
	}
	if s.cfg.Faults.ImagePeers > 0 {
		s.copying.flushBytes = 1 << 10 << s.rng.IntN(8)
		s.copying.net.BufferBytes = s.copying.flushBytes
	}
	s.copying.net.Held = s.held
	if s.cfg.Broken == M06 {
		s.copying.holdBytes = 1
	}
}

// copier is a worker's part in keeping copies: what vertex/runtime's Node does, without goroutines.
type copier struct {
	w       *worker
	copies  *copies.Copies
	streams *replica.Node
	end     *simnet.Node
	in, out []copyLink // by node
	waits   []copyWait
	fetched *copies.Fetched // what Ready waits for; nil: nothing
	until   int             // step
}

type copyLink struct {
	*simnet.Link
	life frame.Incarnation
	lent []netio.Outgoing // of all lives
}

// copyWait is a link that is made once the one with the peer's former life has ended.
type copyWait struct {
	peer netio.Peer
	in   bool
}

// newCopier makes the copies of a worker. It is nil where nothing is copied.
func newCopier(w *worker, a control.Assignment) *copier {
	s := w.sim
	if s.copying == nil {
		return nil
	}
	n := s.cfg.Limits.Nodes
	c := &copier{w: w, in: make([]copyLink, n), out: make([]copyLink, n)}
	self := replica.Member{Node: w.node, Life: w.incarnation}
	c.streams = replica.New(replica.Config{Self: self, HoldBytes: s.copying.holdBytes, Wake: func(peer frame.NodeID) {
		for _, l := range []copyLink{c.in[peer], c.out[peer]} {
			if l.Link != nil {
				l.Wake()
			}
		}
	}, Changed: func() {
		for _, j := range w.journals {
			j.Living(c.streams.Linked())
		}
		w.images.linked()
	}})
	c.copies = runtime.NewCopies(s.cfg.Plan, n, s.cfg.Limits.Cores, self, c.streams, s.copying.window)
	c.end = s.copying.net.Node(netio.Config{
		Identity:      wire.Identity{Job: s.cfg.Plan.Job + "/copies", Node: w.node, Incarnation: w.incarnation, Token: []byte("secret")},
		MaxFrameBytes: s.cfg.Limits.FrameBytes + wire.EntryHeadLen, FlushBytes: s.copying.flushBytes,
	})
	if w.incarnation == 1 {
		return c
	}
	for _, p := range a.Peers {
		c.link(netio.Peer{Node: p.Node, Incarnation: p.Incarnation}, false)
	}
	return c
}

// fetch asks peers for what former lives wrote behind images.
func (c *copier) fetch(images []*runtime.Image) {
	if c == nil || c.w.incarnation == 1 || c.w.sim.cfg.Broken == M19 {
		return
	}
	s := c.w.sim
	c.fetched = c.copies.Fetch(func(e frame.EdgeID) frame.Tick {
		if im := images[s.cfg.Plan.Edges[e].From]; im != nil {
			return im.Tick
		}
		return 0
	}, int64(s.cfg.Limits.ArenaBytes))
	c.until = s.steps + s.rng.IntN(4000)
}

// connect makes the links with a peer that are not there yet.
func (c *copier) connect(p control.Peer) {
	if c == nil || p.CopyAddr == "" || p.Node == c.w.node {
		return
	}
	peer := netio.Peer{Node: p.Node, Incarnation: p.Incarnation}
	c.link(peer, true)
	c.link(peer, false)
}

// admit lets a peer's new life ask.
func (c *copier) admit(p control.Peer) {
	if c != nil {
		c.link(netio.Peer{Node: p.Node, Incarnation: p.Incarnation}, true)
	}
}

// link makes a link with a life of a peer, or has that wait for the end of the former one.
func (c *copier) link(p netio.Peer, in bool) {
	at := &c.out[p.Node]
	if in {
		at = &c.in[p.Node]
	}
	if at.Link != nil {
		if p.Incarnation <= at.life {
			return
		}
		if _, ended := at.Ended(); !ended {
			at.Cut(errors.New("the peer has a new life"))
			at.Close()
			c.waits = append(c.waits, copyWait{p, in})
			return
		}
	}
	m := replica.Member{Node: p.Node, Life: p.Incarnation}
	var err error
	if in {
		at.Link, err = c.end.Expect(p, c.streams.Incoming(m))
	} else {
		out := c.streams.Outgoing(m)
		at.lent = append(at.lent, out)
		if at.Link, err = c.end.Dial(p, out); err == nil {
			c.copies.SetPeer(m)
		}
	}
	if at.life = p.Incarnation; err != nil {
		c.w.fail(fmt.Errorf("copies: %w", err))
	}
}

// renew makes links that have waited.
func (c *copier) renew() {
	waits := c.waits
	c.waits = nil
	for _, wait := range waits {
		c.link(wait.peer, wait.in)
	}
}

// step makes links that have waited, and tells that the worker is ready once it has, or does without, what its former lives wrote.
func (c *copier) step() {
	if c == nil {
		return
	}
	c.renew()
	if c.fetched == nil {
		return
	}
	select {
	case <-c.fetched.Done():
	default:
		if c.w.sim.steps < c.until {
			return
		}
		c.w.sim.copying.waited++
	}
	st, err := c.fetched.Preload(c.w.w.Exchange(), func(frame.CoreID) bool { return c.w.arena.Step() })
	if c.fetched = nil; err != nil {
		c.w.fail(err)
		return
	}
	c.w.sim.copying.served += st.Ticks
	c.w.ready()
}

func (c *copier) close() {
	if c == nil {
		return
	}
	c.end.Kill()
	for _, l := range c.out {
		for _, out := range l.lent {
			out.Sent(nil) // the network does not say so of a node that is killed
		}
	}
	c.copies.Close()
}
