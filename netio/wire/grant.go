package wire

import (
	"encoding/binary"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Session numbers the sessions of one edge on one link, from 1 and never used twice by a receiver.
type Session uint32

// Grant is what a receiver grants a sender for one edge, and what it says about what arrived. All numbers are cumulative within
// the session and never fall, so that the newest grant replaces all before it.
type Grant struct {
	Edge    frame.EdgeID
	Session Session
	// Open is the oldest tick that any of the edge's tasks on the receiving node has open: DATA frames up to it need no credit.
	Open frame.Tick
	// AllowedBytes of DATA frames may have been sent in this session, entitled ones counted too.
	AllowedBytes uint64
	// Closed: all frames of ticks up to it arrived from this peer, with their closes. The sender need not keep them.
	Closed frame.Tick
	// Drained: the receiving node's tasks, and what lies downstream of them, are done with ticks up to it.
	Drained frame.Tick
}

// Begin marks the place on a link from which on the frames of an edge belong to the session.
type Begin struct {
	Edge    frame.EdgeID
	Session Session
}

const (
	grantLen = 40
	beginLen = 8
)

// AppendAttach appends ATTACH messages with the given grants, as many as it takes.
func AppendAttach(b []byte, grants []Grant) []byte {
	return appendList(b, TypeAttach, grants, grantLen, encodeGrant)
}

// AppendCredit appends CREDIT messages with the given grants, as many as it takes.
func AppendCredit(b []byte, grants []Grant) []byte {
	return appendList(b, TypeCredit, grants, grantLen, encodeGrant)
}

func encodeGrant(b []byte, g *Grant) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(g.Edge))
	b = le.AppendUint32(b, uint32(g.Session))
	b = le.AppendUint64(b, uint64(g.Open))
	b = le.AppendUint64(b, g.AllowedBytes)
	b = le.AppendUint64(b, uint64(g.Closed))
	return le.AppendUint64(b, uint64(g.Drained))
}

func decodeGrant(b []byte) Grant {
	_ = b[grantLen-1]
	le := binary.LittleEndian
	return Grant{
		Edge:         frame.EdgeID(le.Uint32(b[0:])),
		Session:      Session(le.Uint32(b[4:])),
		Open:         frame.Tick(le.Uint64(b[8:])),
		AllowedBytes: le.Uint64(b[16:]),
		Closed:       frame.Tick(le.Uint64(b[24:])),
		Drained:      frame.Tick(le.Uint64(b[32:])),
	}
}

// AppendBegin appends BEGIN messages with the given marks, as many as it takes.
func AppendBegin(b []byte, marks []Begin) []byte {
	return appendList(b, TypeBegin, marks, beginLen, func(b []byte, m *Begin) []byte {
		return appendWords(b, uint32(m.Edge), uint32(m.Session))
	})
}

func decodeBegin(b []byte) Begin {
	return Begin{
		Edge:    frame.EdgeID(binary.LittleEndian.Uint32(b)),
		Session: Session(binary.LittleEndian.Uint32(b[4:])),
	}
}
