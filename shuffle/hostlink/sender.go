package hostlink

import (
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// sender is a netio.Outgoing whose frames go as references where they can.
type sender struct {
	host  *Host
	inner netio.Outgoing
	peer  netio.Peer

	// Of the goroutine that gathers.
	lent   [][]byte // pieces of inner
	lends  bool     // inner waits for Sent
	refs   []wire.Ref
	offer  bool // OFFER is to be sent
	forget []wire.Slot
	buf    []byte

	mu struct {
		sync.Mutex
		on      bool // the peer can map segments
		slots   map[wire.Slot]*slot
		ordered []*slot // the same by address
		next    wire.Slot
	}
}

// slot is a segment that the peer knows, or may come to know.
//
// Invariant: the segment is held once while frames > 0.
type slot struct {
	seg    ringlog.Shared
	number wire.Slot
	frames uint32 // referenced and not released
}

// Attach begins a connection on which everything goes by value, until the peer answers our OFFER with SHARE.
func (s *sender) Attach(peer wire.Hello) error {
	s.offer = s.host.cfg.Arena.CanShare()
	return s.inner.Attach(peer)
}

// Receive takes SHARE and RELEASED, and hands on everything else.
func (s *sender) Receive(m wire.Message) error {
	switch m.Type {
	case wire.TypeShare:
		s.mu.Lock()
		s.mu.on = true
		s.mu.Unlock()
		return nil
	case wire.TypeReleased:
		return s.released(m)
	}
	return s.inner.Receive(m)
}

func (s *sender) released(m wire.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range m.Len() {
		r := m.Released(i)
		t := s.mu.slots[r.Slot]
		if t == nil || r.Frames == 0 || r.Frames > t.frames {
			return fmt.Errorf("%w: %d frames of slot %d released, which has not as many", wire.ErrGarbage, r.Frames, r.Slot)
		}
		if t.frames -= r.Frames; t.frames == 0 {
			t.seg.Release()
		}
	}
	return nil
}

// Gather takes what the wrapped Outgoing has, and puts references in the place of frames.
func (s *sender) Gather(pieces [][]byte, maxBytes int) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.offer {
		s.offer = false
		s.buf = wire.AppendOffer(s.buf[:0], s.host.key)
		return append(pieces, s.buf)
	}
	if !s.mu.on {
		before := len(pieces)
		pieces = s.inner.Gather(pieces, maxBytes)
		s.lends = len(pieces) > before
		return pieces
	}
	s.buf = s.buf[:0]
	if len(s.forget) > 0 {
		s.buf = wire.AppendForget(s.buf, s.forget)
		s.forget = s.forget[:0]
		return append(pieces, s.buf)
	}
	s.lent = s.inner.Gather(s.lent[:0], maxBytes)
	s.lends = len(s.lent) > 0
	for _, p := range s.lent {
		if r, ok := s.refer(p); ok {
			s.refs = append(s.refs, r)
			continue
		}
		pieces = append(s.flush(pieces), p)
	}
	clear(s.lent)
	return s.flush(pieces)
}

// flush appends the references so far as a piece, if there are any.
func (s *sender) flush(pieces [][]byte) [][]byte {
	if len(s.refs) == 0 {
		return pieces
	}
	from := len(s.buf)
	s.buf = wire.AppendRefs(s.buf, s.refs)
	s.refs = s.refs[:0]
	return append(pieces, s.buf[from:])
}

// refer makes a reference to the DATA frame that a piece is; false: the piece goes by value. The piece is leased. Called with s.mu held.
func (s *sender) refer(p []byte) (wire.Ref, bool) {
	if len(p) < s.host.cfg.MinBytes {
		return wire.Ref{}, false
	}
	head, err := wire.ParseHead(p, len(p))
	if err != nil || frame.Type(head.Type) != frame.Data || (int(head.Len) != len(p) && head.Padded() != len(p)) {
		return wire.Ref{}, false // several units, or none of ours
	}
	b := p[:head.Len]
	t := s.slot(b)
	if t == nil {
		s.host.stats.valueFrames.Add(1)
		return wire.Ref{}, false
	}
	t.frames++
	offset, _ := t.seg.Offset(b)
	s.host.stats.sharedFrames.Add(1)
	s.host.stats.sharedBytes.Add(int64(len(b)))
	return wire.Ref{Slot: t.number, Offset: offset, Len: uint32(head.Len)}, true
}

// slot finds or makes the slot of the segment that b lies in, and holds the segment; nil if it cannot be shared. Called with s.mu held.
func (s *sender) slot(b []byte) *slot {
	addr := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	i, exact := slices.BinarySearchFunc(s.mu.ordered, addr, byAddress)
	if !exact {
		i--
	}
	if i >= 0 {
		t := s.mu.ordered[i]
		if _, ok := t.seg.Offset(b); ok && !t.seg.Gone() {
			if t.frames == 0 && !t.seg.Hold() {
				return nil
			}
			return t
		}
	}
	s.sweep()
	if len(s.mu.slots) >= maxSlots {
		return nil
	}
	seg, ok := s.host.cfg.Arena.Share(b)
	if !ok {
		return nil
	}
	s.mu.next++
	t := &slot{seg: seg, number: s.mu.next}
	s.mu.slots[t.number] = t
	i, _ = slices.BinarySearchFunc(s.mu.ordered, seg.Address(), byAddress)
	s.mu.ordered = slices.Insert(s.mu.ordered, i, t)
	return t
}

func byAddress(t *slot, addr uintptr) int {
	switch a := t.seg.Address(); {
	case a < addr:
		return -1
	case a > addr:
		return 1
	}
	return 0
}

// sweep forgets segments that the arena gave back; the peer is told to unmap them. Called with s.mu held.
func (s *sender) sweep() {
	s.mu.ordered = slices.DeleteFunc(s.mu.ordered, func(t *slot) bool {
		if !t.seg.Gone() {
			return false
		}
		delete(s.mu.slots, t.number)
		s.forget = append(s.forget, t.number)
		return true
	})
}

// Sent ends the loan of what the wrapped Outgoing gave; what is referenced is held by the slots.
func (s *sender) Sent(err error) {
	if s.lends {
		s.lends = false
		s.inner.Sent(err)
	}
}

// Detach ends the holds of this connection. The peer may still read what it was told of: those segments are retired.
func (s *sender) Detach(err error) {
	s.mu.Lock()
	s.mu.on = false
	for n, t := range s.mu.slots {
		if t.frames > 0 {
			t.seg.Retire()
		}
		delete(s.mu.slots, n)
	}
	clear(s.mu.ordered)
	s.mu.ordered = s.mu.ordered[:0]
	s.mu.Unlock()
	s.forget = s.forget[:0]
	s.inner.Detach(err)
}
