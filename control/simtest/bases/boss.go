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
}

// appoint starts a manager from what the store holds.
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
	b := &boss{w: w, epoch: rec.Epoch, saved: map[control.Unit][]control.Saved{}}
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
			Stages: stages, Stored: rec, SnapshotIntervalNs: intervalNs, LeaseNs: leaseNs, GiveUp: w.giveUp, PersistTries: 30, PersistRetryNs: 10,
		},
	})
	if err != nil {
		w.fail("the store cannot be taken over: %v", err)
		return
	}
	w.boss = b
	b.step(control.Clock{Now: w.now})
}

// resign ends a manager, and with it the workers that it started. A transaction under way may still come to the store.
func (w *World) resign() {
	b := w.boss
	w.boss = nil
	if b.asked != nil && w.chance(2) {
		w.late = append(w.late, *b.asked)
	}
	for _, p := range slices.Clone(w.procs) {
		if w.faults && w.chance(8) {
			w.res.Zombies++ // it does not know yet
			continue
		}
		w.die(p, false)
	}
}

func (b *boss) step(ev control.Event) {
	for _, e := range b.machine.Step(ev) {
		b.do(e)
	}
}

func (b *boss) do(e control.Effect) {
	w := b.w
	switch e := e.(type) {
	case control.Spawn:
		w.checkSpawn(e)
		p := &proc{w: w, node: e.Node, inc: e.Incarnation, epoch: b.epoch}
		w.procs = append(w.procs, p)
		b.inbox = append(b.inbox, control.Hello{From: p.from()})
	case control.Kill:
		if p := w.process(e.Node, e.Incarnation); p != nil {
			if w.faults && w.chance(10) {
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
		w.checkStart(e)
		b.post(e.Node, e)
	case control.Connect:
		b.post(e.Node, e)
	case control.Relink:
		b.post(e.Node, e)
	case control.Run:
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
	case control.Abort:
		b.inbox = append(b.inbox, control.Aborted{})
	case control.End:
		b.end(e.Outcome)
	}
}

// post sends a command to the newest process of a node that this manager started.
func (b *boss) post(node frame.NodeID, cmd control.Effect) {
	for _, p := range slices.Backward(b.w.procs) {
		if p.node == node && p.epoch == b.epoch {
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
