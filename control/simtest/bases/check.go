package bases

import (
	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// stored is what the store holds.
func (w *World) stored() control.Stored {
	if w.cached != nil {
		return *w.cached
	}
	rec, err := meta.Load(w.store, w.identity())
	if err != nil {
		w.fail("the store: %v", err)
	}
	if rec.Bases == nil {
		rec.Incarnations = make([]frame.Incarnation, w.nodes)
		rec.Bases = make([][]control.Base, len(w.stages))
		for i := range rec.Bases {
			rec.Bases[i] = make([]control.Base, w.nodes)
		}
	}
	w.cached = &rec
	return rec
}

// needs are what may be trimmed by what is stored.
func (w *World) needs(rec control.Stored) control.Needs {
	needs := make(control.Needs, len(w.stages))
	for s := range needs {
		needs[s] = make([]frame.Tick, w.nodes)
		for n := range needs[s] {
			needs[s][n] = frame.MaxTick
			if w.disks[control.Unit{Stage: control.StageID(s), Node: frame.NodeID(n)}] != nil {
				needs[s][n] = rec.Bases[s][n].Prev
			}
		}
	}
	return needs
}

// checkNeeds asserts I7 on what is told to workers.
func (w *World) checkNeeds(needs control.Needs) {
	if w.cfg.Broken != Intact {
		return
	}
	committed := w.needs(w.stored())
	for s := range needs {
		for n, t := range needs[s] {
			if t > committed[s][n] {
				w.fail("I7: trim of stage %d on node %d to %d, committed is %d", s, n, t, committed[s][n])
			}
		}
	}
}

// checkSpawn asserts R35: nobody is started who is not registered.
func (w *World) checkSpawn(b *boss, e control.Spawn) {
	if got := w.stored().Incarnations[e.Node]; got != e.Incarnation && b == w.boss && w.cfg.Broken == Intact {
		w.fail("T1: node %d is spawned as %d, registered is %d", e.Node, e.Incarnation, got)
	}
	if w.process(e.Node, e.Incarnation) != nil {
		w.fail("T1: incarnation %d of node %d is spawned twice", e.Incarnation, e.Node)
	}
}

// checkKill asserts C11: while a run goes on, nobody is killed who is registered.
func (w *World) checkKill(b *boss, e control.Kill) {
	if w.stored().Incarnations[e.Node] == e.Incarnation && b.machine.Phase() <= control.Running && w.cfg.Broken == Intact {
		w.fail("C11: the manager of epoch %d kills %+v, which is registered", b.epoch, e)
	}
}

// checkStart asserts that a unit restarts at its committed base. If others have fallen back meanwhile that may be less now; then it
// restarts where it was registered to, as long as nobody will ask for what lies before.
func (w *World) checkStart(b *boss, e control.Start) {
	if w.cfg.Broken != Intact {
		return
	}
	w.checkNeeds(e.Assignment.Needs)
	rec := w.stored()
	if e.Assignment.Incarnation != rec.Incarnations[e.Node] || b != w.boss || b.unsure {
		return // it will be replaced if the store has changed meanwhile
	}
	w.each(func(u control.Unit) {
		got, base := e.Assignment.Restore[u.Stage], rec.Bases[u.Stage][u.Node].Base
		if u.Node != e.Node || got == base {
			return
		}
		for _, c := range w.consumers(u.Stage) {
			if need := rec.Bases[c.Stage][c.Node].Base; got < base || got > need {
				w.fail("T1: %v restarts at %d, committed is %d, and %v asks after %d", u, got, base, c, need)
			}
		}
	})
}

// checkStored asserts that a change of the store keeps bases from falling, but for one step back.
func (w *World) checkStored(before control.Stored) {
	if w.cfg.Broken != Intact {
		return
	}
	after := w.stored()
	w.each(func(u control.Unit) {
		was, is := before.Bases[u.Stage][u.Node], after.Bases[u.Stage][u.Node]
		if is.Base < was.Base {
			w.res.Fallbacks++
			if is.Base != was.Prev {
				w.fail("I7: base of %v fell from %+v to %+v", u, was, is)
			}
		}
		if is.Prev < was.Prev || is.Prev > is.Base {
			w.fail("I7: the generation before of %v went from %+v to %+v", u, was, is)
		}
	})
}

// check asserts the invariants that hold at any time.
func (w *World) check() {
	if w.cfg.Broken != Intact {
		return
	}
	rec := w.stored()
	w.each(func(u control.Unit) {
		base, d := rec.Bases[u.Stage][u.Node], w.disks[u]
		for _, t := range [...]frame.Tick{base.Base, base.Prev} {
			if _, there := d.images[t]; t > 0 && !there {
				w.fail("I11: %v has %+v, but no image of %d", u, base, t)
			}
		}
		if d.trimmed > base.Prev && w.stages[u.Stage].Source {
			w.fail("I11: %v has %+v, its journal begins after %d", u, base, d.trimmed)
		}
		if w.sink(u.Stage) && base.Base > d.ext {
			w.fail("I10: %v has %+v, its output is durable up to %d", u, base, d.ext)
		}
		for _, c := range w.consumers(u.Stage) {
			if need := rec.Bases[c.Stage][c.Node]; base.Base > need.Base || base.Prev > need.Prev {
				w.fail("I9: %v has %+v, its consumer %v %+v", u, base, c, need)
			}
		}
		if p := w.process(u.Node, rec.Incarnations[u.Node]); p != nil {
			w.checkLive(p, u, base)
		}
	})
}

// checkLive asserts what ties a base to the registered instance.
func (w *World) checkLive(p *proc, id control.Unit, base control.Base) {
	u := p.unit(id.Stage)
	if u == nil {
		return // not restored yet
	}
	if base.Base > max(u.restored, u.exec) {
		w.fail("I8: base of %v is %d, its instance is at %d since %d", id, base.Base, u.exec, u.restored)
	}
	for from, closed := range u.closed {
		if closed < base.Prev {
			w.fail("I12: %v asks %v for tick %d, needed is only what is above %d", id, from, closed+1, base.Prev)
		}
	}
}

func (w *World) checkCommit() {
	w.each(func(u control.Unit) {
		if d := w.disks[u]; w.sink(u.Stage) && (d.ext != w.end || d.gap) {
			w.fail("I14: the output is made visible, that of %v ends at %d of %d, with a gap: %t", u, d.ext, w.end, d.gap)
		}
	})
}

// checkFixpoint asserts I18 when nothing moves any more: every base is the greatest tick that the rules allow. It is computed by taking away
// what is not allowed until nothing is left to take.
func (w *World) checkFixpoint() {
	rec := w.stored()
	allowed := map[control.Unit]frame.Tick{}
	w.each(func(u control.Unit) { allowed[u] = w.greatest(u, rec, frame.MaxTick) })
	for changed := true; changed; {
		changed = false
		w.each(func(u control.Unit) {
			for _, c := range w.consumers(u.Stage) {
				if t := w.greatest(u, rec, allowed[c]); t < allowed[u] {
					allowed[u], changed = t, true
				}
			}
		})
	}
	w.res.LeastBase = frame.MaxTick
	w.each(func(u control.Unit) {
		got := rec.Bases[u.Stage][u.Node].Base
		if got != allowed[u] {
			w.fail("I18: base of %v is %d, the rules allow %d", u, got, allowed[u])
		}
		w.res.LeastBase = min(w.res.LeastBase, got)
	})
}

// greatest is the greatest tick up to a limit of which the unit's instance has an image, or its base.
func (w *World) greatest(u control.Unit, rec control.Stored, limit frame.Tick) frame.Tick {
	t := rec.Bases[u.Stage][u.Node].Base
	if p := w.process(u.Node, rec.Incarnations[u.Node]); p != nil && p.unit(u.Stage) != nil {
		for at := range p.unit(u.Stage).saved {
			if at <= limit {
				t = max(t, at)
			}
		}
	}
	return t
}
