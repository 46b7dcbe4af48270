package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Worker is what an agent needs of a runtime's worker. Its methods are called by one goroutine at a time, but for Stats and Wait.
type Worker interface {
	// Addr is where the worker listens for its peers.
	Addr() string
	// Connect links to all peers; it blocks until all links are there, or ctx ends.
	Connect(ctx context.Context, peers []control.Peer) error
	// Start begins to execute.
	Start()
	// Wait blocks until every task has ended well, one has failed, or ctx ends.
	Wait(ctx context.Context) error
	// Stop ends everything and frees it. Output that Wait did not report as complete is removed.
	Stop()
	// Stats are the figures so far; it may be called at any time between creation and Stop, by any goroutine.
	Stats() control.WorkerStats
}

// Recovering is a Worker that comes back after a loss. Its methods may be called from Ready on, by one goroutine; none blocks for long.
type Recovering interface {
	Worker
	// Mark asks for images after a tick.
	Mark(frame.Tick)
	// Trim says what nobody will ask for any more.
	Trim(control.Needs) error
	// Relink replaces the links with a peer by those with its new life, in the background.
	Relink(control.Peer)
	// CopyAddr is where the worker keeps copies for its peers; empty: it does not.
	CopyAddr() string
	// Admit lets a peer's new life ask for copies, in the background.
	Admit(control.Peer)
	// Activated says what an active set is, in answer to an Activate.
	Activated(control.Activated)
	// Activations are those that are wanted and not answered yet; From is filled in by the agent, which says them with every report, and when Wishes has
	// something: a signal of capacity 1, that there are new ones.
	Activations() []control.Activate
	Wishes() <-chan struct{}
	// Report tells how far the worker is, or what has ended it; From is filled in by the agent.
	Report() (control.Reported, error)
}

// UnreadableImage is implemented by errors of NewWorker that are about an image that it was to restore.
type UnreadableImage interface {
	error
	Unreadable() control.Saved
}

// ErrPeer marks errors of Worker that are about another worker: a link to it broke.
var ErrPeer = errors.New("peer")

// Config is what an agent knows before it hears from its manager.
type Config struct {
	Node  frame.NodeID
	Epoch control.Epoch
	// Incarnation of the worker; 0 without recovery: then NewWorker need not make a Recovering.
	Incarnation frame.Incarnation
	PID         int
	// Build makes the plan of a job, as every worker does.
	Build func(rpc.Job) (*plan.Plan, error)
	// NewWorker makes the worker, listening.
	NewWorker func(*plan.Plan, control.Assignment, rpc.Limits) (Worker, error)
	// ProgressEvery is the time between two reports of progress, unless the job's limits say another, and between two looks for a manager.
	ProgressEvery time.Duration
	// Successor, if set, lets a worker with recovery that runs outlive its manager: it connects to whoever manages the run now, and returns that
	// manager's epoch, or an error if there is none for the moment. The connection lasts as long as ctx. It is called by a goroutine of its
	// own, one call at a time.
	Successor func(ctx context.Context) (rpc.AgentConn, control.Epoch, error)
	// Patience is how long the worker goes on without a manager.
	Patience time.Duration
}

// agent is one Serve.
type agent struct {
	cfg    Config
	ctx    context.Context // ends with Serve
	conns  context.Context // of connections: the last word is said after Serve's own has ended
	link   *link
	worker Worker
	failed bool
	every  *time.Ticker // reports
	// told is when the figures were told last: they are for people, and take a read of the system's, so not every report has them.
	told time.Time
	// results carries what goroutines on the worker's behalf came to: at most one is under way.
	results chan result
	busy    bool

	// What a successor of the manager is told, beside what the worker reports:
	running     bool // Run was obeyed
	fingerprint uint64
	restored    []frame.Tick
	marked      frame.Tick
	peers       map[frame.NodeID]control.Peer
	finished    *control.Finished // it has ended well

	// alone is since when there is no manager; zero: there is one.
	alone time.Time
	found chan successor     // at most one search is under way
	seeks context.CancelFunc // ends it; nil: none is
}

// result is the end of a call that blocks.
type result struct {
	good control.Event // if err is nil
	err  error
}

// errStop ends Serve after the command to stop.
var errStop = errors.New("stopped")

