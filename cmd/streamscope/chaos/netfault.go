package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// NetFault is what happened to the network.
type NetFault struct {
	LastsS float64 `json:"lasts_s"`
	// Of a loss or a partition: the share of the packets to the peer that is lost, and whether those from it are lost too. Peer -1 stands for all others.
	Peer    int  `json:"peer"`
	Percent int  `json:"percent"`
	Both    bool `json:"both_ways"`
	// Of a delay: how much later packets come, and up to how much more, each by another time.
	DelayMs  float64 `json:"delay_ms,omitempty"`
	JitterMs float64 `json:"jitter_ms,omitempty"`
}

// Times of faults of the network: shorter than a lease (3 s), or longer.
const (
	netMin     = 200 * time.Millisecond
	netShort   = 2500 * time.Millisecond
	netLong    = 3500 * time.Millisecond
	netLongest = 12 * time.Second
)

// Shares of packets that are lost.
const (
	lossMin = 5
	lossMax = 40
)

// Delays of packets, each way: far more than any local network has, less than what silence is taken for.
const (
	delayMin = 2 * time.Millisecond
	delayMax = 200 * time.Millisecond
)

func (f *NetFault) String() string {
	switch {
	case f.DelayMs > 0:
		return fmt.Sprintf("packets each way %.0f to %.0f ms late, and out of order, for %.1f s", f.DelayMs, f.DelayMs+f.JitterMs, f.LastsS)
	case f.Peer < 0:
		return fmt.Sprintf("no cable for %.1f s", f.LastsS)
	case f.Both:
		return fmt.Sprintf("%d %% of the packets to and from worker %d lost for %.1f s", f.Percent, f.Peer, f.LastsS)
	}
	return fmt.Sprintf("%d %% of the packets to worker %d lost for %.1f s", f.Percent, f.Peer, f.LastsS)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// runInNetns runs with a network that goes with it.
func (w *world) runInNetns(ctx context.Context) (err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	if w.net, err = newNetwork(w.dir, w.cfg.Workers, fail); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.net.close()) }()
	w.say("network namespaces %s and %s to %d", w.net.hub(), w.net.of(0), w.cfg.Workers-1)
	return w.run(ctx)
}

// drawNet chooses how long and how hard the network is hurt: a partition is the loss of everything one way.
func (w *world) drawNet(kind Kind, node int) *NetFault {
	least, most := netMin, netShort
	longest := w.cfg.Longest
	if longest == 0 {
		longest = netLongest
	}
	if longest > netLong && w.rng.IntN(2) == 0 {
		least, most = netLong, longest
	}
	f := &NetFault{LastsS: (least + time.Duration(w.rng.Int64N(int64(most-least)))).Seconds(), Peer: -1, Percent: 100}
	switch kind {
	case Down:
		return f
	case Delay:
		by := delayMin + time.Duration(w.rng.Int64N(int64(delayMax-delayMin)))
		f.Percent, f.DelayMs, f.JitterMs = 0, by.Seconds()*1e3, by.Seconds()*1e3*w.rng.Float64()
		return f
	}
	f.Peer = (node + 1 + w.rng.IntN(w.cfg.Workers-1)) % w.cfg.Workers
	if kind == Loss {
		f.Percent, f.Both = lossMin+w.rng.IntN(lossMax-lossMin+1), w.rng.IntN(2) == 0
	}
	return f
}

// hurt hurts the network around a worker.
func (n *network) hurt(kind Kind, node int, f *NetFault) error {
	switch kind {
	case Down:
		return n.down(node, seconds(f.LastsS))
	case Delay:
		return n.delay(node, seconds(f.DelayMs/1e3), seconds(f.JitterMs/1e3), seconds(f.LastsS))
	}
	return n.drop(node, f.Peer, f.Percent, f.Both, seconds(f.LastsS))
}
