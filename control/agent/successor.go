package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/rpc"
)

// successor is what a search for a manager came to.
type successor struct {
	conn  rpc.AgentConn
	epoch control.Epoch
	end   context.CancelFunc
	err   error
}

// offerPatience is how long a manager may take to adopt a worker that has said hello.
const offerPatience = 5 * time.Second

// outlives reports whether the worker goes on although its connection is lost. One that does not run yet has nothing to lose; one that has failed
// waits for its end.
func (a *agent) outlives(err error) bool {
	return errors.Is(err, errLost) && !rpc.Unwanted(err) && a.cfg.Successor != nil && a.cfg.Incarnation > 0 && a.running && !a.failed
}

// leave gives up the connection. The worker goes on.
func (a *agent) leave() {
	a.link.end()
	a.link = &link{}
	if a.alone.IsZero() {
		a.alone = time.Now()
	}
}

// wait looks for a manager, but not for ever.
func (a *agent) wait() error {
	switch {
	case time.Since(a.alone) > a.cfg.Patience:
		return fmt.Errorf("%w: nobody took its place within %v", ErrOrphan, a.cfg.Patience)
	case a.seeks != nil || a.link.conn != nil: // it was found, and has not answered yet
		return nil
	}
	ctx, cancel := context.WithCancel(a.conns)
	a.seeks = cancel
	go func() {
		conn, epoch, err := a.cfg.Successor(ctx)
		if err != nil {
			cancel()
		}
		a.found <- successor{conn, epoch, cancel, err}
	}()
	return nil
}

// meet says hello to a manager that was found. One of a lower epoch than was obeyed before is none.
func (a *agent) meet(s successor) error {
	if s.err != nil {
		return nil // the next search may find one
	}
	if s.epoch < a.cfg.Epoch {
		s.end()
		return nil
	}
	knew := a.cfg.Epoch
	a.cfg.Epoch = s.epoch
	w := a.worker.(Recovering)
	reported, err := w.Report()
	if err != nil {
		s.end()
		return err
	}
	reported.From = a.from()
	hello := control.Hello{From: a.from(), PID: a.cfg.PID, Living: &control.Living{
		Knew: knew, Addr: w.Addr(), CopyAddr: w.CopyAddr(), Fingerprint: a.fingerprint, Restored: a.restored, Marked: a.marked, Reported: reported,
	}}
	for _, p := range a.peers {
		hello.Living.Peers = append(hello.Living.Peers, p)
	}
	slices.SortFunc(hello.Living.Peers, func(x, y control.Peer) int { return int(x.Node) - int(y.Node) })
	a.link = a.begin(s.conn, s.end)
	a.link.overdue = time.AfterFunc(offerPatience, s.end)
	return a.send(hello)
}

// adopt goes on under the manager that was met.
func (a *agent) adopt(c *control.Adopt) error {
	if a.alone.IsZero() {
		return nil // told twice
	}
	a.alone = time.Time{}
	a.link.overdue.Stop()
	w := a.worker.(Recovering)
	for _, t := range c.Marks {
		a.mark(w, t)
	}
	if err := w.Trim(c.Needs); err != nil {
		return a.fail(err)
	}
	if a.finished != nil {
		f := *a.finished
		f.From = a.from()
		return a.send(f)
	}
	return nil
}

// endSearch waits for a search under way.
func (a *agent) endSearch() {
	if a.seeks == nil {
		return
	}
	a.seeks()
	if s := <-a.found; s.err == nil {
		s.end()
	}
}
