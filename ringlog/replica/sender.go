package replica

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Sender brings the entries of a Tail to one life of a peer.
//
// Invariants:
//   - acked <= sent <= the tail's last; entries in (acked, sent] are in flight, and only on the connection at hand
//   - nothing is sent before the peer has said, on this connection, what it has
type Sender struct {
	tail    *Tail
	window  int // bytes in flight, beyond one entry
	ready   bool
	sent    uint64
	acked   uint64
	flight  []flying
	inBytes int
	gaps    uint64
	above   frame.Tick // while skipping: entries up to this tick are not sent
	skip    bool
}

type flying struct {
	number uint64
	bytes  int
}

// NewSender makes a sender that has about windowBytes in flight at most.
func NewSender(t *Tail, windowBytes int) *Sender { return &Sender{tail: t, window: windowBytes} }

// Detached says that the connection is gone, and what was in flight with it.
func (s *Sender) Detached() {
	s.ready, s.sent = false, s.acked
	s.flight, s.inBytes = s.flight[:0], 0
}

// Resume is the peer's answer on a new connection: it has all entries up to last, and has promised an incarnation. The error wraps ErrProtocol.
func (s *Sender) Resume(last uint64, promised frame.Incarnation) error {
	if promised != s.tail.life || last > s.tail.last || last < s.acked {
		return fmt.Errorf("%w: %v: the peer promised life %d and has entries up to %d, want %d, and %d to %d",
			ErrProtocol, s.tail.stream, promised, last, s.tail.life, s.acked, s.tail.last)
	}
	s.ready, s.sent, s.acked = true, last, last
	return nil
}

// next is the entry to send now, with what comes before it as far as the peer knows, and whether there is a gap between. nil: none, now.
func (s *Sender) next() (k *kept, prev uint64, gap bool) {
	if !s.ready || s.inBytes >= s.window && len(s.flight) > 0 {
		return nil, 0, false
	}
	if s.sent < s.tail.lost {
		s.skip, s.above = true, s.tail.gap // it starts again with whole ticks: none of which an entry was dropped
	}
	prev, from := s.sent, s.sent
	for {
		if k = s.tail.after(from); k == nil {
			return nil, 0, false
		}
		if !s.skip || k.tick > s.above {
			break
		}
		from = k.number
	}
	if gap = s.skip; gap {
		s.skip = false
		s.gaps++
	}
	s.sent = k.number
	s.flight = append(s.flight, flying{k.number, len(k.bytes)})
	s.inBytes += len(k.bytes)
	return k, prev, gap
}

// Copied says that the peer has everything up to a number. The error wraps ErrProtocol.
func (s *Sender) Copied(number uint64) error {
	if number < s.acked || number > s.sent {
		return fmt.Errorf("%w: %v: entries up to %d acknowledged, want %d to %d", ErrProtocol, s.tail.stream, number, s.acked, s.sent)
	}
	n := 0
	for n < len(s.flight) && s.flight[n].number <= number {
		s.inBytes -= s.flight[n].bytes
		n++
	}
	s.flight = append(s.flight[:0], s.flight[n:]...)
	s.acked = number
	return nil
}

// Acked is the number up to which the peer has everything.
func (s *Sender) Acked() uint64 { return s.acked }

// Gaps counts how often the peer fell so far behind that entries were left out.
func (s *Sender) Gaps() uint64 { return s.gaps }
