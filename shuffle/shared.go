package shuffle

import (
	"fmt"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// frames is where a referenced frame lies: a log of this node, or memory that another process shares.
type frames interface {
	Acquire(pos frame.Pos) (ringlog.Lease, error)
}

// Shared is a segment of another process's ring, mapped here. Its methods may be called from anywhere.
type Shared interface {
	frames
	// Done ends the hold on a frame that SharedFrame kept. The error says that it was overwritten in use: what was read is worth nothing.
	Done(pos frame.Pos, length int32, i frame.Incarnation) error
}

// SharedIncoming is an Incoming that reads frames where they lie. Those of an Exchange are.
type SharedIncoming interface {
	netio.Incoming
	// SharedFrame takes one DATA frame that lies in a shared segment. kept: it is read there, and s.Done follows once; else, and with an error,
	// it is needed no longer. Called like Frame, in its place.
	SharedFrame(b []byte, s Shared) (kept bool, err error)
}

var _ SharedIncoming = (*incoming)(nil)

// keptFrame is a frame in shared memory that this node's tasks have not executed yet.
type keptFrame struct {
	in          Shared
	tick        frame.Tick
	pos         frame.Pos
	length      int32
	incarnation frame.Incarnation
}

// SharedFrame takes a frame where the sender wrote it: checked like any other, but not copied.
func (in *incoming) SharedFrame(b []byte, s Shared) (kept bool, err error) {
	head, err := wire.ParseHead(b, in.x.cfg.FrameBytes)
	if err == nil && frame.Type(head.Type) != frame.Data {
		err = fmt.Errorf("%w: %v in a shared segment", ErrProtocol, head.Type)
	}
	if err != nil {
		return false, err
	}
	return in.frame(b, s)
}

// keep notes a frame in shared memory. Called with in.mu held.
func (in *incoming) keep(h *frame.Header, s Shared) {
	in.mu.kept[h.Edge] = append(in.mu.kept[h.Edge], keptFrame{s, h.Tick, h.Pos, h.Len, h.Incarnation})
}

// letGo ends the hold on the frames of an edge up to tick t. Called with in.mu held.
func (in *incoming) letGo(e frame.EdgeID, t frame.Tick) {
	all := in.mu.kept[e]
	rest := all[:0]
	for i := range all {
		k := &all[i]
		if k.tick > t {
			rest = append(rest, *k)
			continue
		}
		if err := k.in.Done(k.pos, k.length, k.incarnation); err != nil {
			in.x.cfg.Fail(fmt.Errorf("reading in memory of node %d: %w", in.from, err))
		}
	}
	clear(all[len(rest):])
	in.mu.kept[e] = rest
}

// drop ends the hold on all frames in shared memory.
func (in *incoming) drop() {
	in.mu.Lock()
	defer in.mu.Unlock()
	for e := range in.mu.kept {
		in.letGo(frame.EdgeID(e), frame.MaxTick)
	}
}
