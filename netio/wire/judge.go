package wire

import (
	"crypto/subtle"
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Reason says why a hello was refused.
type Reason uint32

// The reasons. Welcome is none.
const (
	Welcome       Reason = iota
	WrongVersion         // of the link protocol
	WrongToken           // or none
	WrongJob             // another job's worker
	WrongNode            // the hello was meant for another node, or another life of this one
	UnknownNode          // not expected here
	NotYet               // a life of the node that this end has not heard of yet: try again
	Stale                // an older life of the node
	OldConnection        // the node has made a newer connection since
	Busy                 // too many connections at this moment, or the end is closing: try again
	reasonEnd
)

var reasonNames = [...]string{"welcome", "wrong version", "wrong token", "wrong job", "wrong node", "unknown node", "not yet known",
	"stale incarnation", "old connection", "busy"}

func (r Reason) String() string {
	if r < reasonEnd {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason %d", uint32(r))
}

// Reasons is the number of reasons, for arrays of counters.
const Reasons = int(reasonEnd)

// Final tells that trying again cannot help.
func (r Reason) Final() bool {
	switch r {
	case WrongVersion, WrongToken, WrongJob, WrongNode, Stale:
		return true
	}
	return false
}

// Identity is one end of a link.
type Identity struct {
	Job         string
	Node        frame.NodeID
	Incarnation frame.Incarnation
	Token       []byte
}

// Greet makes the hello of id to a node on a connection.
func (id *Identity) Greet(node frame.NodeID, inc frame.Incarnation, connection uint64) Hello {
	return Hello{
		Version: Version, Job: id.Job, Node: id.Node, Incarnation: id.Incarnation,
		ToNode: node, ToIncarnation: inc, Connection: connection, Token: id.Token,
	}
}

// Judge decides whether the speaker of h belongs here and means this end. The token comes before all that a stranger must not
// learn, and is compared in constant time.
func (id *Identity) Judge(h *Hello) Reason {
	switch {
	case h.Version != Version:
		return WrongVersion
	case subtle.ConstantTimeCompare(h.Token, id.Token) != 1:
		return WrongToken
	case h.Job != id.Job:
		return WrongJob
	case h.ToNode != id.Node || h.ToIncarnation != id.Incarnation:
		return WrongNode
	}
	return Welcome
}

// Known is what an end knows of a peer.
type Known struct {
	Incarnation    frame.Incarnation
	LastConnection uint64 // the highest number seen in this incarnation
}

// Judge decides whether h, whose speaker belongs here, may open a connection.
func (k Known) Judge(h *Hello) Reason {
	switch {
	case h.Incarnation < k.Incarnation:
		return Stale
	case h.Incarnation > k.Incarnation:
		return NotYet
	case h.Connection <= k.LastConnection:
		return OldConnection
	}
	return Welcome
}
