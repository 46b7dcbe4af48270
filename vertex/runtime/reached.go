package runtime

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
)

// met is shuffle.ExchangeConfig.Met, nil where nothing is written down.
func (w *Worker) met() func(frame.EdgeID, frame.NodeID, frame.Tick) {
	if w.cfg.Recovery == nil || w.cfg.part != nil {
		return nil
	}
	return w.compareClosed
}

// compareClosed fails the worker if a node had closed more than the journals of this one have: a journal whose end was cut off looks like one of a life that
// died there, and other rows would be cut into ticks that others have taken for good. A tick is closed by nobody before its records are durable (PROTOCOL I3).
func (w *Worker) compareClosed(e frame.EdgeID, n frame.NodeID, closed frame.Tick) {
	edge := &w.cfg.Plan.Edges[e]
	for stage := range w.stages {
		if w.stages[stage].journal == nil || !w.cfg.Plan.Leads(stage, edge.From) {
			continue
		}
		if reached := w.reached(stage); closed > reached {
			w.cfg.Fail(fmt.Errorf("stage %s: %w: its journal on this node ends with tick %d, but node %d has closed tick %d of what stage %s sends: its end was lost, and the same ticks cannot be cut again; repeat the command, by which all workers go back to their images",
				w.cfg.Plan.Stages[stage].Name, journal.ErrDamaged, reached, n, closed, w.cfg.Plan.Stages[edge.From].Name))
			return
		}
	}
}

// reached is the tick up to which former lives of a source stage have written down what all of its tasks on this node were to do.
func (w *Worker) reached(stage int) frame.Tick {
	last := journal.Last(w.stages[stage].replay)
	reached, tasks := frame.MaxTick, w.tasksOf(stage)
	for i := range tasks.Count {
		reached = min(reached, max(w.restoreTick(stage), last[tasks.First+frame.TaskID(i)]))
	}
	return reached
}

// Leads reports whether what a stage sends reaches another one, at whatever distance, or is sent by it.
func (p *Plan) Leads(from, to int) bool {
	seen := make([]bool, len(p.Stages))
	var follow func(int) bool
	follow = func(s int) bool {
		if s == to || seen[s] {
			return s == to
		}
		seen[s] = true
		for i := range p.Edges {
			if p.Edges[i].From == s && follow(p.Edges[i].To) {
				return true
			}
		}
		return false
	}
	return follow(from)
}
