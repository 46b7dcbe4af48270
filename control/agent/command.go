package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/persist"
	"github.com/streamscope/streamscope/state/snapshot"
)

// follow carries out one command. An error ends the agent; what goes wrong with the work is told to the manager instead.
func (a *agent) follow(c *rpc.Down) error {
	switch {
	case c.Stop != nil:
		if c.Stop.Epoch != a.cfg.Epoch {
			return nil
		}
		return errStop
	case a.failed:
		return nil // the manager will hear of it, and stop us
	case c.Adopt != nil:
		if c.Adopt.Epoch != a.cfg.Epoch {
			return nil
		}
		return a.adopt(c.Adopt)
	case !a.alone.IsZero():
		return nil // it is not this manager's yet
	case c.Start != nil:
		return a.start(c.Start)
	case c.Connect != nil:
		return a.connect(c.Connect)
	case c.Run != nil:
		return a.run(c.Run)
	default:
		return a.recover(c)
	}
}

// recover follows the commands that only workers with recovery get.
func (a *agent) recover(c *rpc.Down) error {
	w, ok := a.worker.(Recovering)
	if !ok || a.cfg.Incarnation == 0 {
		return a.outOfTurn("recover")
	}
	switch {
	case c.Mark != nil && c.Mark.Epoch == a.cfg.Epoch:
		a.mark(w, c.Mark.Tick)
	case c.Trim != nil && c.Trim.Epoch == a.cfg.Epoch:
		if err := w.Trim(c.Trim.Needs); err != nil {
			return a.fail(err)
		}
	case c.Relink != nil && c.Relink.Epoch == a.cfg.Epoch:
		a.peers[c.Relink.Peer.Node] = c.Relink.Peer
		w.Relink(c.Relink.Peer)
	case c.Admit != nil && c.Admit.Epoch == a.cfg.Epoch:
		w.Admit(c.Admit.Peer)
	case c.Activated != nil && c.Activated.Epoch == a.cfg.Epoch:
		w.Activated(*c.Activated)
	default:
		return a.outOfTurn("recover")
	}
	return nil
}

func (a *agent) mark(w Recovering, t frame.Tick) {
	a.marked = max(a.marked, t)
	w.Mark(t)
}

func (a *agent) start(c *rpc.Start) error {
	if as := c.Assignment; as.Epoch != a.cfg.Epoch || as.Node != a.cfg.Node || a.worker != nil {
		return a.outOfTurn("start")
	}
	if us := c.Job.Limits.ReportEveryUs; us > 0 {
		a.every.Reset(time.Duration(us) * time.Microsecond)
	}
	p, err := a.cfg.Build(c.Job)
	if err != nil {
		return a.fail(err)
	}
	a.worker, err = a.cfg.NewWorker(p, c.Assignment, c.Job.Limits)
	if err != nil {
		return a.fail(err)
	}
	a.fingerprint, a.restored = plan.Fingerprint(p), c.Assignment.Begins()
	for _, t := range c.Assignment.Marks {
		a.marked = max(a.marked, t)
	}
	ready := control.Ready{From: a.from(), Addr: a.worker.Addr(), Fingerprint: a.fingerprint}
	if w, ok := a.worker.(Recovering); ok {
		ready.CopyAddr = w.CopyAddr()
	}
	return a.send(ready)
}

func (a *agent) connect(c *control.Connect) error {
	if a.worker == nil || a.busy || c.Epoch != a.cfg.Epoch {
		return a.outOfTurn("connect")
	}
	w, peers := a.worker, slices.DeleteFunc(c.Peers, func(p control.Peer) bool { return p.Node == a.cfg.Node })
	for _, p := range peers {
		a.peers[p.Node] = p
	}
	a.background(control.Linked{From: a.from()}, func(ctx context.Context) error { return w.Connect(ctx, peers) })
	return nil
}

func (a *agent) run(c *control.Run) error {
	if a.worker == nil || a.busy || c.Epoch != a.cfg.Epoch {
		return a.outOfTurn("run")
	}
	a.running = true
	a.worker.Start()
	a.background(control.Finished{From: a.from()}, a.worker.Wait)
	return nil
}

// background runs a blocking call; its end comes to the loop as a result.
func (a *agent) background(good control.Event, call func(context.Context) error) {
	a.busy = true
	go func() { a.results <- result{good, call(a.ctx)} }()
}

// tell reports the end of a blocking call.
func (a *agent) tell(r result) error {
	if r.err != nil {
		return a.fail(r.err)
	}
	if f, ok := r.good.(control.Finished); ok {
		f.From, f.Stats = a.from(), a.worker.Stats() // another manager may have come since Run
		a.finished = &f
		if !a.alone.IsZero() {
			return nil // who takes over is told
		}
		if err := a.report(); err != nil || a.failed { // what it has come to, and keeps: nothing is heard of that afterwards
			return err
		}
		return a.send(f)
	}
	return a.send(r.good)
}

func (a *agent) outOfTurn(what string) error {
	return a.fail(fmt.Errorf("worker %d: command to %s out of turn", a.cfg.Node, what))
}

func (a *agent) fail(err error) error {
	if !a.alone.IsZero() {
		return err // its end tells whoever takes over
	}
	a.failed = true
	ev := control.Failed{From: a.from(), Reason: err.Error(), AboutPeer: errors.Is(err, ErrPeer), Dropped: errors.Is(err, shuffle.ErrDropped),
		StoreAway: a.worker == nil && errors.Is(err, snapshot.ErrUnavailable),
		Final:     errors.Is(err, shuffle.ErrTripwire) || errors.Is(err, replica.ErrLost) || errors.Is(err, journal.ErrDamaged) || errors.Is(err, persist.ErrStoreGone)}
	var image UnreadableImage
	if errors.As(err, &image) {
		unreadable := image.Unreadable()
		ev.Unreadable = &unreadable
	}
	if a.worker != nil {
		ev.Stats = a.worker.Stats()
	}
	return a.send(ev)
}
