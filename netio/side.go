package netio

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// side is what a connection needs of an Outgoing or Incoming.
type side interface {
	attach(peer wire.Hello) error
	unit(h wire.Head, b []byte) error // one unit other than PING and BYE, head checked, exactly its bytes
	gather(pieces [][]byte, maxBytes int) [][]byte
	sent(err error)
	detach(err error)
}

type outSide struct{ Outgoing }

func (s outSide) attach(peer wire.Hello) error                  { return s.Attach(peer) }
func (s outSide) gather(pieces [][]byte, maxBytes int) [][]byte { return s.Gather(pieces, maxBytes) }
func (s outSide) sent(err error)                                { s.Sent(err) }
func (s outSide) detach(err error)                              { s.Detach(err) }

func (s outSide) unit(_ wire.Head, b []byte) error {
	m, err := CheckReverse(b)
	if err != nil {
		return err
	}
	return s.Receive(m)
}

type inSide struct {
	Incoming
	maxFrame int
	buf      []byte // of the messages being sent
}

func (s *inSide) attach(peer wire.Hello) error { return s.Attach(peer) }
func (s *inSide) sent(error)                   {}
func (s *inSide) detach(err error)             { s.Detach(err) }

func (s *inSide) gather(pieces [][]byte, _ int) [][]byte {
	s.buf = s.Messages(s.buf[:0])
	if len(s.buf) == 0 {
		return pieces
	}
	return append(pieces, s.buf)
}

func (s *inSide) unit(_ wire.Head, b []byte) error {
	if err := CheckForward(b, s.maxFrame); err != nil {
		return err
	}
	return s.Frame(b)
}

// CheckForward checks one unit, exactly its unpadded bytes, as it may travel from an Outgoing to an Incoming: a frame with a valid header,
// a BEGIN, OFFER, REFS, FORGET, BELL, ASIDE, COPY, PROMISE, DROP or FETCH. The error wraps wire.ErrGarbage, wire.ErrOversized or frame.ErrCorrupt.
func CheckForward(b []byte, maxFrame int) error {
	if len(b) < wire.HeadLen {
		return fmt.Errorf("%w: unit of %d bytes", wire.ErrGarbage, len(b))
	}
	h, err := wire.ParseHead(b, maxFrame)
	switch {
	case err != nil:
		return err
	case int(h.Len) != len(b):
		return fmt.Errorf("%w: %v of %d bytes in %d", wire.ErrGarbage, h.Type, h.Len, len(b))
	case h.IsFrame():
		fh := frame.DecodeHeader(b)
		return fh.Valid(maxFrame)
	case h.Type != wire.TypeBegin && h.Type != wire.TypeOffer && h.Type != wire.TypeRefs && h.Type != wire.TypeForget &&
		h.Type != wire.TypeBell && h.Type != wire.TypeAside && h.Type != wire.TypeCopy && h.Type != wire.TypePromise && h.Type != wire.TypeDrop &&
		h.Type != wire.TypeFetch:
		return fmt.Errorf("%w: %v from the sending end", wire.ErrGarbage, h.Type)
	}
	_, err = wire.Decode(b)
	return err
}

// CheckReverse checks one unit, exactly its unpadded bytes, as it may travel from an Incoming to an Outgoing: an ATTACH, CREDIT,
// SHARE, RELEASED, BELL, ASIDE, HELD, COPIED or FETCHED.
// The error wraps wire.ErrGarbage or wire.ErrOversized.
func CheckReverse(b []byte) (wire.Message, error) {
	m, err := wire.Decode(b)
	if err != nil {
		return m, err
	}
	switch m.Type {
	case wire.TypeAttach, wire.TypeCredit, wire.TypeShare, wire.TypeReleased, wire.TypeBell, wire.TypeAside,
		wire.TypeHeld, wire.TypeCopied, wire.TypeFetched:
	default:
		err = fmt.Errorf("%w: %v from the receiving end", wire.ErrGarbage, m.Type)
	}
	return m, err
}

// aligned returns b where it begins at a multiple of 8 bytes: in place, which is the rule, since units are multiples of 64 bytes and so are
// netpoll's nodes; else copied to scratch, which it may replace.
func aligned(b, scratch []byte) (at, newScratch []byte) {
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 == 0 {
		return b, scratch
	}
	if cap(scratch) < len(b) {
		scratch = make([]byte, frame.PadLen(len(b)))
	}
	n := copy(scratch[:cap(scratch)], b)
	return scratch[:n], scratch
}

func ns(n int64) time.Duration { return time.Duration(n) }
