package netio

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

var (
	// ErrOverrun means that a peer sent more than it was granted: the link is cut.
	ErrOverrun = errors.New("credit overrun")
	// ErrOldSession means that a frame belongs to a session of its edge that has ended: drop it, the link is fine.
	ErrOldSession = errors.New("frame of an ended session")
	// ErrUnknownEdge means that a peer speaks of an edge that the plan does not lead from it to here: the link is cut.
	ErrUnknownEdge = errors.New("unknown edge")
)

// Receiver grants credit to one peer for all edges that lead from it to this node: the receiver's half of credits, without bytes,
// threads or I/O.
//
// The grant of an edge allows windowBytes more than was accepted and not yet released, over all sessions: what is still held
// of an older session counts against the window of the next. Entitled frames count too, and are accepted beyond the window.
//
// A Receiver belongs to one goroutine at a time.
type Receiver struct {
	windowBytes uint64
	edges       []inEdge
	index       map[frame.EdgeID]int
	dirty       int // number of edges with something to say

	attaches, credits []wire.Grant // scratch of Messages
}

type inEdge struct {
	session wire.Session // Invariant: never falls; 0 before the first Attach
	begun   bool         // the peer sends of this session
	attach  bool         // its ATTACH is still to be sent
	dirty   bool         // Messages has something to say

	now     wire.Grant // what we would grant
	granted wire.Grant // what the peer may know. Invariant: no field above now

	accepted uint64 // bytes over all sessions
	released uint64 // Invariant: <= accepted
	base     uint64 // accepted when the session began
}

// NewReceiver makes a receiver of the given edges, each with a window of windowBytes > 0.
func NewReceiver(windowBytes int, edges []frame.EdgeID) *Receiver {
	r := &Receiver{windowBytes: uint64(windowBytes), index: make(map[frame.EdgeID]int, len(edges))}
	for i, id := range edges {
		e := inEdge{}
		e.now.Edge = id
		r.edges = append(r.edges, e)
		r.index[id] = i
	}
	return r
}

func (r *Receiver) edge(id frame.EdgeID) *inEdge {
	i, ok := r.index[id]
	if !ok {
		panic(fmt.Sprintf("netio: edge %d is not one of this receiver", id))
	}
	return &r.edges[i]
}

// Attach starts new sessions of all edges: a connection is up. The caller has dropped the rows of ticks that are not closed,
// and released their frames; what it releases later still counts.
func (r *Receiver) Attach() {
	for i := range r.edges {
		r.restart(&r.edges[i])
	}
}

// AttachEdge starts a new session of one edge on a living link. The same holds for its rows.
func (r *Receiver) AttachEdge(id frame.EdgeID) { r.restart(r.edge(id)) }

func (r *Receiver) restart(e *inEdge) {
	e.session++
	e.begun, e.attach = false, true
	e.base = e.accepted
	e.granted = wire.Grant{Edge: e.now.Edge, Session: e.session}
	e.now.Session = e.session
	e.now.AllowedBytes = 0
	r.allow(e)
	r.mark(e)
}

// allow recomputes the bytes allowed: what may be held, less what is held, on top of what the session has brought.
func (r *Receiver) allow(e *inEdge) {
	if total := r.windowBytes + e.released; total > e.base {
		e.now.AllowedBytes = max(e.now.AllowedBytes, total-e.base)
	}
}

func (r *Receiver) mark(e *inEdge) {
	if !e.dirty {
		e.dirty = true
		r.dirty++
	}
}

// OnBegin takes a BEGIN of the peer. The error wraps ErrUnknownEdge or wire.ErrGarbage.
func (r *Receiver) OnBegin(b wire.Begin) error {
	i, ok := r.index[b.Edge]
	if !ok {
		return fmt.Errorf("%w: %d begun", ErrUnknownEdge, b.Edge)
	}
	e := &r.edges[i]
	switch {
	case b.Session < e.session:
		return nil // it crossed a newer ATTACH
	case b.Session > e.session || e.attach || e.begun:
		return fmt.Errorf("%w: session %d of edge %d begun, want %d once", wire.ErrGarbage, b.Session, b.Edge, e.session)
	}
	e.begun = true
	return nil
}

