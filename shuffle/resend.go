package shuffle

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// resends tells, by edge, which frames were sent to a peer before. Their sums are looked at when they go again: a frame that was damaged where
// it lies is refused by its receiver in every session, and no other frame would ever come to it. So damage at rest is told from damage on the way,
// and frames that go once cost nothing.
type resends []struct{ before, now frame.Tick } // the greatest tick that was sent: in sessions that have ended, in this one

// again notes that a frame of a tick is sent, and reports whether one was in a former session.
func (r resends) again(e frame.EdgeID, t frame.Tick) bool {
	r[e].now = max(r[e].now, t)
	return t <= r[e].before
}

// ended ends the session of an edge.
func (r resends) ended(e frame.EdgeID) { r[e].before = max(r[e].before, r[e].now) }

// intact leases a frame whose sum is right, where it has one: else the error wraps frame.ErrCorrupt.
func (x *Exchange) intact(log *ringlog.Log, pos frame.Pos) (lease ringlog.Lease, err error) {
	if lease, err = log.Acquire(pos); err != nil {
		return lease, err
	}
	fault := x.cfg.Arena.Guard(func() { err = frame.VerifySum(lease.Bytes()) })
	if err = errors.Join(fault, err); err != nil {
		lease.Release()
		return ringlog.Lease{}, fmt.Errorf("damaged in the log: %w", err)
	}
	return lease, nil
}
