package manager

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Config is a run to be made.
type Config struct {
	Control control.Config
	Job     rpc.Job
	// Commit makes the output visible, Abort removes what there is of it. One of them is called, once; with recovery never Abort.
	Commit, Abort func() error
	// Persist carries out a transaction in the store; with Control.Recovery. It is called by a goroutine of its own.
	Persist func(control.Txn) control.Persisted
	// Report takes figures of the run while it lasts. It is called by Run's goroutine and must be quick; it may be nil.
	Report func(control.RunStats)
	// Observe, if set, sees every event and what follows from it, in order. It is called by Run's goroutine and must be quick.
	Observe func(control.Event, []control.Effect)
	// Status, if set, takes what a run with Control.Recovery keeps and why, every StatusEvery and at the end. It is called by Run's goroutine, must be
	// quick, and may keep what it is given.
	Status func(*control.Status)
	// TookOver, if set, hears that the workers of an earlier manager go on under this one. It is called by Run's goroutine and must be quick.
	TookOver func(control.TookOver)
	// Waits, if set, hears that a worker waits for its snapshot store. It is called by Run's goroutine and must be quick.
	Waits func(control.Waits)
	// NewHost starts the host of the workers.
	NewHost func(Hub) (Host, error)
}

// Host is where workers live.
type Host interface {
	// Start starts the worker of a node, in an incarnation (0 without recovery), after the one before has ended. From then on the hub hears of
	// it: sessions, events, and at last control.Lost.
	Start(node frame.NodeID, i frame.Incarnation) error
	// Kill ends the node's newest worker without asking it, if it is of this incarnation; 0: of any.
	Kill(node frame.NodeID, i frame.Incarnation)
	// Close ends all workers that are left and returns when they are gone, and all goroutines of the host with them.
	Close()
	// Leave closes the host for a manager that has a successor: workers that can live on are left alone, and what waits for their end.
	Leave()
}

// Hub is what a host tells a run. All its methods may be called by any goroutine.
type Hub interface {
	// Tell delivers an event. It blocks while the run is behind, and returns when the run has ended.
	Tell(control.Event)
	// Attach makes conn the connection to a node's agent and hands its events on until conn.Receive fails, which the host sees to at the
	// latest in Close.
	Attach(node frame.NodeID, conn rpc.ManagerConn) error
	// Epoch of this run's manager.
	Epoch() control.Epoch
}

const (
	eventsMax  = 1024 // events told and not yet looked at
	clockEvery = 20 * time.Millisecond
	// StatusEvery is the time between two calls of Config.Status.
	StatusEvery = time.Second
)

// run is one Run.
type run struct {
	cfg      Config
	machine  *control.Machine
	host     Host
	events   chan control.Event
	over     chan struct{} // closed when no event is looked at any more
	sessions sessions
	outcome  *control.Outcome
	storing  sync.WaitGroup // Persist
	told     time.Time      // of Status
}

// Run starts the workers and returns when all is over. When ctx ends the run is cancelled; the cause of ctx is the reason then.
func Run(ctx context.Context, cfg Config) (control.Outcome, error) {
	machine, err := control.NewMachine(cfg.Control)
	if err != nil {
		return control.Outcome{}, err
	}
	r := &run{cfg: cfg, machine: machine, events: make(chan control.Event, eventsMax), over: make(chan struct{})}
	r.sessions.byNode = make([]*session, cfg.Control.Workers)
	if r.host, err = cfg.NewHost(r); err != nil {
		return control.Outcome{}, err
	}
	r.step(control.Clock{Now: now()})
	if cfg.Control.Recovery == nil {
		for n := range cfg.Control.Workers {
			if lost := r.start(frame.NodeID(n), 0); lost != nil {
				r.step(lost)
			}
		}
	}
	r.loop(ctx)
	r.told = time.Time{}
	r.status()
	close(r.over)
	r.storing.Wait()
	if r.outcome.Fenced {
		r.host.Leave()
	} else {
		r.host.Close()
	}
	return *r.outcome, nil
}

// start starts a worker and returns its end if there is nothing to wait for.
func (r *run) start(node frame.NodeID, i frame.Incarnation) control.Event {
	if err := r.host.Start(node, i); err != nil {
		return control.Lost{Node: node, Incarnation: i, Reason: err.Error()}
	}
	return nil
}

