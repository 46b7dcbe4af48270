package shuffle

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Start says where a node goes on with an edge when it restarts in the middle of a job. The zero value is the beginning.
type Start struct {
	// Executed is the tick that this node's destination tasks have behind them: they ask for those after it.
	Executed frame.Tick
	// CTIs are those of the edge's source tasks, in their order, as of Executed; nil at the beginning.
	CTIs []frame.CTI
	// Emitted is the tick that this node's source tasks have behind them.
	Emitted frame.Tick
}

// start is where the exchange begins with an edge.
func (cfg *ExchangeConfig) start(e frame.EdgeID) Start {
	if cfg.Starts == nil {
		return Start{}
	}
	return cfg.Starts[e]
}

// checkStarts reports starts that do not fit the edges.
func (cfg *ExchangeConfig) checkStarts() error {
	if cfg.Starts != nil && len(cfg.Starts) != len(cfg.Edges) {
		return fmt.Errorf("%d starts for %d edges", len(cfg.Starts), len(cfg.Edges))
	}
	for i, s := range cfg.Starts {
		if want := cfg.Edges[i].Source.Count; s.Executed > 0 && len(s.CTIs) != want {
			return fmt.Errorf("edge %d starts after tick %d with %d CTIs, want %d", i, s.Executed, len(s.CTIs), want)
		}
	}
	return nil
}

// of returns the start of some of the edge's source tasks.
func (s Start) of(all, tasks TaskRange) Start {
	if s.CTIs != nil {
		first := int(tasks.First - all.First)
		s.CTIs = s.CTIs[first : first+tasks.Count]
	}
	return s
}

// kept are the frames of an edge that a node may still ask for again: all that were written and that its need has not passed.
// It belongs to the lock of the outgoing that it is part of.
type kept struct {
	refs []netio.Ref
	need frame.Tick
	drops
}

func (k *kept) add(r netio.Ref) {
	if r.Last > max(k.need, k.dropped) {
		k.refs = append(k.refs, r)
	}
}

// trim forgets what ends at or before tick t.
func (k *kept) trim(t frame.Tick) {
	k.heard(t)
	if t <= k.need {
		return
	}
	k.need = t
	k.forget(t)
}

func (k *kept) forget(t frame.Tick) {
	rest := k.refs[:0]
	for _, r := range k.refs {
		if r.Last > t {
			rest = append(rest, r)
		}
	}
	if cap(rest) > keptSpare && len(rest) < cap(rest)/4 {
		rest = slices.Clone(rest) // what was held for long had needed more room than what comes after it
	}
	k.refs = rest
}

// keptSpare is how many references may have room that is not used.
const keptSpare = 4096

// Need says that node n will never ask again for ticks of an edge up to t: they are trimmed from the logs. It may be called from anywhere;
// a lower tick than before has no effect. Only with ExchangeConfig.Retain.
func (x *Exchange) Need(e frame.EdgeID, n frame.NodeID, t frame.Tick) {
	o := x.peers[n]
	if o == nil || o.mu.queues[e] == nil {
		return
	}
	o.mu.Lock()
	t = o.mayTrim(e, t)
	o.mu.kept[e].trim(t)
	o.outrun(e, t)
	o.mu.Unlock()
	x.trim(frame.Chain{Edge: e, Node: n}, t)
	if x.copies(e) {
		x.cfg.Copier.Trim(e, n, t)
	}
}

// Renew prepares for a new life of node n: its links get everything again that was kept and that it says it has not closed. The
// links with its former life must have ended. Only with ExchangeConfig.Retain.
func (x *Exchange) Renew(n frame.NodeID) {
	o := x.peers[n]
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range o.mu.ids {
		o.met[id] = true
		q := &netio.Queue{}
		for _, r := range o.mu.kept[id].renewed() {
			q.Push(r)
		}
		o.mu.queues[id] = q
		if o.mu.again != nil {
			o.mu.again[id] = nil // it may ask anew
		}
	}
}

// CTIs appends the CTI of each source task of an edge as of the last executed tick: what Start needs to go on from there. Only with
// ExchangeConfig.Retain.
func (p *Port) CTIs(e frame.EdgeID, buf []frame.CTI) []frame.CTI {
	return append(buf, p.ins[e].prog.passedBy...)
}
