package shuffle

import (
	"fmt"
	"sync"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// laneEnd is where a lane from another node ends: what comes on a connection goes to the shadow that led the lane when it began, and to nobody if none did.
// It implements netio.Incoming.
type laneEnd struct {
	mu struct {
		sync.Mutex
		next *incoming // of the shadow that leads the lane
		at   *incoming // of the one that the connection at hand is for
	}
}

var _ netio.Incoming = (*laneEnd)(nil)

// LaneFrom is what this node receives on a lane from another.
func (x *Exchange) LaneFrom(n frame.NodeID, i uint8) netio.Incoming { return &x.ends[n][i-1] }

// Lead has a lane from each other node end at a shadow, whose exchange is there; nil: at nobody. The connections at hand go on as they are: the caller cuts them.
func (x *Exchange) Lead(i uint8, s *Shadow) {
	for n := range x.ends {
		if x.ends[n] == nil {
			continue
		}
		var in *incoming
		if s != nil {
			in = s.x.Load().from[n]
		}
		end := &x.ends[n][i-1]
		end.mu.Lock()
		end.mu.next = in
		end.mu.Unlock()
	}
}

// Led reports whether a shadow may still be given something that comes on a lane.
func (x *Exchange) Led(i uint8) bool {
	for n := range x.ends {
		if x.ends[n] != nil && x.ends[n][i-1].reader() != nil {
			return true
		}
	}
	return false
}

func (l *laneEnd) reader() *incoming {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.at
}

// Attach begins sessions of the edges that the shadow reads.
func (l *laneEnd) Attach(peer wire.Hello) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.next == nil {
		return nil
	}
	err := l.mu.next.Attach(peer)
	if err == nil {
		l.mu.at = l.mu.next
	}
	return err
}

// Frame hands on what came.
func (l *laneEnd) Frame(b []byte) error {
	in := l.reader()
	if in == nil {
		return fmt.Errorf("%w: a frame on a lane that nobody reads", ErrProtocol)
	}
	return in.Frame(b)
}

// Messages appends the grants that are due.
func (l *laneEnd) Messages(buf []byte) []byte {
	if in := l.reader(); in != nil {
		return in.Messages(buf)
	}
	return buf
}

// Detach lets go of the shadow.
func (l *laneEnd) Detach(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.at != nil {
		l.mu.at.Detach(err)
	}
	l.mu.at = nil
}

// Behind reports whether a shadow waits for what nobody keeps any more: it has not come as far as need with an edge that it reads from other nodes.
func (s *Shadow) Behind(need func(e frame.EdgeID) frame.Tick) bool {
	for _, in := range s.x.Load().from {
		if in == nil {
			continue
		}
		for e, le := range in.edges {
			if le != nil && in.arrived(frame.EdgeID(e)) < need(frame.EdgeID(e)) {
				return true
			}
		}
	}
	return false
}

// arrived is the tick up to which all of an edge has come.
func (in *incoming) arrived(e frame.EdgeID) frame.Tick {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.mu.credit.Closed(e)
}
