package netio

import (
	"github.com/streamscope/streamscope/netio/wire"
)

// Outgoing is the sending side of a link, implemented by its user. See the package document for who calls what when.
type Outgoing interface {
	// Attach: a connection is up, peer is who answered. An error refuses it.
	Attach(peer wire.Hello) error
	// Receive takes an ATTACH or CREDIT of the peer, borrowed until it returns. An error cuts the connection.
	Receive(m wire.Message) error
	// Gather appends to pieces what is to be sent next, at most MaxPieces pieces and about maxBytes bytes, and returns them.
	// Each piece is one or more whole units, each but its last padded to a multiple of wire.Align bytes (as frames lie in a log);
	// if its last is not, netio adds the zeros, which costs a little. A unit may go on in the next piece, at a multiple of wire.Align. Pieces are lent until Sent. None: the link sleeps until Wake.
	Gather(pieces [][]byte, maxBytes int) [][]byte
	// Sent ends the loan of the last Gather's pieces: the kernel has them (nil), or the connection is closed (err).
	Sent(err error)
	// Detach: the connection is closed, err says why; ErrBye after an orderly end.
	Detach(err error)
}

// Incoming is the receiving side of a link, implemented by its user. See the package document for who calls what when.
type Incoming interface {
	// Attach: a connection is up, peer is who dialled. An error refuses it.
	Attach(peer wire.Hello) error
	// Frame takes one unit, a frame or a BEGIN, unpadded, borrowed until it returns. It may block briefly; meanwhile netpoll buffers
	// what arrives. An error cuts the connection.
	Frame(b []byte) error
	// Messages appends the encoded ATTACHes and CREDITs that are due. None: the link sleeps until Wake.
	Messages(buf []byte) []byte
	// Detach: the connection is closed, err says why; ErrBye after an orderly end.
	Detach(err error)
}

// Linked is an Outgoing or Incoming that is told its link, before anything else is called.
type Linked interface{ Linked(l *Link) }

// MaxPieces is the most pieces that a Gather may return: what one system call takes.
const MaxPieces = 32
