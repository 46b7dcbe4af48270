package replica

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Kind says what a stream must not lose.
type Kind uint8

// The kinds.
const (
	Journal Kind = 1 + iota // nothing: its owner waits
	Log                     // whatever is too old
	Images                  // nothing, as a Journal; but all others go before it
)

// Stream names a sequence of entries.
type Stream struct {
	Kind  Kind
	Owner frame.NodeID // whose lives append
	ID    uint32       // of a Log the edge, of others the stage
	Dest  frame.NodeID // of a Log
	Core  frame.CoreID // of a Log
}

func (s Stream) String() string {
	switch s.Kind {
	case Journal:
		return fmt.Sprintf("journal of stage %d on node %d", s.ID, s.Owner)
	case Images:
		return fmt.Sprintf("images of stage %d on node %d", s.ID, s.Owner)
	}
	return fmt.Sprintf("log of edge %d from node %d, core %d, to node %d", s.ID, s.Owner, s.Core, s.Dest)
}

func (s Stream) wire() wire.Stream {
	return wire.Stream{Kind: uint8(s.Kind), Core: s.Core, Owner: s.Owner, ID: s.ID, Dest: s.Dest}
}

// streamOf checks a stream that a peer names.
func streamOf(w wire.Stream) (Stream, error) {
	s := Stream{Kind: Kind(w.Kind), Owner: w.Owner, ID: w.ID, Dest: w.Dest, Core: w.Core}
	if s.Kind < Journal || s.Kind > Images {
		return s, fmt.Errorf("%w: a stream of kind %d", wire.ErrGarbage, w.Kind)
	}
	return s, nil
}

// Member is one life of a node. Lives of a node keep nothing of each other's.
type Member struct {
	Node frame.NodeID
	Life frame.Incarnation
}

func (m Member) String() string { return fmt.Sprintf("node %d in its life %d", m.Node, m.Life) }

// Entry is one entry as it is handed out.
type Entry struct {
	Number uint64
	Tick   frame.Tick
	Bytes  []byte
}

var (
	// ErrDamaged means bytes that are not those which the owner summed.
	ErrDamaged = errors.New("damaged copy")
	// ErrGap means that entries are missing before one that arrived.
	ErrGap = errors.New("gap in a stream")
	// ErrConflict means that two entries have one number.
	ErrConflict = errors.New("two entries of one number")
	// ErrFull means that a Journal has no room: its peers do not acknowledge, or nobody trims it.
	ErrFull = errors.New("full")
	// ErrProtocol means a message that no correct peer sends.
	ErrProtocol = errors.New("copies: protocol violation")
	// ErrMissing means that a peer does not have all of what it was asked for.
	ErrMissing = errors.New("not all there")
	// ErrAway means that the bytes of an entry are on a disk.
	ErrAway = errors.New("on a disk")
	// ErrGone means that the life of the peer that was asked is not linked any more.
	ErrGone = errors.New("the peer is gone")
)

// sumOf is the sum of an entry.
func sumOf(s Stream, life frame.Incarnation, number uint64, t frame.Tick, b []byte) uint64 {
	var head [40]byte
	le := binary.LittleEndian
	head[0] = byte(s.Kind)
	le.PutUint16(head[2:], uint16(s.Core))
	le.PutUint32(head[4:], uint32(s.Owner))
	le.PutUint32(head[8:], s.ID)
	le.PutUint32(head[12:], uint32(s.Dest))
	le.PutUint32(head[16:], uint32(life))
	le.PutUint64(head[24:], number)
	le.PutUint64(head[32:], uint64(t))
	var d xxhash.Digest
	d.ResetWithSeed(xxhash.Sum64(head[:]))
	_, _ = d.Write(b) // never fails
	return d.Sum64()
}
