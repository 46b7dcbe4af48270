package hostlink

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

const (
	// mailUnitBytes is the longest piece that goes through a ring; a longer one goes over the connection, in its place.
	mailUnitBytes = 1 << 10
	// mailReserve is what one Gather, or one Messages, may put into a ring.
	mailReserve = netio.MaxPieces*(mailUnitBytes+2*wire.Align) + 4*maxForget + 2*wire.Align

	flushBytes = 1 << 20 // what a core gathers at a time
)

const _ = uint(mailRingBytes - 2*mailReserve)

// byMail judges a piece: whether it goes through a ring, and of how many units it consists. DATA by value does not: taking it may have to
// wait for memory, which only the link's own goroutine may do.
func byMail(p []byte) (units uint32, ok bool) {
	ok = len(p) <= mailUnitBytes
	for len(p) >= wire.HeadLen {
		head, err := wire.ParseHead(p, len(p))
		if err != nil {
			break // what is gathered is well formed; the peer judges
		}
		units++
		ok = ok && frame.Type(head.Type) != frame.Data
		p = p[min(head.Padded(), len(p)):]
	}
	return units, ok
}

// mailWriter is the receiving end's ring, of messages.
type mailWriter struct {
	sync.Mutex
	mail    *mailbox
	ring    *ring
	offered bool // SHARE is to be sent
	on      bool // it was sent: everything goes through the ring
	done    []wire.Released
	buf     []byte
	aside   []byte // messages that the connection carries among the mail

	shares atomic.Bool // what on is
	wanted atomic.Bool // there may be something to say
	bell   atomic.Bool // BELL is to be sent
}

func (w *mailWriter) offer(m *mailbox) {
	w.Lock()
	defer w.Unlock()
	w.mail, w.ring, w.offered = m, &m.reverse, true
}

// put puts messages; there is room for mailReserve bytes.
func (w *mailWriter) put(b []byte) {
	if len(b) <= mailReserve {
		w.ring.put(b)
		return
	}
	units, _ := byMail(b)
	w.ring.put(wire.AppendAside(nil, units))
	w.aside = append(w.aside, b...)
}

func (w *mailWriter) publish() {
	if w.ring.publish() {
		w.bell.Store(true)
	}
}

// connection appends what the connection has to carry.
func (w *mailWriter) connection(buf []byte) []byte {
	if w.bell.Swap(false) {
		buf = wire.AppendBell(buf)
	}
	buf = append(buf, w.aside...)
	w.aside = w.aside[:0]
	return buf
}

// close ends writing and returns the mailbox, if there was one.
func (w *mailWriter) close() *mailbox {
	w.Lock()
	defer w.Unlock()
	m := w.mail
	w.mail, w.ring, w.offered, w.on, w.aside = nil, nil, false, false, w.aside[:0]
	w.shares.Store(false)
	w.bell.Store(false)
	return m
}

// orderly tells an end of a connection after which what had arrived before is still taken.
func orderly(err error) bool {
	return errors.Is(err, netio.ErrBye) || errors.Is(err, netio.ErrLost) || errors.Is(err, netio.ErrClosed)
}
