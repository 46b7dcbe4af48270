package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/shuffle/persist"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/peers"
	vruntime "github.com/streamscope/streamscope/vertex/runtime"
)

// journals has peers keep the journals of sources, if they are to; nil: they lie in the data directory.
func (w *worker) journals(a control.Assignment, limits rpc.Limits) *vruntime.Journals {
	if a.Incarnation == 0 || limits.JournalPeers == 0 {
		return nil
	}
	return &vruntime.Journals{Peers: limits.JournalPeers, Active: replicaSets(a.Journals), Wish: w.wish}
}

// images has peers keep the images of all units, and opens the worker's past with what they have.
func (w *worker) images(ws *workers, a control.Assignment, limits rpc.Limits) *vruntime.Images {
	return &vruntime.Images{Peers: limits.ImagePeers, Active: replicaSets(a.Images), Wish: w.wish,
		Open: func(units peers.Units) (*vruntime.Recovery, error) { return w.open(ws, a, limits, units) }}
}

// wish says that there are sets to be activated.
func (w *worker) wish() {
	select {
	case w.wishes <- struct{}{}:
	default:
	}
}

// replicaSets are active sets by stage.
func replicaSets(units []control.UnitJournal) map[int]replica.Set {
	sets := map[int]replica.Set{}
	for _, u := range units {
		sets[int(u.Stage)] = replicaSet(u.Set)
	}
	return sets
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
	if err := cfg.checkStreams(d, tick); err != nil {
		return fmt.Errorf("--accept-gap: %w", err)
	}
	if err := meta.Commit(d.store, t); err != nil {
		return fmt.Errorf("--data-dir %s: %w", d.dir, err)
	}
	stored.Apply(t)
	cfg.Log.Warn(fmt.Sprintf("--accept-gap: %d journals that lost workers kept are given up; everything goes on from tick %d, and what is written from there on may differ from what was seen",
		len(t.Journals), tick))
	return nil
}

// checkStreams refuses to go back below what edges have persisted: ticks would be cut again, and be other ones.
func (cfg *Config) checkStreams(d *data, to frame.Tick) error {
	var store snapshot.Reader
	folder := filepath.Join(d.dir, "snapshots")
	if far, err := openStore(cfg.Recovery.SnapshotStore); err != nil {
		return err
	} else if far != nil {
		defer far.Close()
		store, folder = far, cfg.Recovery.SnapshotStore
	} else if store, err = snapshot.ReadDir(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	streams, err := persist.Open(store, jobID(d.token))
	if err != nil {
		return err
	}
	for _, s := range streams {
		if s.Reach() > to {
			return fmt.Errorf("everything would go on from tick %d, but of edge %s (%d) later ones are persisted, which would be cut again, and differ; move the objects of job-%016x/stream-* out of %s first",
				to, s.Name, s.Edge, s.Job, folder)
		}
	}
	return nil
}

// Wishes implements agent.Recovering.
func (w *worker) Wishes() <-chan struct{} { return w.wishes }

// Activations implements agent.Recovering.
func (w *worker) Activations() (all []control.Activate) {
	wanted := w.node.Wanted()
	for _, k := range slices.SortedFunc(maps.Keys(wanted), func(a, b vruntime.Kept) int { return cmp.Compare(a.Stage, b.Stage) }) {
		s := wanted[k]
		set := control.JournalSet{Version: s.Version, Life: s.Life}
		for _, m := range s.Members {
			set.Members = append(set.Members, control.JournalMember{Node: m.Node, Life: m.Life})
		}
		all = append(all, control.Activate{Stage: control.StageID(k.Stage), Images: k.Images, Set: set})
	}
	return all
}

// Activated implements agent.Recovering.
func (w *worker) Activated(a control.Activated) {
	w.node.Activated(vruntime.Kept{Stage: int(a.Stage), Images: a.Images}, replicaSet(a.Set))
}
