package hostlink

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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
	link  atomic.Pointer[netio.Link]

	reverse mailReader
	on      atomic.Bool // what mu.on is
	wanted  atomic.Bool // there may be something to gather
	bell    atomic.Bool // BELL is to be sent

	mu struct {
		sync.Mutex
		lent   [][]byte // pieces of inner
		lends  bool     // inner waits for Sent
		handed bool     // the connection has what waits for Sent
		aside  [][]byte // of those pieces, the ones that the connection carries among the mail
		refs   []wire.Ref
		offer  bool // OFFER is to be sent
		forget []wire.Slot
		buf    []byte
		bell   []byte

		mail    *mailbox // nil: this process cannot share
		on      bool     // the peer can map segments, and reads its mail
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
	s.mu.Lock()
	if s.host.cfg.Arena.CanShare() {
		if m, err := newMailbox(); err == nil { // else by value
			s.mu.mail, s.mu.offer = m, true
		}
	}
	s.mu.Unlock()
	return s.inner.Attach(peer)
}

// Receive takes a message of the connection.
func (s *sender) Receive(m wire.Message) error {
	switch m.Type {
	case wire.TypeShare:
		return s.share()
	case wire.TypeBell:
		s.want() // there may be room
	}
	return s.reverse.unit(m.Type, func() error { return s.message(m) })
}

// share begins to use the mailbox, after what was sent until now: the first BELL says so.
func (s *sender) share() error {
	s.mu.Lock()
	mail, again := s.mu.mail, s.mu.on
	s.mu.on = mail != nil
	s.mu.Unlock()
	if mail == nil || again {
		return fmt.Errorf("%w: SHARE without OFFER, or a second one", wire.ErrGarbage)
	}
	s.reverse.mu.Lock()
	s.reverse.open(&mail.reverse, true)
	s.reverse.mu.Unlock()
	s.on.Store(true)
	s.host.enlist(s)
	s.tell()
	return nil
}

// mail takes a message of the mailbox.
func (s *sender) mail(b []byte) error {
	m, err := netio.CheckReverse(b)
	if err != nil {
		return err
	}
	return s.message(m)
}

// message takes RELEASED, and hands on everything else.
func (s *sender) message(m wire.Message) error {
	if m.Type == wire.TypeReleased {
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

// Gather takes what the wrapped Outgoing has. Once memory is shared, it goes through the mailbox, references in the place of frames, and
// the connection carries what is left.
func (s *sender) Gather(pieces [][]byte, maxBytes int) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.offer {
		s.mu.offer = false
		s.mu.buf = wire.AppendOffer(s.mu.buf[:0], s.host.key)
		return append(pieces, s.mu.buf)
	}
	if !s.mu.on {
		before := len(pieces)
		pieces = s.inner.Gather(pieces, maxBytes)
		s.mu.lends = len(pieces) > before
		s.mu.handed = s.mu.lends
		return pieces
	}
	s.write(maxBytes)
	if s.bell.Swap(false) {
		s.mu.bell = wire.AppendBell(s.mu.bell[:0])
		return append(pieces, s.mu.bell) // what is aside comes with the next call
	}
	s.mu.handed = s.mu.lends
	return append(pieces, s.mu.aside...)
}

// write puts what the wrapped Outgoing has into the mailbox. Called with s.mu held, when memory is shared.
func (s *sender) write(maxBytes int) (worked bool) {
	s.wanted.Store(false)
	out := &s.mu.mail.forward
	for !s.mu.lends && out.hasRoom(mailReserve) {
		if n := min(len(s.mu.forget), maxForget); n > 0 {
			s.putMessage(wire.AppendForget(s.mu.buf[:0], s.mu.forget[:n]))
			s.mu.forget = append(s.mu.forget[:0], s.mu.forget[n:]...)
			continue
		}
		s.mu.lent = s.inner.Gather(s.mu.lent[:0], maxBytes)
		if len(s.mu.lent) == 0 {
			break
		}
		worked = true
		s.putPieces()
	}
	if out.publish() {
		s.bell.Store(true)
	}
	return worked
}

// maxForget is how many slots are forgotten with one message: it has to fit what is left free of the ring.
const maxForget = 1 << 10

// putPieces puts references in the place of frames, and ASIDE in that of what the connection has to carry.
func (s *sender) putPieces() {
	s.mu.lends, s.mu.handed = true, false
	for _, p := range s.mu.lent {
		if r, ok := s.refer(p); ok {
			s.mu.refs = append(s.mu.refs, r)
			continue
		}
		s.putRefs()
		if units, ok := byMail(p); ok {
			s.mu.mail.forward.put(p)
		} else {
			s.putMessage(wire.AppendAside(s.mu.buf[:0], units))
			s.mu.aside = append(s.mu.aside, p)
		}
	}
	s.putRefs()
	clear(s.mu.lent)
	if len(s.mu.aside) == 0 {
		s.mu.lends = false
		s.inner.Sent(nil)
	}
}

func (s *sender) putRefs() {
	if len(s.mu.refs) > 0 {
		s.putMessage(wire.AppendRefs(s.mu.buf[:0], s.mu.refs))
		s.mu.refs = s.mu.refs[:0]
	}
}

func (s *sender) putMessage(b []byte) {
	s.mu.buf = b
	s.mu.mail.forward.put(b)
}

// refer makes a reference to the DATA frame that a piece is; false: the piece goes by value. The piece is leased. Called with s.mu held.
func (s *sender) refer(p []byte) (wire.Ref, bool) {
	if len(p) < minBytes {
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
		s.mu.forget = append(s.mu.forget, t.number)
		return true
	})
}

// Sent ends the loan of what the wrapped Outgoing gave and the connection carried; what is referenced is held by the slots.
func (s *sender) Sent(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.handed {
		s.returned(err)
	}
}

// returned gives the pieces at hand back. Called with s.mu held.
func (s *sender) returned(err error) {
	clear(s.mu.aside)
	s.mu.aside = s.mu.aside[:0]
	s.mu.lends, s.mu.handed = false, false
	s.inner.Sent(err)
}

// Detach ends the holds of this connection. The peer may still read what it was told of: those segments are retired.
func (s *sender) Detach(err error) {
	s.host.strike(s)
	_ = s.reverse.close(orderly(err)) // the connection is over whatever it says
	s.mu.Lock()
	s.on.Store(false)
	s.mu.on, s.mu.offer = false, false
	if s.mu.lends {
		s.returned(err)
	}
	if s.mu.mail != nil {
		s.mu.mail.close()
		s.mu.mail = nil
	}
	for n, t := range s.mu.slots {
		if t.frames > 0 {
			t.seg.Retire()
		}
		delete(s.mu.slots, n)
	}
	clear(s.mu.ordered)
	s.mu.ordered = s.mu.ordered[:0]
	s.mu.forget = s.mu.forget[:0]
	s.mu.Unlock()
	s.inner.Detach(err)
}
