package runtime

import (
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/persist"
)

// persistEvery is how long what was written is collected before it is looked at.
const persistEvery = 5 * time.Millisecond

// NewPersister makes the persister of the edges of a worker that is about to be made, nil if none is persisted here. Of c the store, and what is a matter of
// taste, are given. It is to be attached to the worker's exchange, and stepped by who drives the worker.
func (cfg *Config) NewPersister(c persist.Config) *persist.Persister {
	if c.Store == nil || cfg.Recovery == nil {
		return nil
	}
	plan, restarted := cfg.Plan, Worker{cfg: *cfg}
	c.Job, c.Cluster, c.Self, c.Incarnation, c.Edges = cfg.JobID, cfg.cluster(), cfg.Node, cfg.Incarnation, buildEdges(plan)
	c.Name = func(e frame.EdgeID) string {
		return plan.Stages[plan.Edges[e].From].Name + "->" + plan.Stages[plan.Edges[e].To].Name
	}
	c.After = func(e frame.EdgeID) frame.Tick {
		from := plan.Edges[e].From
		return max(restarted.restoreTick(from), restarted.warmTo(from))
	}
	if p := persist.New(c); p.Any() {
		return p
	}
	return nil
}

// PersistedTo is the tick up to which all is durable that this node's tasks of a stage have sent on edges that are persisted: an image of a later tick must not
// count, or what it has behind it could be lost with this node's logs. frame.MaxTick where nothing is to be persisted.
func (w *Worker) PersistedTo(stage int) frame.Tick {
	t := frame.MaxTick
	for i := range w.cfg.Plan.Edges {
		if e := &w.cfg.Plan.Edges[i]; e.From == stage {
			t = min(t, w.exchange.PersistedTo(e.ID))
		}
	}
	return t
}

// persisting drives a persister.
type persisting struct {
	*persist.Persister
	node *Node
	wake chan struct{}
}

func newPersisting(n *Node, p *persist.Persister) *persisting {
	p.Date(time.Now)
	return &persisting{Persister: p, node: n, wake: make(chan struct{}, 1)}
}

// Wrote implements shuffle.Persister.
func (p *persisting) Wrote(w shuffle.Written) {
	p.Persister.Wrote(w)
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run persists until the node stops, or an error ends it.
func (p *persisting) run() {
	defer p.node.running.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		worked, err := p.step()
		if err != nil {
			p.node.fail(err)
			return
		}
		pause := time.Duration(0)
		if !worked {
			pause = persistEvery
		}
		timer.Reset(pause)
		select {
		case <-p.node.stop:
			return
		case <-timer.C:
		}
		if !worked && !p.sleep(timer) {
			return
		}
	}
}

// step turns a fault on the memory of a log into an error.
func (p *persisting) step() (worked bool, err error) {
	if fault := p.node.arena.Guard(func() { worked, err = p.Step(nanotime()) }); fault != nil {
		return false, fault
	}
	return worked, err
}

// sleep waits for something to do; it returns false when the node stops.
func (p *persisting) sleep(timer *time.Timer) bool {
	wait := time.Hour
	if at := p.Deadline(); at != 0 {
		wait = max(time.Duration(at-nanotime()), 0)
	}
	timer.Reset(wait)
	select {
	case <-p.node.stop:
		return false
	case <-p.wake:
	case <-timer.C:
	}
	return true
}

// TrimStreams says, by stage and node, what nobody will make again: what is persisted up to there goes when its policy does not keep it any longer.
func (n *Node) TrimStreams(needs [][]frame.Tick) {
	if n.persisting == nil {
		return
	}
	for i := range n.cfg.Plan.Edges {
		if e := &n.cfg.Plan.Edges[i]; e.From < len(needs) && int(n.cfg.Node) < len(needs[e.From]) {
			n.persisting.Need(e.ID, needs[e.From][n.cfg.Node])
		}
	}
}

// Streams tells how far what is persisted has come, and why the store fails, nil if it does not.
func (n *Node) Streams() ([]persist.Stat, error) {
	if n.persisting == nil {
		return nil, nil
	}
	return n.persisting.Stats(nil)
}