func (r *run) loop(ctx context.Context) {
	clock := time.NewTicker(clockEvery)
	defer clock.Stop()
	cancelled := ctx.Done()
	for r.outcome == nil {
		select {
		case ev := <-r.events:
			r.step(ev)
		case <-clock.C:
			r.step(control.Clock{Now: now()})
			r.status()
		case <-cancelled:
			cancelled = nil
			r.step(control.Cancel{Reason: context.Cause(ctx).Error()})
		}
	}
}

// status tells what is kept, if it is time.
func (r *run) status() {
	if r.cfg.Status == nil || time.Since(r.told) < StatusEvery {
		return
	}
	r.told = time.Now()
	if s := r.machine.Status(); s != nil {
		r.cfg.Status(s)
	}
}

// step feeds an event, and what its effects answer at once.
func (r *run) step(ev control.Event) {
	effects := r.machine.Step(ev)
	if r.cfg.Observe != nil {
		r.cfg.Observe(ev, effects)
	}
	for _, effect := range effects {
		if answer := r.do(effect); answer != nil {
			r.step(answer)
		}
	}
}

// do carries out one effect and returns its answer, if it has one at once.
func (r *run) do(effect control.Effect) control.Event {
	switch e := effect.(type) {
	case control.TookOver:
		if r.cfg.TookOver != nil {
			r.cfg.TookOver(e)
		}
	case control.Waits:
		if r.cfg.Waits != nil {
			r.cfg.Waits(e)
		}
	case control.Kill:
		r.host.Kill(e.Node, e.Incarnation)
	case control.Spawn:
		return r.start(e.Node, e.Incarnation)
	case control.Persist:
		r.storing.Go(func() { r.Tell(r.cfg.Persist(e.Txn)) })
	case control.Report:
		if r.cfg.Report != nil {
			r.cfg.Report(e.Stats)
		}
	case control.Commit:
		return control.Committed{Reason: reason(r.cfg.Commit())}
	case control.Abort:
		return control.Aborted{Reason: reason(r.cfg.Abort())}
	case control.End:
		r.outcome = &e.Outcome
	default:
		if node, _, command := control.Command(effect); command {
			r.send(node, effect)
		}
	}
	return nil
}

// send gives a command to the node's session. Without recovery a node whose session is gone is killed: Lost follows. With recovery its agent may come again,
// and hears what it missed.
func (r *run) send(node frame.NodeID, cmd control.Effect) {
	if err := r.sessions.put(node, cmd); err != nil && r.cfg.Control.Recovery == nil {
		r.host.Kill(node, 0)
	}
}

// Tell implements Hub.
func (r *run) Tell(ev control.Event) {
	select {
	case r.events <- ev:
	case <-r.over:
	}
}

// Epoch implements Hub.
func (r *run) Epoch() control.Epoch { return r.cfg.Control.Epoch }

// Attach implements Hub.
func (r *run) Attach(node frame.NodeID, conn rpc.ManagerConn) error {
	s, err := r.sessions.open(node)
	if err != nil {
		return err
	}
	defer r.sessions.close(node, s)
	received := make(chan error, 1)
	go func() { received <- r.receive(node, conn) }()
	for {
		select {
		case <-s.more:
			for cmd := s.take(); cmd != nil; cmd = s.take() {
				if err := conn.Send(r.down(cmd)); err != nil {
					return errors.Join(err, <-received)
				}
			}
		case err := <-received:
			return err
		}
	}
}

// receive hands on what the node's agent says, until it says a thing that is not its own to say, or the connection ends.
func (r *run) receive(node frame.NodeID, conn rpc.ManagerConn) error {
	for {
		up, err := conn.Receive()
		if err != nil {
			return err
		}
		ev, err := up.Event()
		if err != nil {
			return err
		}
		if from, ok := control.Sender(ev); !ok || from.Node != node {
			return fmt.Errorf("%w: node %d speaks for node %d", rpc.ErrMessage, node, from.Node)
		}
		r.Tell(ev)
	}
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func now() control.TimeNs { return control.TimeNs(time.Now().UnixNano()) }

var errAttached = errors.New("another agent of this node is attached")
