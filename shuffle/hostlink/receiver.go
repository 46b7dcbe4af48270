package hostlink

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// receiver is a netio.Incoming that reads frames where the sender wrote them.
type receiver struct {
	host  *Host
	inner shuffle.SharedIncoming
	peer  netio.Peer
	link  atomic.Pointer[netio.Link]

	// Of who takes units: forward's lock is held, or the connection ends.
	fetcher *fetcher // nil: this connection does not share
	broken  bool     // a segment could not be had: never again

	forward mailReader
	out     mailWriter

	mu struct {
		sync.Mutex
		segments map[wire.Slot]*segment
		old      int // segments of ended connections that are still mapped
	}
}

// segment is a segment of the sender, mapped here. It is what a frame's holder gives the frame back to.
//
// Invariant: mapped while current or frames > 0. Its fields are guarded by owner.mu.
type segment struct {
	*ringlog.Foreign
	owner   *receiver
	current bool   // its connection is up
	frames  int    // held here
	done    uint32 // given back, and the sender does not know yet
}

// Attach begins a connection, on which frames come by value.
func (r *receiver) Attach(peer wire.Hello) error { return r.inner.Attach(peer) }

// offered takes an OFFER: if the sender's segments can be had, it is told so.
func (r *receiver) offered(k wire.Key) error {
	if r.fetcher != nil {
		return fmt.Errorf("%w: a second OFFER on a connection", wire.ErrGarbage)
	}
	r.mu.Lock()
	tooMany := r.mu.old > maxOldSegments
	r.mu.Unlock()
	if r.broken || tooMany {
		return nil
	}
	f, err := r.host.fetch(r.peer, k)
	if err != nil {
		return nil // not on this host, or not for us
	}
	m, err := f.mailbox()
	if err != nil {
		_ = f.conn.Close()
		return nil // not without
	}
	r.fetcher = f
	r.mu.Lock()
	r.mu.segments = map[wire.Slot]*segment{}
	r.mu.Unlock()
	r.forward.open(&m.forward, false)
	r.out.offer(m)
	r.wakeLink()
	return nil
}

// Frame takes a unit of the connection.
func (r *receiver) Frame(b []byte) error {
	t := wire.Type(b[4])
	if t == wire.TypeBell {
		r.want() // there may be room
	}
	return r.forward.unit(t, func() error { return r.unit(b) })
}

// mail takes a unit of the mailbox.
func (r *receiver) mail(b []byte) error {
	if err := netio.CheckForward(b, r.host.cfg.MaxFrameBytes); err != nil {
		return err
	}
	return r.unit(b)
}

