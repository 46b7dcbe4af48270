package bases

import (
	"errors"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// boss is a manager process: the machine with its driver.
type boss struct {
	w       *World
	epoch   control.Epoch
	machine *control.Machine
	inbox   []control.Event
	loose   []control.Reported // reports under way: lost, repeated, and out of order
	asked   *control.Txn
	unsure  bool // from Persist until Persisted is heard
	// saved is all ever reported as saved, for M01.
	saved map[control.Unit][]control.Saved
	// life is by node the newest life that was spawned or found alive.
	life []frame.Incarnation
}

// appoint starts a manager from what the store holds, and from who lives.
func (w *World) appoint() {
	var rec control.Stored
	for {
		var err error
		w.cached = nil
		if rec, err = meta.TakeOver(w.store, w.identity()); err == nil {
			break
		} else if errors.Is(err, meta.ErrFenced) {
			w.fail("nobody else takes over, but %v", err)
			return
		}
	}
	b := &boss{w: w, epoch: rec.Epoch, saved: map[control.Unit][]control.Saved{}, life: w.survivors(rec)}
	stages := slices.Clone(w.stages)
	for i := range stages {
		if w.cfg.Broken == R26 {
			stages[i].To = nil
		}
	}
	var err error
	b.machine, err = control.NewMachine(control.Config{
		Epoch: rec.Epoch, Workers: w.nodes, Cores: 1, Tick: control.TickRule{LengthNs: 5e6}, StartNs: startNs, StopNs: stopNs,
		Recovery: &control.Recovery{
			Stages: stages, Stored: rec, SnapshotIntervalNs: intervalNs, LeaseNs: leaseNs, Living: slices.Clone(b.life), AttachNs: attachNs, GiveUp: w.giveUp, PersistTries: 30, PersistRetryNs: 10,
		},
	})
	if err != nil {
		w.fail("the store cannot be taken over: %v", err)
		return
	}
	w.boss = b
	b.step(control.Clock{Now: w.now})
}

// survivors are by node the registered lives that have outlived the manager before. Others that live are killed, which may be too late.
func (w *World) survivors(rec control.Stored) []frame.Incarnation {
	living := make([]frame.Incarnation, w.nodes)
	for _, p := range slices.Clone(w.procs) {
		switch {
		case w.cfg.Broken == R35 && rec.Incarnations != nil:
			living[p.node] = rec.Incarnations[p.node]
		case rec.Incarnations != nil && rec.Incarnations[p.node] == p.inc && rec.Outcome == control.OutputOpen:
			living[p.node] = p.inc
		case w.faults && w.chance(8):
			w.res.Zombies++
		default:
			w.die(p, false)
		}
	}
	return living
}

// resign ends a manager. A transaction under way may still come to the store. The workers that it started end with it, or those that run live
// on; then it may be slow rather than dead.
func (w *World) resign() {
	b := w.boss
	w.boss = nil
	outlive := w.faults && !w.done && w.chance(2)
	if outlive && w.chance(2) {
		w.old = append(w.old, b)
	} else if b.asked != nil && w.chance(2) {
		w.late = append(w.late, *b.asked)
	}
	for _, p := range slices.Clone(w.procs) {
		switch {
		case outlive && (p.running || w.chance(4)):
		case w.faults && w.chance(w.undead):
			w.res.Zombies++ // it does not know yet
		default:
			w.die(p, false)
		}
	}
}

// bosses are all managers there are.
func (w *World) bosses() []*boss {
	if w.boss == nil {
		return w.old
	}
	return append(slices.Clone(w.old), w.boss)
}

// retire ends a manager that has a successor.
func (w *World) retire(b *boss) { w.old = remove(w.old, b) }

func (b *boss) step(ev control.Event) {
	for _, e := range b.machine.Step(ev) {
		b.do(e)
	}
}

func (b *boss) do(e control.Effect) {
	w := b.w
	switch e := e.(type) {
	case control.Spawn:
		w.checkSpawn(b, e)
		p := &proc{w: w, node: e.Node, inc: e.Incarnation, epoch: b.epoch}
		b.life[e.Node] = e.Incarnation
		w.procs = append(w.procs, p)
		b.inbox = append(b.inbox, control.Hello{From: p.from()})
	case control.Kill:
		w.checkKill(b, e)
		if p := w.process(e.Node, e.Incarnation); p != nil {
			if w.faults && w.chance(w.undead) {
				w.res.Zombies++ // it will die late, or never
				return
			}
			w.die(p, false)
		}
	case control.Persist:
		b.asked, b.unsure = &e.Txn, true
		if w.cfg.Broken == M23 {
			b.trimEarly(e.Txn)
		}
	case control.Start:
		w.checkStart(b, e)
		b.post(e.Node, e)
	case control.Connect:
		b.post(e.Node, e)
	case control.Relink:
		b.post(e.Node, e)
	case control.Run:
		b.post(e.Node, e)
	case control.Adopt:
		w.checkNeeds(e.Needs)
		w.res.Adopted++
		b.post(e.Node, e)
	case control.Mark:
		w.res.LastMark = e.Tick
		b.post(e.Node, e)
	case control.Trim:
		w.checkNeeds(e.Needs)
		b.post(e.Node, e)
	case control.Stop:
		b.post(e.Node, e)
	case control.Commit:
		w.checkCommit()
		w.commits++
		b.inbox = append(b.inbox, control.Committed{})
	case control.End:
		b.end(e.Outcome)
	}
}

// post sends a command to the newest process of a node that this manager started or found. It may have another manager by now.
func (b *boss) post(node frame.NodeID, cmd control.Effect) {
	for _, p := range slices.Backward(b.w.procs) {
		if p.node == node && (p.inc == b.life[node] || b.w.cfg.Broken == R35) {
			p.mail = append(p.mail, cmd)
			return
		}
	}
}

// persist lets the store answer.
func (b *boss) persist() bool {
	if b.asked == nil {
		return false
	}
	t := *b.asked
	b.asked = nil
	if b.w.cfg.Broken == M04d {
		t.Bases = nil
	}
	before := b.w.stored()
	err := meta.Commit(b.w.store, t)
	b.w.cached = nil
	b.w.checkStored(before)
	b.inbox = append(b.inbox, meta.Persisted(err))
	return true
}

// hear takes the next event that is sure to come.
func (b *boss) hear() bool {
	if len(b.inbox) == 0 {
		return false
	}
	ev := b.inbox[0]
	b.inbox = b.inbox[1:]
	if _, ok := ev.(control.Persisted); ok {
		b.unsure = false
	}
	b.step(ev)
	return true
}

// read takes a report.
func (b *boss) read(r control.Reported) {
	if b.w.cfg.Broken == M01 || b.w.cfg.Broken == M01a {
		r = b.withoutI8(r)
	}
	b.step(r)
}

// withoutI8 makes a report of which everything counts that any life of the units has ever said.
func (b *boss) withoutI8(r control.Reported) control.Reported {
	r.Incarnation = b.w.stored().Incarnations[r.Node]
	r.Executed = slices.Clone(r.Executed)
	for i := range r.Executed {
		r.Executed[i] = frame.MaxTick
	}
	for _, s := range r.Saved {
		u := control.Unit{Stage: s.Stage, Node: r.Node}
		if !slices.Contains(b.saved[u], s) {
			b.saved[u] = append(b.saved[u], s)
		}
	}
	r.Saved = nil
	for s := range b.w.stages {
		r.Saved = append(r.Saved, b.saved[control.Unit{Stage: control.StageID(s), Node: r.Node}]...)
	}
	return r
}

// trimEarly trims as if the transaction were committed (M23).
func (b *boss) trimEarly(t control.Txn) {
	rec := b.w.stored()
	rec = rec.Clone()
	rec.Apply(control.Txn{Bases: t.Bases})
	needs := b.w.needs(rec)
	for n := range frame.NodeID(b.w.nodes) {
		b.post(n, control.Trim{Node: n, Epoch: b.epoch, Needs: needs})
	}
}

func (b *boss) end(o control.Outcome) {
	w := b.w
	switch {
	case o.OK():
		w.done = true
	case b != w.boss:
		w.retire(b)
		return
	case o.Fenced:
		w.fail("fenced without another manager: %s", o.Reason)
	case !w.faults && w.giveUp > 3:
		w.fail("without a fault: %s", o.Reason)
	}
	w.res.Recoveries += o.Stats.Recovery.Recoveries
	if !w.done {
		w.resign()
	}
}
