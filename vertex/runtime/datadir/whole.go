package datadir

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
)

// whole refuses a journal that ends before what is known to have been in it: one that was removed, or cut off, looks like one whose last record was not written
// to its end, and its source would cut ticks anew that others have executed.
func (d *Dir) whole(stage int, records []journal.Record) error {
	want := d.reached(stage)
	if d.cfg.Needs == nil || want <= d.cfg.Needs[stage][d.cfg.Node] {
		return nil // it may be trimmed up to there
	}
	last := journal.Last(records)
	tasks := d.cfg.Plan.TasksOn(stage, d.cfg.Node, d.cfg.Nodes)
	for i := range tasks.Count {
		if t := tasks.First + frame.TaskID(i); last[t] < want {
			return fmt.Errorf("%w: of task %d it ends with tick %d, but all was durable up to tick %d, and others rely on it; put back what was removed or cut off, or begin anew in another directory",
				journal.ErrDamaged, t, last[t], want)
		}
	}
	return nil
}

// reached is a tick that the tasks of a source stage had closed for sure: from its own image, or from those of any unit that it leads to.
func (d *Dir) reached(stage int) frame.Tick {
	known := d.restore[stage]
	for s, needs := range d.cfg.Needs {
		for n, need := range needs {
			if d.cfg.Plan.TasksOn(s, frame.NodeID(n), d.cfg.Nodes).Count > 0 && d.cfg.Plan.Leads(stage, s) {
				known = max(known, need)
			}
		}
	}
	return known
}
