package bases

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
)

// The kinds of step, for one of them to be starved.
const (
	kindHear = iota
	kindRead
	kindPersist
	kindObey
	kindExecute
	kindSave
	kindReport
	kinds
)

const (
	chaosSteps = 1500
	roundsMax  = 5000
	// A round in which something moves is short; when nothing does, idleMax longer ones outlast any patience of a machine, while nobody is
	// silent for half a lease.
	roundNs = intervalNs / 4
	idleNs  = leaseNs / 4
	idleMax = 2 * startNs / idleNs
)

// Run plays one schedule.
func Run(cfg Config) (Result, error) {
	w := newWorld(cfg)
	w.appoint()
	for range chaosSteps {
		if w.err != nil || w.done {
			break
		}
		w.res.Steps++
		w.step()
		w.check()
	}
	w.faults = false
	w.drain(func() bool { return false })
	if w.err == nil && !w.done {
		if cfg.Broken == Intact {
			w.checkFixpoint()
		}
		w.hold = w.end
		if !w.drain(func() bool { return w.done }) {
			w.fail("stuck: %s", w.story())
		}
	}
	if w.err == nil && w.commits == 0 {
		w.fail("the job has ended, and its output was never made visible")
	}
	if w.err != nil {
		return w.res, fmt.Errorf("seed %d: %w", cfg.Seed, w.err)
	}
	return w.res, nil
}

// step does one thing.
func (w *World) step() {
	w.now += control.TimeNs(w.rng.IntN(4))
	if w.faults && w.fault() {
		return
	}
	if w.boss == nil && w.chance(20) {
		w.appoint()
		return
	}
	kind := w.rng.IntN(kinds)
	if kind == w.starved && !w.chance(10) {
		return
	}
	switch kind {
	case kindHear, kindRead, kindPersist:
		if all := w.bosses(); len(all) > 0 {
			w.stepBoss(all[w.rng.IntN(len(all))], kind)
		}
	default:
		if len(w.procs) > 0 {
			w.stepProc(w.procs[w.rng.IntN(len(w.procs))], kind)
		}
	}
}

// stepBoss has a manager do something of a kind.
func (w *World) stepBoss(b *boss, kind int) {
	if b != w.boss {
		w.res.Belated++
	}
	switch kind {
	case kindHear:
		if !b.hear() {
			b.step(control.Clock{Now: w.now})
		}
	case kindRead:
		w.readLoose(b)
	case kindPersist:
		b.persist()
	}
}

// readLoose delivers a report, any of those under way, and perhaps leaves it there to come again.
func (w *World) readLoose(b *boss) {
	if len(b.loose) == 0 {
		return
	}
	i := w.rng.IntN(len(b.loose))
	r := b.loose[i]
	if !w.chance(4) {
		b.loose = slices.Delete(b.loose, i, i+1)
	}
	b.read(r)
}

// stepProc has a process do something of a kind.
func (w *World) stepProc(p *proc, kind int) {
	if p.frozen {
		return
	}
	switch kind {
	case kindObey:
		p.obey()
	case kindReport:
		if p.attach() {
			return
		}
		if b := p.manager(); b != nil && p.started && !p.offered {
			b.loose = append(b.loose, p.report())
			if len(b.loose) > 20 {
				b.loose = slices.Delete(b.loose, 0, 1)
			}
		}
	case kindSave:
		if len(p.units) > 0 {
			p.save(p.units[w.rng.IntN(len(p.units))])
		}
		p.finish()
	case kindExecute:
		if !p.running || len(p.units) == 0 {
			return
		}
		for range 8 {
			u := p.units[w.rng.IntN(len(p.units))]
			if u.id == w.slow && !w.chance(20) {
				continue
			}
			w.work(p, u)
		}
	}
}

// work pulls what a unit's inputs have and executes what it can.
func (w *World) work(p *proc, u *unit) (did bool) {
	for _, from := range w.producers(u.id.Stage) {
		did = p.pull(u, from) || did
	}
	return p.execute(u) || did
}

// die ends a process. Images that it was writing may or may not have become whole.
func (w *World) die(p *proc, clean bool) {
	w.procs = remove(w.procs, p)
	for _, u := range p.units {
		for w.chance(2) && p.save(u) {
		}
	}
	lost := control.Lost{Node: p.node, Incarnation: p.inc, Reason: "killed", Clean: clean}
	for _, b := range w.bosses() {
		if b.life[p.node] == p.inc || w.cfg.Broken == R35 {
			lost.Incarnation = b.life[p.node]
			b.inbox = append(b.inbox, lost)
		}
	}
}

