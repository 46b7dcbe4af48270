package simtest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// What a worker goes on from, and what it tells its manager of that.

func (w *worker) recovery(a control.Assignment) (*runtime.Recovery, error) {
	if w.sim.cfg.Faults == nil {
		return nil, nil
	}
	d, p := w.sim.disks[w.node], w.sim.cfg.Plan
	d.take(w.incarnation)
	if w.sim.cfg.Broken == M25 {
		a.Restore = d.newest(a.Restore)
	}
	d.rewind(a.Restore)
	save := func(stage int, t frame.Tick, im snapshot.Image) { d.save(w.incarnation, stage, t, im) }
	w.quiet = a.Quiet
	switch w.sim.cfg.Broken {
	case M08:
		a.Restore = asked(a.Restore, a.Quiet)
	case M10:
		a.Quiet = nil
	}
	r := &runtime.Recovery{Journal: d.open, Save: save, Lost: d.lost, Images: make([]*runtime.Image, len(p.Stages)), Warm: a.Quiet}
	if w.sim.cfg.Broken == R13 {
		r.Journal = w.noting(r.Journal)
	}
	if w.sim.cfg.Faults.ImagePeers > 0 { // they are read once peers have given them
		r.Save, r.Lost = func(stage int, t frame.Tick, im snapshot.Image) { w.images.save(stage, t, im) }, func(stage int, t frame.Tick, err error) { w.images.lost(stage, t, err) }
		return r, nil
	}
	return r, w.restore(a, r, func(stage int, t frame.Tick) ([]byte, bool) { return w.sim.image(stage, w.node, t) })
}

// restore reads the images that the worker goes on from.
func (w *worker) restore(a control.Assignment, r *runtime.Recovery, from func(stage int, t frame.Tick) ([]byte, bool)) error {
	p := w.sim.cfg.Plan
	for i, t := range a.Restore {
		tasks := p.TasksOn(i, a.Node, a.Nodes)
		if t == 0 || tasks.Count == 0 {
			continue
		}
		saved := control.Saved{Stage: control.StageID(i), Tick: t}
		image, ok := from(i, t)
		if !ok {
			return fmt.Errorf("I11: no image of stage %d after tick %d", i, t)
		}
		l, err := snapshot.Decode(image)
		if errors.Is(err, snapshot.ErrDamaged) && w.sim.damaged {
			return &unreadable{saved}
		}
		if err == nil {
			r.Images[i], err = p.ParseImage(i, tasks, l.Extra, l.Parts)
		}
		if err != nil {
			return fmt.Errorf("stage %d, tick %d: %w", i, t, err)
		}
	}
	if w.sim.cfg.Broken == M22 {
		w.sim.breakImages(r.Images)
	}
	return nil
}

type unreadable struct{ control.Saved }

func (u *unreadable) Error() string {
	return fmt.Sprintf("the image of stage %d after tick %d is damaged", u.Stage, u.Tick)
}

func (w *worker) trim(needs control.Needs) error {
	if needs == nil {
		return nil
	}
	w.sim.disks[w.node].trim(needs, w.node)
	w.images.trim(needs)
	w.sim.trimmedTo(needs)
	w.sim.checkBases()
	if w.sim.cfg.Broken == Delivered {
		needs = w.sim.delivered(needs)
	}
	if w.sim.cfg.Broken == M01b {
		needs = w.sim.ofFaster(needs)
	}
	if w.sim.cfg.Broken == OneTooFar {
		needs = oneTooFar(needs)
	}
	w.heard(needs)
	return w.w.Trim(needs)
}

func (w *worker) report() {
	if w.w == nil || w.dead {
		return
	}
	if len(w.unheard) > 0 || len(w.sim.toBoss) > 40 || w.offered {
		return // reports may be lost
	}
	w.wish()
	w.tell(w.progress())
}

func (w *worker) mark(t frame.Tick) {
	w.marked = max(w.marked, t)
	w.w.Mark(t)
}

func (w *worker) progress() control.Reported {
	p := w.w.Progress()
	saved, unsaved := w.sim.disks[w.node].saved(), w.sim.disks[w.node].unsaved
	if w.images != nil {
		saved, unsaved = w.images.saved(), w.images.unsaved
	}
	r := control.Reported{From: w.from(), Executed: p.Executed, Opened: p.Opened, Missed: p.Missed, Unsaved: slices.Clone(unsaved)}
	for _, s := range saved {
		if !w.counts(int(s.Stage), s.Tick) || w.sim.cfg.Broken.countsAcks() && !w.acked(int(s.Stage)) {
			continue
		}
		low, hollow := w.w.Low(int(s.Stage), s.Tick)
		if hollow {
			r.Hollow = append(r.Hollow, control.Hollow{Saved: s, Low: low})
		} else {
			r.Saved = append(r.Saved, s)
		}
	}
	if w.sim.cfg.Broken.ignoresLives() {
		for i := range r.Executed {
			r.Executed[i] = frame.MaxTick
		}
	}
	if w.sim.cfg.Broken == M09 {
		r.Hollow = nil
	}
	return r
}
