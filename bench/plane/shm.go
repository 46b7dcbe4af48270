package plane

import (
	"context"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/shuffle"
)

// shmShape is that of shuffle-local, with credit for some ticks in place of a view of the reader's progress, and a tick small enough that what
// is written and not read yet stays in the caches that the two cores share.
func shmShape(ordered bool) shape {
	s := localShape(ordered)
	s.TickRows, s.CreditBytes, s.Ahead, s.Share = 32768, 4<<20, 0, true
	return s
}

// shm is a session of shuffle-shm: shuffle-tcp, but only references and credits cross the link.
type shm struct{ tcp }

func openShm(s shape) func(context.Context, measure.Env) (measure.Session, error) {
	return func(_ context.Context, env measure.Env) (measure.Session, error) {
		m := &shm{tcp{shape: s, start: func(ctx context.Context) (*child, error) { return startProcess(ctx, env.Exe) }}}
		return measure.Func(m.measure), nil
	}
}

// measure runs the shuffle between processes, and for half of that time within this one, so that the two are compared in the same conditions.
func (m *shm) measure(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	local, err := measureLocal(localShape(m.shape.Ordered))(ctx, d/3)
	if err != nil {
		return sample, err
	}
	sample, err = m.shuffle(ctx, d-d/3)
	if err != nil {
		return sample, err
	}
	sample.Ratios["of_local"] = sample.Value / local.Value
	sample.Ratios["local_rows_per_s"] = local.Value
	return sample, nil
}

// outgoing is what the sender's link carries: frames, or references to them.
func (n *node) outgoing(to netio.Peer) netio.Outgoing {
	out := n.exchange.Outgoing(to.Node)
	if n.host == nil {
		return out
	}
	return n.host.Outgoing(to, out)
}

// incoming is what the receiver's link brings.
func (n *node) incoming(from netio.Peer) netio.Incoming {
	in := n.exchange.Incoming(from.Node)
	if n.host == nil {
		return in
	}
	return n.host.Incoming(from, in.(shuffle.SharedIncoming), func() { n.wakePeer(from.Node) })
}

// unshare ends the sharing of memory, once the links have ended.
func (n *node) unshare() error {
	if n.host == nil {
		return nil
	}
	return n.host.Close()
}