// unit takes OFFER, REFS and FORGET, and hands on everything else.
func (r *receiver) unit(b []byte) error {
	head, err := wire.ParseHead(b, r.host.cfg.MaxFrameBytes)
	if err != nil {
		return err
	}
	if head.Type != wire.TypeOffer && head.Type != wire.TypeRefs && head.Type != wire.TypeForget {
		return r.inner.Frame(b)
	}
	m, err := wire.Decode(b)
	if err != nil {
		return err
	}
	if m.Type == wire.TypeOffer {
		if m.Len() != 1 {
			return fmt.Errorf("%w: OFFER of %d keys", wire.ErrGarbage, m.Len())
		}
		return r.offered(m.Key(0))
	}
	if r.fetcher == nil {
		return fmt.Errorf("%w: %v on a connection without SHARE", wire.ErrGarbage, m.Type)
	}
	for i := range m.Len() {
		if m.Type == wire.TypeForget {
			err = r.forget(m.Forgotten(i))
		} else {
			err = r.frameAt(m.Ref(i))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// frameAt takes one frame in shared memory.
func (r *receiver) frameAt(at wire.Ref) error {
	s, err := r.segment(at.Slot)
	if err != nil {
		return err
	}
	b, err := s.Foreign.Frame(at.Offset, at.Len)
	if err != nil {
		return fmt.Errorf("%w: %w", wire.ErrGarbage, err)
	}
	if err := netio.CheckForward(b, r.host.cfg.MaxFrameBytes); err != nil {
		return err
	}
	r.mu.Lock()
	s.frames++
	r.mu.Unlock()
	kept, err := r.inner.SharedFrame(b, s)
	if !kept {
		s.giveBack()
	}
	return err
}

// segment returns the mapped segment of a slot; the first time, it asks the sender for it.
func (r *receiver) segment(n wire.Slot) (*segment, error) {
	r.mu.Lock()
	s, known := r.mu.segments[n], len(r.mu.segments)
	r.mu.Unlock()
	if s != nil {
		return s, nil
	}
	if known >= maxSlots {
		return nil, fmt.Errorf("%w: more than %d segments shared", wire.ErrGarbage, maxSlots)
	}
	f, err := r.fetcher.segment(n)
	if err != nil {
		r.broken = !errors.Is(err, errNoSlot)
		return nil, fmt.Errorf("%w: segment %d of node %d: %w", netio.ErrLost, n, r.peer.Node, err)
	}
	r.host.stats.mapped.Add(1)
	s = &segment{Foreign: f, owner: r, current: true}
	r.mu.Lock()
	r.mu.segments[n] = s
	r.mu.Unlock()
	return s, nil
}

// forget unmaps a segment that the sender will not write to any more.
func (r *receiver) forget(n wire.Slot) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.mu.segments[n]; s != nil { // else it was never asked for
		delete(r.mu.segments, n)
		r.abandon(s)
	}
	return nil
}

// abandon ends a segment's part in the connection. Called with r.mu held.
func (r *receiver) abandon(s *segment) {
	s.current = false
	if s.frames > 0 {
		r.mu.old++
		return
	}
	r.unmap(s)
}

func (r *receiver) unmap(s *segment) {
	s.Unmap()
	r.host.stats.mapped.Add(-1)
}

// Done implements shuffle.Shared.
func (s *segment) Done(pos frame.Pos, length int32, i frame.Incarnation) error {
	err := s.Intact(pos, length, i)
	s.giveBack()
	return err
}

// giveBack ends the hold on one frame.
func (s *segment) giveBack() {
	r := s.owner
	r.mu.Lock()
	defer r.mu.Unlock()
	s.frames--
	if s.current {
		s.done++
		r.want()
	} else if s.frames == 0 {
		r.mu.old--
		r.unmap(s)
	}
}

// Messages appends what is to be sent over the connection: until both ends share memory everything, then what does not go through the mailbox.
func (r *receiver) Messages(buf []byte) []byte {
	r.out.Lock()
	defer r.out.Unlock()
	switch {
	case r.out.offered:
		r.out.offered, r.out.on = false, true
		buf = wire.AppendShare(r.messages(buf)) // the last one
		r.out.shares.Store(true)
		r.host.enlist(r)
		return buf
	case !r.out.on:
		return r.messages(buf)
	}
	r.write()
	return r.out.connection(buf)
}

// write puts what there is to say into the mailbox. Called with the lock of r.out held.
func (r *receiver) write() {
	r.out.wanted.Store(false)
	if !r.out.ring.hasRoom(mailReserve) {
		return
	}
	r.out.buf = r.messages(r.out.buf[:0])
	r.out.put(r.out.buf)
	r.out.publish()
}

// messages appends RELEASED in front of what the wrapped Incoming has to say.
func (r *receiver) messages(buf []byte) []byte {
	done := r.out.done[:0]
	r.mu.Lock()
	for n, s := range r.mu.segments {
		if s.done > 0 && !s.Leased() {
			done = append(done, wire.Released{Slot: n, Frames: s.done})
			s.done = 0
		}
	}
	r.mu.Unlock()
	r.out.done = done
	return r.inner.Messages(wire.AppendReleased(buf, done))
}

// Detach ends the connection. Segments with frames that are still needed stay mapped until those are given back.
func (r *receiver) Detach(err error) {
	r.host.strike(r)
	_ = r.forward.close(orderly(err)) // the connection is over whatever it says
	mail := r.out.close()
	r.mu.Lock()
	for _, s := range r.mu.segments {
		r.abandon(s)
	}
	r.mu.segments = nil
	r.mu.Unlock()
	if mail != nil {
		mail.close()
	}
	if r.fetcher != nil {
		_ = r.fetcher.conn.Close()
		r.fetcher = nil
	}
	r.inner.Detach(err)
}