// OnFrame judges a DATA frame of len bytes (unpadded) and counts it as held. nil: take it. ErrOldSession: drop it, it is not held. Others
// (ErrOverrun, ErrUnknownEdge): cut the link.
func (r *Receiver) OnFrame(id frame.EdgeID, tick frame.Tick, len int) error {
	if err := r.Fresh(id); err != nil {
		return err
	}
	e := &r.edges[r.index[id]]
	arrived := e.accepted - e.base
	if tick > e.granted.Open && arrived+uint64(len) > e.granted.AllowedBytes {
		return fmt.Errorf("%w: edge %d, tick %d beyond open tick %d: %d bytes, want at most %d",
			ErrOverrun, id, tick, e.granted.Open, arrived+uint64(len), e.granted.AllowedBytes)
	}
	e.accepted += uint64(len)
	return nil
}

// Fresh tells whether a frame of any type belongs to the edge's session. nil: take it. ErrOldSession: drop it. ErrUnknownEdge: cut the link.
func (r *Receiver) Fresh(id frame.EdgeID) error {
	i, ok := r.index[id]
	switch {
	case !ok:
		return fmt.Errorf("%w: %d", ErrUnknownEdge, id)
	case !r.edges[i].begun:
		return ErrOldSession
	}
	return nil
}

// Released says that len bytes of an accepted DATA frame are held no longer, for whatever reason; once per frame, whatever session
// it came in. It reports whether Messages has something to say.
func (r *Receiver) Released(id frame.EdgeID, len int) bool {
	e := r.edge(id)
	e.released += uint64(len)
	if e.released > e.accepted {
		panic(fmt.Sprintf("netio: edge %d released %d bytes of %d", id, e.released, e.accepted))
	}
	r.allow(e)
	if e.session != 0 && 4*(e.now.AllowedBytes-e.granted.AllowedBytes) >= r.windowBytes {
		r.mark(e)
	}
	return r.Pending()
}

// SetOpen says that tick is the oldest that a task of the edge has open here. A lower one than before has no effect.
func (r *Receiver) SetOpen(id frame.EdgeID, tick frame.Tick) {
	e := r.edge(id)
	r.raise(e, &e.now.Open, tick)
}

// SetClosed says that all frames of ticks up to tick have arrived from this peer, with their closes. A lower one has no effect.
func (r *Receiver) SetClosed(id frame.EdgeID, tick frame.Tick) {
	e := r.edge(id)
	r.raise(e, &e.now.Closed, tick)
}

// Closed is what SetClosed has said.
func (r *Receiver) Closed(id frame.EdgeID) frame.Tick { return r.edge(id).now.Closed }

// SetDrained says that ticks up to tick are done with, here and downstream. A lower one has no effect.
func (r *Receiver) SetDrained(id frame.EdgeID, tick frame.Tick) {
	e := r.edge(id)
	r.raise(e, &e.now.Drained, tick)
}

func (r *Receiver) raise(e *inEdge, field *frame.Tick, tick frame.Tick) {
	if tick <= *field {
		return
	}
	*field = tick
	if e.session != 0 {
		r.mark(e)
	}
}

// Pending tells whether Messages has something to say: then the link wants a Wake.
func (r *Receiver) Pending() bool { return r.dirty > 0 }

// Messages appends the ATTACHes and CREDITs that are due, encoded; what it returns must be sent on this connection, in order.
func (r *Receiver) Messages(buf []byte) []byte {
	if r.dirty == 0 {
		return buf
	}
	r.attaches, r.credits = r.attaches[:0], r.credits[:0]
	for i := range r.edges {
		e := &r.edges[i]
		if !e.dirty {
			continue
		}
		e.dirty = false
		e.granted = e.now
		if e.attach {
			e.attach = false
			r.attaches = append(r.attaches, e.now)
		} else {
			r.credits = append(r.credits, e.now)
		}
	}
	r.dirty = 0
	buf = wire.AppendAttach(buf, r.attaches)
	return wire.AppendCredit(buf, r.credits)
}

// HeldBytes is what the edge's accepted frames take that were not released yet.
func (r *Receiver) HeldBytes(id frame.EdgeID) int {
	e := r.edge(id)
	return int(e.accepted - e.released)
}
