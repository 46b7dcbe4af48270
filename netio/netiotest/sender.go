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

// payloadLen is the least payload of the kit's frames: DATA begins with its number in its tick, CLOSE holds {last tick, DATA frames of the tick}.
const payloadLen = 16

// Sender is an Outgoing that sends frames from a log in memory.
type Sender struct {
	changed func()

	mu struct {
		sync.Mutex
		log      [][]byte // padded frames; a Ref's Pos is 64 times the index
		queues   []*netio.Queue
		index    map[frame.EdgeID]int
		counts   map[edgeTick]int
		marks    []wire.Begin
		marked   []byte // the piece of encoded marks
		lent     bool
		attached bool
		attaches int
		detached []error
		broken   error // of the driver's contract
		wake     func()
	}
}

type edgeTick struct {
	edge frame.EdgeID
	tick frame.Tick
}

// NewSender makes a sender of the given edges. changed is called after every call of the link.
func NewSender(edges []frame.EdgeID, changed func()) *Sender {
	s := &Sender{changed: changed}
	s.mu.index = make(map[frame.EdgeID]int)
	s.mu.counts = make(map[edgeTick]int)
	s.mu.wake = func() {}
	for i, id := range edges {
		s.mu.index[id] = i
		s.mu.queues = append(s.mu.queues, &netio.Queue{})
	}
	return s
}

// SetWake says how to wake the link.
func (s *Sender) SetWake(wake func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.wake = wake
}

// Data logs a DATA frame of len bytes (at least 80).
func (s *Sender) Data(edge frame.EdgeID, tick frame.Tick, len int) {
	s.mu.Lock()
	n := s.mu.counts[edgeTick{edge, tick}]
	s.mu.counts[edgeTick{edge, tick}] = n + 1
	b := newFrame(frame.Data, edge, tick, len)
	binary.LittleEndian.PutUint64(b[frame.HeaderLen:], uint64(n))
	for i := frame.HeaderLen + payloadLen; i < len; i++ {
		b[i] = fill(edge, tick, n, i)
	}
	s.push(b, netio.Ref{Tick: tick, Len: int32(len), Type: frame.Data})
	s.mu.Unlock()
	s.wakeUp()
}

// fill is the byte at offset i of the DATA frame number n of a tick.
func fill(edge frame.EdgeID, tick frame.Tick, n, i int) byte {
	return byte(uint64(edge)*31 + uint64(tick)*17 + uint64(n)*7 + uint64(i))
}

// Close logs the CLOSE of ticks first to last; those after first have no rows.
func (s *Sender) Close(edge frame.EdgeID, first, last frame.Tick) {
	s.mu.Lock()
	b := newFrame(frame.Close, edge, first, frame.HeaderLen+payloadLen)
	binary.LittleEndian.PutUint64(b[frame.HeaderLen:], uint64(last))
	binary.LittleEndian.PutUint64(b[frame.HeaderLen+8:], uint64(s.mu.counts[edgeTick{edge, first}]))
	s.push(b, netio.Ref{Tick: first, Last: last, Len: frame.HeaderLen + payloadLen, Type: frame.Close})
	s.mu.Unlock()
	s.wakeUp()
}

func newFrame(t frame.Type, edge frame.EdgeID, tick frame.Tick, len int) []byte {
	b := make([]byte, frame.PadLen(len))
	frame.PutHeader(b, &frame.Header{Len: int32(len), Type: t, Tick: tick, Edge: edge, Incarnation: 1})
	return b
}

// push needs mu.
func (s *Sender) push(b []byte, r netio.Ref) {
	r.Pos = frame.Pos(len(s.mu.log) * frame.Align)
	s.mu.log = append(s.mu.log, b)
	h := frame.DecodeHeader(b)
	s.mu.queues[s.mu.index[h.Edge]].Push(r)
}

func (s *Sender) wakeUp() {
	s.mu.Lock()
	wake := s.mu.wake
	s.mu.Unlock()
	wake()
}

// Attach implements netio.Outgoing.
func (s *Sender) Attach(wire.Hello) error {
	defer s.changed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(!s.mu.attached && !s.mu.lent, "Attach while attached or pieces are lent")
	s.mu.attached = true
	s.mu.attaches++
	return nil
}

// Receive implements netio.Outgoing.
func (s *Sender) Receive(m wire.Message) error {
	defer s.changed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.mu.attached, "Receive without Attach")
	for i := range m.Len() {
		g := m.Grant(i)
		at, ok := s.mu.index[g.Edge]
		if !ok {
			return fmt.Errorf("%w: %d", netio.ErrUnknownEdge, g.Edge)
		}
		err := error(nil)
		if m.Type == wire.TypeAttach {
			err = s.mu.queues[at].Attach(g)
		} else {
			err = s.mu.queues[at].Credit(g)
		}
		if err != nil {
			return err
		}
	}
	s.mu.wake()
	return nil
}

// Gather implements netio.Outgoing: what the queues let go, edge by edge.
func (s *Sender) Gather(pieces [][]byte, maxBytes int) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.mu.attached && !s.mu.lent, "Gather without Attach or Sent")
	s.mu.marks = s.mu.marks[:0]
	for _, q := range s.mu.queues {
		if m, ok := q.Begin(); ok {
			s.mu.marks = append(s.mu.marks, m)
		}
	}
	if len(s.mu.marks) > 0 {
		s.mu.marked = wire.AppendBegin(s.mu.marked[:0], s.mu.marks)
		pieces = append(pieces, s.mu.marked)
	}
	bytes := 0
	for _, q := range s.mu.queues {
		for len(pieces) < netio.MaxPieces && bytes < maxBytes {
			r, ok := q.Next()
			if !ok {
				break
			}
			b := s.mu.log[int(r.Pos)/frame.Align]
			if r.Type == frame.Close {
				b = b[:r.Len] // padding is optional at the end of a piece that is the last one
				if pieces = append(pieces, b); len(b)%wire.Align != 0 {
					s.mu.lent = true
					return pieces
				}
				continue
			}
			pieces = append(pieces, b)
			bytes += len(b)
		}
	}
	s.mu.lent = len(pieces) > 0
	return pieces
}

// Sent implements netio.Outgoing.
func (s *Sender) Sent(error) {
	defer s.changed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.mu.lent, "Sent without pieces lent")
	s.mu.lent = false
}

// Detach implements netio.Outgoing.
func (s *Sender) Detach(err error) {
	defer s.changed()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.check(s.mu.attached && !s.mu.lent, "Detach without Attach or Sent")
	s.mu.attached = false
	s.mu.detached = append(s.mu.detached, err)
	for _, q := range s.mu.queues {
		q.Detach()
	}
}

// check needs mu.
func (s *Sender) check(ok bool, broken string) {
	if !ok && s.mu.broken == nil {
		s.mu.broken = errors.New(broken)
	}
}

// Broken says how the link broke the contract of its driver, if it did.
func (s *Sender) Broken() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.broken
}

// Kept is the number of frames that the peer has not acknowledged.
func (s *Sender) Kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, q := range s.mu.queues {
		n += q.Len()
	}
	return n
}

// Attaches and Detached tell about connections so far.
func (s *Sender) Attaches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.attaches
}

// Detached returns the errors that connections ended with.
func (s *Sender) Detached() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.mu.detached...)
}