// fault has something go wrong, now and then.
func (w *World) fault() bool {
	if w.cfg.Broken == M01a {
		if w.res.Crashes == 0 && w.chance(chaosSteps/3) && len(w.procs) > 0 {
			w.crash()
		}
		return false
	}
	kind := w.rng.IntN(400)
	if kind < 9 && w.frail > 0 && w.chance(w.frail) {
		kind = 4
	}
	switch kind {
	case 0, 1, 2:
		w.crash()
	case 3:
		if len(w.procs) > 0 {
			p := w.procs[w.rng.IntN(len(w.procs))]
			p.frozen = !p.frozen
		}
	case 4:
		if w.boss != nil {
			w.res.ManagerLosses++
			w.resign()
		}
	case 5, 6:
		w.damage()
	case 7:
		if len(w.late) > 0 {
			w.commitLate()
		}
	case 8:
		w.now += control.TimeNs(w.rng.IntN(2 * leaseNs))
	default:
		return false
	}
	return true
}

func (w *World) crash() {
	if len(w.procs) > 0 {
		w.res.Crashes++
		w.die(w.procs[w.rng.IntN(len(w.procs))], false)
	}
}

// damage makes the image at a committed base unreadable, if the generation before is whole, and nobody else's is damaged: two
// generations lost at once are beyond what is promised.
func (w *World) damage() {
	if w.cfg.Broken == M25 || w.cfg.Broken == M11 {
		return
	}
	rec := w.stored()
	var candidates []control.Unit
	whole := true
	w.each(func(u control.Unit) {
		base := rec.Bases[u.Stage][u.Node]
		for _, readable := range w.disks[u].images {
			whole = whole && readable
		}
		if base.Prev < base.Base {
			candidates = append(candidates, u)
		}
	})
	if whole && len(candidates) > 0 {
		u := candidates[w.rng.IntN(len(candidates))]
		w.disks[u].images[rec.Bases[u.Stage][u.Node].Base] = false
	}
}

// drain lets everything happen that can, without faults, until over says so or nothing moves any more.
func (w *World) drain(over func() bool) bool {
	w.old = nil
	for _, p := range w.procs {
		p.frozen = false
	}
	idle := 0
	for range roundsMax {
		if w.err != nil || over() {
			return true
		}
		if w.boss == nil {
			w.appoint()
			continue
		}
		if idle > 0 {
			w.now += idleNs
		}
		if w.round() {
			idle = 0
			w.check()
		} else if idle++; idle > idleMax {
			return false
		}
	}
	return false
}

// round lets everybody do all they can for a moment, and tells whether anything came further.
func (w *World) round() (moved bool) {
	w.now += roundNs
	b := w.boss
	for _, p := range slices.Clone(w.procs) {
		for len(p.mail) > 0 && w.process(p.node, p.inc) == p {
			_, mark := p.mail[0].(control.Mark) // they come for ever, if everybody misses them
			p.obey()
			moved = moved || !mark
		}
		for _, u := range p.units {
			for n := 0; n < 3 && p.running && w.work(p, u); n++ {
				moved = true
			}
			moved = p.save(u) || moved
		}
		moved = p.finish() || moved
		moved = p.attach() || moved
		if p.started && p.epoch == b.epoch && !p.offered {
			b.loose = append(b.loose, p.report())
		}
	}
	b.step(control.Clock{Now: w.now})
	for _, r := range b.loose {
		if w.boss == b {
			b.read(r)
		}
	}
	b.loose = nil
	for w.boss == b && !w.done && (b.hear() || b.persist()) {
		moved = true
	}
	return moved
}

// commitLate lets a transaction of a manager that is gone come to the store.
func (w *World) commitLate() {
	t := w.late[0]
	w.late = w.late[1:]
	before := w.stored()
	err := meta.Commit(w.store, t)
	w.cached = nil
	if err == nil && before.Epoch > t.Epoch {
		w.fail("R37: a transaction of epoch %d was carried out under epoch %d", t.Epoch, before.Epoch)
	}
	w.checkStored(before)
}

// story says where everybody stands.
func (w *World) story() (s string) {
	rec := w.stored()
	w.each(func(u control.Unit) {
		s += fmt.Sprintf("%v %+v", u, rec.Bases[u.Stage][u.Node])
		p := w.process(u.Node, rec.Incarnations[u.Node])
		if p == nil || p.unit(u.Stage) == nil {
			s += " not there; "
			return
		}
		v := p.unit(u.Stage)
		s += fmt.Sprintf(" at %d since %d", v.exec, v.restored)
		for _, from := range w.producers(u.Stage) {
			s += fmt.Sprintf(", has %d of %v", v.closed[from], from)
			if q := w.process(from.Node, rec.Incarnations[from.Node]); q != nil && q.unit(from.Stage) != nil {
				s += fmt.Sprintf(" (which keeps %d to %d)", q.unit(from.Stage).trimmed[u]+1, q.unit(from.Stage).exec)
			}
		}
		s += "; "
	})
	return s + fmt.Sprintf("end %d", w.end)
}
