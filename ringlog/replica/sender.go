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
	top     uint64 // the greatest number that was ever sent: entries up to it are sent again
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

// Resume is the peer's answer on a new connection: it has all entries up to last, and has promised an incarnation. A holder of a Log may have
// less than it had, after damage, and gets it again. The error wraps ErrProtocol.
func (s *Sender) Resume(last uint64, promised frame.Incarnation) error {
	if promised != s.tail.life || last > s.tail.last || last < s.acked && s.tail.stream.Kind != Log {
		return fmt.Errorf("%w: %v: the peer promised life %d and has entries up to %d, want %d, and %d to %d",
			ErrProtocol, s.tail.stream, promised, last, s.tail.life, s.acked, s.tail.last)
	}
	s.ready, s.sent, s.acked = true, last, last
	return nil
}

// next is the entry to send now, and whether there is a gap before it. nil: none, now. It is the tail's.
func (s *Sender) next() (k *kept, gap bool) {
	if !s.ready || s.inBytes >= s.window && len(s.flight) > 0 {
		return nil, false
	}
	gap = s.sent < s.tail.lost // it starts again with whole ticks: those of which no entry is lost
	for i := s.tail.after(s.sent); i < len(s.tail.entries); i++ {
		if k = &s.tail.entries[i]; !gap || k.tick > s.tail.gap {
			return k, gap
		}
	}
	return nil, false
}

// behind reports whether what the peer does not have yet, from an entry on, is more than what is in flight at a time.
func (s *Sender) behind(k *kept) bool { return s.tail.appended-k.before > uint64(s.window) }

// unsent is how many bytes of what is kept were not sent on this connection.
func (s *Sender) unsent() uint64 {
	if i := s.tail.after(s.sent); i < len(s.tail.entries) {
		return s.tail.appended - s.tail.entries[i].before
	}
	return 0
}

// again reports whether an entry is to be sent that was sent before.
func (s *Sender) again(k *kept) bool { return k.number <= s.top }

// took says that next is being sent, and returns the number of what comes before it as far as the peer knows.
func (s *Sender) took(k *kept, gap bool) (prev uint64) {
	if gap {
		s.gaps++
	}
	prev, s.sent = s.sent, k.number
	s.top = max(s.top, k.number)
	s.flight = append(s.flight, flying{k.number, k.size})
	s.inBytes += k.size
	return prev
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
