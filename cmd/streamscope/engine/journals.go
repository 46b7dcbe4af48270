package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/replica"
	vruntime "github.com/streamscope/streamscope/vertex/runtime"
)

// journals has peers keep the journals of sources, if they are to; nil: they lie in the data directory.
func (w *worker) journals(a control.Assignment, limits rpc.Limits) *vruntime.Journals {
	if a.Incarnation == 0 || limits.JournalPeers == 0 {
		return nil
	}
	j := &vruntime.Journals{Peers: limits.JournalPeers, Active: map[int]replica.Set{}, Wish: func() {
		select {
		case w.wishes <- struct{}{}:
		default:
		}
	}}
	for _, u := range a.Journals {
		j.Active[int(u.Stage)] = replicaSet(u.Set)
	}
	return j
}

// replicaSet is an active set in the words of package replica.
func replicaSet(s control.JournalSet) replica.Set {
	set := replica.Set{Version: s.Version, Life: s.Life}
	for _, m := range s.Members {
		set.Members = append(set.Members, replica.Member{Node: m.Node, Life: m.Life})
	}
	return set
}

// acceptGap goes on without the journals that the workers of an earlier run kept.
func (cfg *Config) acceptGap(d *data, stored *control.Stored, stages []control.StageShape) error {
	t, tick, err := stored.GiveUpJournals(stages)
	if err != nil {
		return fmt.Errorf("--accept-gap: %w", err)
	}
	if t.Empty() {
		return nil
	}
	if err := meta.Commit(d.store, t); err != nil {
		return fmt.Errorf("--data-dir %s: %w", d.dir, err)
	}
	stored.Apply(t)
	cfg.Log.Warn(fmt.Sprintf("--accept-gap: %d journals that lost workers kept are given up; everything goes on from tick %d, and what is written from there on may differ from what was seen",
		len(t.Journals), tick))
	return nil
}

// Wishes implements agent.Recovering.
func (w *worker) Wishes() <-chan struct{} { return w.wishes }

// Activations implements agent.Recovering.
func (w *worker) Activations() (all []control.Activate) {
	wanted := w.node.Wanted()
	for _, stage := range slices.Sorted(maps.Keys(wanted)) {
		s := wanted[stage]
		set := control.JournalSet{Version: s.Version, Life: s.Life}
		for _, m := range s.Members {
			set.Members = append(set.Members, control.JournalMember{Node: m.Node, Life: m.Life})
		}
		all = append(all, control.Activate{Stage: control.StageID(stage), Set: set})
	}
	return all
}

// Activated implements agent.Recovering.
func (w *worker) Activated(stage control.StageID, set control.JournalSet) {
	w.node.Activated(int(stage), replicaSet(set))
}
