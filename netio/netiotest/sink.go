package netiotest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Sink is an Incoming that puts ticks together and executes them in order: it counts their frames.
type Sink struct {
	changed func()
	window  int

	mu struct {
		sync.Mutex
		credit   *netio.Receiver
		edges    map[frame.EdgeID]*sinkEdge
		hold     bool // ticks are not executed
		attached bool
		attaches int
		detached []error
		frames   int // that were taken, over all sessions
		broken   error
		wake     func()
	}
}

type sinkEdge struct {
	id       frame.EdgeID
	closed   frame.Tick
	executed frame.Tick
	ticks    map[frame.Tick]*sinkTick // above executed
	output   []Tick
}

type sinkTick struct {
	lens   []int // of the frames held
	frames []int // their numbers
	closed bool
	want   int
	last   frame.Tick
}

// Tick is what a sink executed: the numbers of the frames of a tick in the order of their arrival.
type Tick struct {
	Tick   frame.Tick
	Frames []int
}

// NewSink makes a sink of the given edges with a window of credit each. changed is called after every call of the link.
func NewSink(windowBytes int, edges []frame.EdgeID, changed func()) *Sink {
	s := &Sink{changed: changed, window: windowBytes}
	s.mu.credit = netio.NewReceiver(windowBytes, edges)
	s.mu.edges = make(map[frame.EdgeID]*sinkEdge)
	s.mu.wake = func() {}
	for _, id := range edges {
		s.mu.edges[id] = &sinkEdge{id: id, ticks: make(map[frame.Tick]*sinkTick)}
		s.mu.credit.SetOpen(id, 1)
	}
	return s
}

// SetWake says how to wake the link.
func (s *Sink) SetWake(wake func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.wake = wake
}

// Hold stops the execution of ticks, or lets it go on.
func (s *Sink) Hold(hold bool) {
	s.mu.Lock()
	s.mu.hold = hold
	for _, e := range s.mu.edges {
		s.execute(e)
	}
	wake := s.mu.wake
	s.mu.Unlock()
	wake()
}

// Attach implements netio.Incoming: what is of open ticks is dropped, since the new session brings it again.
func (s *Sink) Attach(wire.Hello) error {
	defer s.changed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(!s.mu.attached, "Attach while attached")
	s.mu.attached = true
	s.mu.attaches++
	for id, e := range s.mu.edges {
		for tick, t := range e.ticks {
			if tick > e.closed {
				s.release(id, t)
				delete(e.ticks, tick)
			}
		}
	}
	s.mu.credit.Attach()
	return nil
}

func (s *Sink) release(id frame.EdgeID, t *sinkTick) {
	for _, n := range t.lens {
		s.mu.credit.Released(id, n)
	}
	t.lens = t.lens[:0]
}

// Frame implements netio.Incoming.
func (s *Sink) Frame(b []byte) error {
	defer s.changed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.mu.attached, "Frame without Attach")
	if wire.Type(b[4]) == wire.TypeBegin {
		m, err := wire.Decode(b)
		if err != nil {
			return err
		}
		for i := range m.Len() {
			if err := s.mu.credit.OnBegin(m.Begin(i)); err != nil {
				return err
			}
		}
		return nil
	}
	h := frame.DecodeHeader(b)
	if len(b) < frame.HeaderLen+payloadLen {
		return fmt.Errorf("%w: frame of %d bytes", frame.ErrCorrupt, len(b))
	}
	err := s.take(&h, b)
	if errors.Is(err, netio.ErrOldSession) {
		return nil
	}
	if s.mu.credit.Pending() {
		s.mu.wake()
	}
	return err
}

// take needs mu.
func (s *Sink) take(h *frame.Header, b []byte) error {
	le := binary.LittleEndian
	if h.Type == frame.Data {
		if err := s.mu.credit.OnFrame(h.Edge, h.Tick, len(b)); err != nil {
			return err
		}
	} else if err := s.mu.credit.Fresh(h.Edge); err != nil {
		return err
	}
	e := s.mu.edges[h.Edge]
	t := e.ticks[h.Tick]
	if t == nil {
		t = &sinkTick{}
		e.ticks[h.Tick] = t
	}
	a, c := le.Uint64(b[frame.HeaderLen:]), int(le.Uint64(b[frame.HeaderLen+8:]))
	if h.Type == frame.Data {
		s.mu.frames++
		t.lens, t.frames = append(t.lens, len(b)), append(t.frames, int(a))
		for i := frame.HeaderLen + payloadLen; i < len(b); i++ {
			if b[i] != fill(h.Edge, h.Tick, int(a), i) {
				return fmt.Errorf("%w: byte %d of frame %d of tick %d", frame.ErrCorrupt, i, a, h.Tick)
			}
		}
		s.check(!t.closed, "DATA behind the CLOSE of its tick")
	} else if h.Tick > e.closed {
		t.closed, t.want, t.last = true, c, frame.Tick(a)
		s.check(len(t.frames) == t.want, "CLOSE ahead of the DATA of its tick")
	}
	s.advance(e)
	return nil
}

// advance needs mu.
func (s *Sink) advance(e *sinkEdge) {
	for {
		t := e.ticks[e.closed+1]
		if t == nil || !t.closed {
			break
		}
		for tick := e.closed + 2; tick <= t.last && tick != 0; tick++ {
			e.ticks[tick] = &sinkTick{closed: true, last: tick}
		}
		e.closed = t.last
	}
	s.mu.credit.SetClosed(e.id, e.closed)
	s.execute(e)
}

// execute needs mu.
func (s *Sink) execute(e *sinkEdge) {
	for !s.mu.hold && e.executed < e.closed {
		e.executed++
		t := e.ticks[e.executed]
		if t == nil {
			t = &sinkTick{}
		}
		delete(e.ticks, e.executed)
		s.release(e.id, t)
		e.output = append(e.output, Tick{e.executed, t.frames})
		s.mu.credit.SetOpen(e.id, e.executed+1)
		s.mu.credit.SetDrained(e.id, e.executed)
	}
}

// Messages implements netio.Incoming.
func (s *Sink) Messages(buf []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.mu.attached, "Messages without Attach")
	return s.mu.credit.Messages(buf)
}

// Detach implements netio.Incoming.
func (s *Sink) Detach(err error) {
	defer s.changed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.mu.attached, "Detach without Attach")
	s.mu.attached = false
	s.mu.detached = append(s.mu.detached, err)
}

// check needs mu.
func (s *Sink) check(ok bool, broken string) {
	if !ok && s.mu.broken == nil {
		s.mu.broken = errors.New(broken)
	}
}

// Broken says how the link broke the contract of its driver, if it did.
func (s *Sink) Broken() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.broken
}

// Executed is the last tick executed on an edge.
func (s *Sink) Executed(id frame.EdgeID) frame.Tick {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.edges[id].executed
}

// Output is what was executed on an edge.
func (s *Sink) Output(id frame.EdgeID) []Tick {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Tick(nil), s.mu.edges[id].output...)
}

// Held returns the numbers of frames held of a tick that was not executed, and the bytes held of the whole edge.
func (s *Sink) Held(id frame.EdgeID, tick frame.Tick) (frames []int, edgeBytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.mu.edges[id].ticks[tick]; t != nil {
		frames = append(frames, t.frames...)
	}
	return frames, s.mu.credit.HeldBytes(id)
}

// Frames is the number of DATA frames taken, those of ended sessions too.
func (s *Sink) Frames() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.frames
}

// Attaches is the number of connections so far.
func (s *Sink) Attaches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.attaches
}

// Detached returns the errors that connections ended with.
func (s *Sink) Detached() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.mu.detached...)
}