// Serve says hello, follows commands until it is told to stop, and returns nil then; else the reason why it ended: ctx, or a lost
// connection, after which nobody else came.
func Serve(ctx context.Context, conn rpc.AgentConn, cfg Config) error {
	a := &agent{cfg: cfg, conns: ctx, results: make(chan result, 1), found: make(chan successor, 1), peers: map[frame.NodeID]control.Peer{}}
	ctx, cancel := context.WithCancel(ctx)
	a.ctx = ctx
	a.link = a.begin(conn, func() {})
	err := a.send(control.Hello{From: a.from(), PID: cfg.PID})
	if err == nil {
		err = a.loop()
	}
	cancel()
	a.stop()
	if errors.Is(err, errStop) {
		err = a.goodbye()
	}
	a.endSearch()
	a.link.end()
	return err
}

// goodbyePatience is how long an agent waits for the manager to have heard its last message.
const goodbyePatience = time.Second

// goodbye says the last message. Over a network that a message was sent does not mean that it left this process: only the manager's end
// of the stream does.
func (a *agent) goodbye() error {
	if err := a.send(control.Stopped{From: a.from()}); err != nil {
		return err
	}
	half, ok := a.link.conn.(interface{ CloseRequest() error })
	if !ok {
		return nil
	}
	// The manager takes a connection that breaks now for what it is: our end.
	_ = half.CloseRequest()
	select {
	case <-a.link.lost:
	case <-time.After(goodbyePatience):
	}
	return nil
}

func (a *agent) loop() error {
	a.every = time.NewTicker(a.cfg.ProgressEvery)
	defer a.every.Stop()
	for {
		var err error
		select {
		case c := <-a.link.commands:
			err = a.follow(c)
		case r := <-a.results:
			a.busy = false
			err = a.tell(r)
		case <-a.every.C:
			err = a.report()
		case <-a.wishes():
			err = a.wish()
		case s := <-a.found:
			a.seeks = nil
			err = a.meet(s)
		case err = <-a.link.lost:
			err = lostManager(err)
		case <-a.ctx.Done():
			err = context.Cause(a.ctx)
		}
		if a.outlives(err) {
			a.leave()
		} else if err != nil {
			return err
		}
	}
}

func (a *agent) from() control.From {
	return control.From{Node: a.cfg.Node, Epoch: a.cfg.Epoch, Incarnation: a.cfg.Incarnation}
}

// figuresEvery is the least time between two Progress.
const figuresEvery = 250 * time.Millisecond

// report tells how far the worker is, or looks for somebody to tell.
func (a *agent) report() error {
	if !a.alone.IsZero() {
		return a.wait()
	}
	if a.worker == nil || a.failed {
		return nil
	}
	if a.busy && time.Since(a.told) >= figuresEvery {
		a.told = time.Now()
		if err := a.send(control.Progress{From: a.from(), Stats: a.worker.Stats()}); err != nil {
			return err
		}
	}
	if w, ok := a.worker.(Recovering); ok && a.cfg.Incarnation > 0 {
		r, err := w.Report()
		if err != nil {
			return a.fail(err)
		}
		r.From = a.from()
		if err := a.send(r); err != nil {
			return err
		}
		return a.wish()
	}
	return nil
}

// wishes is the worker's signal, nil without one.
func (a *agent) wishes() <-chan struct{} {
	if w, ok := a.worker.(Recovering); ok && a.cfg.Incarnation > 0 && !a.failed && a.alone.IsZero() {
		return w.Wishes()
	}
	return nil
}

// wish says which sets of journals the worker wants to be active.
func (a *agent) wish() error {
	for _, ev := range a.worker.(Recovering).Activations() {
		ev.From = a.from()
		if err := a.send(ev); err != nil {
			return err
		}
	}
	return nil
}

func (a *agent) send(ev control.Event) error {
	up, err := rpc.UpOf(ev)
	if err != nil {
		return err
	}
	err = a.link.conn.Send(up)
	if errors.Is(err, io.EOF) {
		err = a.lastWord()
	}
	if err != nil {
		return lostManager(err)
	}
	return nil
}

// lastWord is why the manager ended the stream: an EOF of Send says no more than that it did. Commands that came before are of no use.
func (a *agent) lastWord() error {
	for {
		select {
		case <-a.link.commands:
		case err := <-a.link.lost:
			return err
		}
	}
}

// errLost is the end of a connection.
var errLost = errors.New("lost the manager")

func lostManager(err error) error { return fmt.Errorf("%w: %w", errLost, err) }

// stop ends the worker and waits for the goroutine on its behalf.
func (a *agent) stop() {
	if a.worker != nil {
		a.worker.Stop()
	}
	if a.busy {
		<-a.results
	}
	a.worker, a.busy = nil, false
}
