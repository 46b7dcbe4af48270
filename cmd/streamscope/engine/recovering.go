package engine

import (
	"errors"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/agent"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog/frame"
	vruntime "github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/runtime/datadir"
)

var _ agent.Recovering = (*worker)(nil)

// relinksMax bounds the news of peers' new lives that wait to be followed; the manager makes one after the other.
const relinksMax = 256

// unreadable makes an image that cannot be restored known to the agent.
type unreadable struct{ *datadir.UnreadableError }

func (u unreadable) Unreadable() control.Saved {
	return control.Saved{Stage: control.StageID(u.Stage), Tick: u.Tick}
}

// recover opens the worker's past, or says how it is opened once peers have given the images; both nil without recovery.
func (w *worker) recover(ws *workers, a control.Assignment, limits rpc.Limits) (*vruntime.Recovery, *vruntime.Images, error) {
	if a.Incarnation == 0 {
		return nil, nil, nil
	}
	var err error
	if w.using, err = appear(limits.DataDir, ws.job.Token, a); err != nil {
		return nil, nil, err
	}
	if limits.ImagePeers > 0 {
		return nil, w.images(ws, a, limits), nil
	}
	store, err := openStore(limits.SnapshotStore)
	if err != nil {
		return nil, nil, errors.Join(err, w.closePast())
	}
	r, err := w.open(ws, a, limits, store)
	if err != nil {
		return nil, nil, errors.Join(asUnreadable(err), w.closePast())
	}
	return r, nil, nil
}

// open opens the worker's past with a store of images; nil: they lie in the data directory.
func (w *worker) open(ws *workers, a control.Assignment, limits rpc.Limits, store datadir.Store) (r *vruntime.Recovery, err error) {
	w.past, r, err = datadir.Open(datadir.Config{
		Dir: limits.DataDir, Job: jobID(ws.job.Token), Plan: w.plan.Runtime, Node: a.Node, Nodes: a.Nodes, Incarnation: a.Incarnation, Needs: a.Needs, Store: store,
		Warn: w.warnings.add,
	}, a.Restore)
	if err != nil {
		return nil, err
	}
	r.Warm = a.Quiet
	return r, nil
}

// asUnreadable lets the agent see that an error is about an image.
func asUnreadable(err error) error {
	var image *datadir.UnreadableError
	if errors.As(err, &image) {
		return unreadable{image}
	}
	return err
}

// begin takes what the manager knew when it made this life.
func (w *worker) begin(a control.Assignment) error {
	for _, t := range a.Marks {
		w.Mark(t)
	}
	w.relinks = make(chan func(), relinksMax)
	w.linking.Go(func() {
		for relink := range w.relinks {
			relink()
		}
	})
	return w.Trim(a.Needs)
}

// holders are the peers that may hold copies, and where.
func holders(peers []control.Peer) (all []netio.Peer) {
	for _, p := range peers {
		if p.CopyAddr != "" {
			all = append(all, netio.Peer{Node: p.Node, Incarnation: max(firstLife, p.Incarnation), Addr: p.CopyAddr})
		}
	}
	return all
}

// closePast gives the data directory back.
func (w *worker) closePast() error {
	var err error
	if w.past != nil {
		err = w.past.Close()
	}
	if w.using != nil {
		err = errors.Join(err, w.using.close())
	}
	return err
}

// Mark implements agent.Recovering.
func (w *worker) Mark(t frame.Tick) { w.node.Worker().Mark(t) }

// Trim implements agent.Recovering.
func (w *worker) Trim(needs control.Needs) error {
	w.past.Trim(needs)
	w.node.TrimStreams(needs)
	return w.node.Worker().Trim(needs)
}

// Relink implements agent.Recovering.
func (w *worker) Relink(p control.Peer) {
	w.relinks <- func() {
		w.node.ConnectCopies(holders([]control.Peer{p}))
		// An error ends the node, which the next report tells.
		w.node.Relink(netio.Peer{Node: p.Node, Incarnation: p.Incarnation, Addr: p.Addr})
	}
}

// Admit implements agent.Recovering.
func (w *worker) Admit(p control.Peer) {
	w.relinks <- func() { w.node.Admit(netio.Peer{Node: p.Node, Incarnation: p.Incarnation}) }
}

// Report implements agent.Recovering.
func (w *worker) Report() (control.Reported, error) {
	if err := w.node.Err(); err != nil && w.complete.Load() {
		return control.Reported{}, err
	}
	p := w.node.Worker().Progress()
	r := control.Reported{Executed: p.Executed, Opened: p.Opened, Missed: p.Missed}
	for _, s := range w.past.Saved() {
		saved := control.Saved{Stage: control.StageID(s.Stage), Tick: s.Tick}
		if s.Err == nil && s.Tick > w.node.Worker().PersistedTo(s.Stage) {
			continue // it counts once all is durable that went out before it
		}
		if s.Err != nil {
			r.Unsaved = append(r.Unsaved, control.Unsaved{Saved: saved, Reason: s.Err.Error()})
		} else if low, hollow := w.node.Worker().Low(s.Stage, s.Tick); hollow {
			r.Hollow = append(r.Hollow, control.Hollow{Saved: saved, Low: low})
		} else {
			r.Saved = append(r.Saved, saved)
		}
	}
	r.Held, r.Warnings = w.held(), w.warnings.take()
	return r, nil
}
