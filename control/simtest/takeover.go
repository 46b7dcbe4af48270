package simtest

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Managers that die while their workers live on, and managers that live on beside their successor: what processes, sockets and agents do then, without them.

// elder is a manager that does not know yet that it has a successor.
type elder struct {
	epoch   control.Epoch
	machine *control.Machine
	inbox   []control.Event
	until   int // step
}

// told are the figures of takeovers.
type told struct{ adopted, fenced, late int }

// managerDies ends the manager. Of what is under way to it nothing arrives; of what it has said, each worker hears a part. Who runs lives on.
func (s *Sim) managerDies(length int) bool {
	if s.machine == nil {
		return false
	}
	s.machine, s.toBoss, s.vacant = nil, nil, s.steps+length
	for _, w := range slices.Clone(s.workers) {
		w.mail = w.mail[:s.rng.IntN(len(w.mail)+1)]
		if w.alive() && !w.outlives() && s.rng.IntN(2) == 0 { // the others notice it later
			s.crash(w, "ended without a manager")
		}
	}
	return true
}

// managerIsReplaced has a successor take over while the manager lives on.
func (s *Sim) managerIsReplaced(length int) bool {
	if s.machine == nil || s.elder != nil {
		return false
	}
	s.elder = &elder{s.stored.Epoch, s.machine, s.toBoss, s.steps + length}
	s.machine, s.toBoss = nil, nil
	s.appoint()
	return true
}

// appoint starts a manager from what the store holds, and from who lives.
func (s *Sim) appoint() {
	cfg := s.managed()
	cfg.Recovery.Living = s.survivors()
	if s.cfg.Faults.LeaseNs > 0 || s.rng.IntN(2) == 0 {
		cfg.Recovery.AttachNs = 1 + s.rng.Int64N(2e6)
		s.impatient = true
	} else {
		cfg.Recovery.AttachNs = 1 << 60
	}
	var err error
	if s.machine, err = control.NewMachine(cfg); err != nil {
		s.fail(err)
		return
	}
	s.clock()
}

// survivors are by node the lives that a new manager finds. Those that are not registered are killed, which may be too late.
func (s *Sim) survivors() []frame.Incarnation {
	living := make([]frame.Incarnation, len(s.workers))
	for n, w := range slices.Clone(s.workers) {
		switch registered := s.stored.Incarnations[n]; {
		case !w.alive():
		case (w.incarnation == registered || s.cfg.Broken == R35) && s.stored.Outcome == control.OutputOpen && !w.doomed:
			living[n] = registered
		case s.away(w.node):
			s.detach(w, s.harms[n].away)
		default:
			s.crash(w, "killed by a manager that takes over")
		}
	}
	return living
}

// manage has a manager take over once its time has come, and lets the one before do something or end.
func (s *Sim) manage() {
	if s.machine == nil && s.steps >= s.vacant {
		s.appoint()
	}
	o := s.elder
	if o == nil {
		return
	}
	switch {
	case s.steps >= o.until:
		s.elder = nil
	case s.rng.IntN(8) > 0:
	case len(o.inbox) > 0 && s.rng.IntN(2) == 0:
		ev := o.inbox[0]
		o.inbox = o.inbox[1:]
		s.obeyElder(o, o.machine.Step(ev))
	default:
		s.obeyElder(o, o.machine.Step(control.Clock{Now: control.TimeNs(s.now + s.bossSkewNs)}))
	}
}

// obeyElder carries out what a manager wants that has a successor.
func (s *Sim) obeyElder(o *elder, effects []control.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case control.Persist:
			s.persist(e.Txn)
		case control.Spawn: // it finds a manager of a greater epoch, and ends
			o.inbox = append(o.inbox, control.Lost{Node: e.Node, Incarnation: e.Incarnation, Reason: "another manager has taken over"})
		case control.Kill:
			if s.stored.Incarnations[e.Node] == e.Incarnation {
				s.fail(fmt.Errorf("C11: the manager of epoch %d kills node %d in its life %d, which is registered", o.epoch, e.Node, e.Incarnation))
			} else if w := s.workers[e.Node]; w.incarnation == e.Incarnation && !s.away(e.Node) {
				s.crash(w, "killed by the manager before")
			}
		case control.Commit: // that the output is complete was stored before
			s.commits++
			o.inbox = append(o.inbox, control.Committed{})
		case control.Abort:
			s.fail(fmt.Errorf("C1: the manager of epoch %d removes the output of its successor", o.epoch))
		case control.End:
			s.elder = nil
			return
		default:
			s.postAny(e)
		}
	}
}

// postAny sends an effect to the worker that it is for, if it is a command.
func (s *Sim) postAny(e control.Effect) {
	node, _, ok := control.Command(e)
	if !ok {
		return
	}
	if t, trim := e.(control.Trim); trim {
		s.checkNeeds(t.Needs)
	}
	s.post(node, e)
}

// alive tells whether there is a process.
func (w *worker) alive() bool { return !w.dead && w.incarnation > 0 }

// outlives tells whether it goes on without a manager: who does not run has nothing to lose, who has failed is to be replaced.
func (w *worker) outlives() bool { return w.running && !w.failed }

// reach hands an event to the manager that the worker follows, if that lives to hear it and has adopted it.
func (w *worker) reach(ev control.Event) {
	s := w.sim
	switch {
	case w.offered, w.alone:
	case s.cfg.Faults == nil, s.machine != nil && w.from().Epoch == s.stored.Epoch:
		s.toBoss = append(s.toBoss, ev)
	case s.elder != nil && w.epoch == s.elder.epoch:
		s.elder.inbox = append(s.elder.inbox, ev)
	}
}

// hangUp breaks the connection of a worker and the manager that it follows: what is under way is lost, from some moment on to the manager. One that
// runs says hello again, the others end.
func (s *Sim) hangUp(w *worker) bool {
	if s.machine == nil || !w.alive() || w.epoch != s.stored.Epoch || w.offered || w.alone {
		return false
	}
	if !w.outlives() {
		return s.crash(w, "lost its manager")
	}
	heard := s.rng.IntN(len(s.toBoss) + 1)
	s.toBoss = slices.Concat(s.toBoss[:heard], slices.DeleteFunc(slices.Clone(s.toBoss[heard:]), w.said))
	w.mail, w.unheard, w.alone = nil, nil, true
	return true
}

// said tells whether an event is the worker's own word.
func (w *worker) said(ev control.Event) bool {
	from, own := control.Sender(ev)
	return own && from.Node == w.node
}

// lost tells all managers of the end of a process.
func (s *Sim) lost(ev control.Lost) {
	if s.machine != nil {
		s.toBoss = append(s.toBoss, ev)
	}
	if s.elder != nil {
		s.elder.inbox = append(s.elder.inbox, ev)
	}
}

// attach says hello to a newer manager than the one that the worker had. One that does not run, or has failed, ends.
func (w *worker) attach() (moved bool) {
	s := w.sim
	if s.cfg.Faults == nil || s.machine == nil || !w.alive() || w.zombie || w.epoch >= s.stored.Epoch && !w.alone || s.away(w.node) {
		return false
	}
	if !w.outlives() {
		s.crash(w, "ended without a manager")
		return true
	}
	l := &control.Living{Knew: w.epoch, Addr: fmt.Sprint(w.node), Restored: w.begins, Marked: w.marked}
	if w.copier != nil {
		l.CopyAddr = l.Addr
	}
	if w.epoch, w.unheard, w.alone = s.stored.Epoch, nil, false; s.cfg.Broken == R35 {
		w.incarnation = s.stored.Incarnations[w.node]
	}
	l.Reported = w.progress()
	for n := range s.workers {
		if p, ok := w.peers[frame.NodeID(n)]; ok && p.Node != w.node {
			l.Peers = append(l.Peers, p)
		}
	}
	s.toBoss = append(s.toBoss, control.Hello{From: w.from(), Living: l})
	w.offered = true
	return true
}

// adopted goes on under the manager that was met. Who failed after its hello said so to nobody, and has ended.
func (w *worker) adopted(c control.Adopt) error {
	s := w.sim
	if !w.outlives() {
		s.crash(w, "ended without a manager")
		return nil
	}
	if registered := s.stored.Incarnations[w.node]; w.incarnation != registered && s.registrar[w.node] != w.epoch { // else it was replaced in the next moment
		s.fail(fmt.Errorf("R35: node %d is adopted in its life %d, registered is %d", w.node, w.incarnation, registered))
	}
	w.offered = false
	s.told.adopted++
	for _, t := range c.Marks {
		w.mark(t)
	}
	if w.finished {
		w.tell(w.finish())
	}
	return w.trim(c.Needs)
}

// lateSeldom is how seldom a command that is late comes.
const lateSeldom = 64

// next takes the next command out of the mail, nil if none has come. Those of managers that the worker follows no more come late.
func (w *worker) next() control.Effect {
	late := func(e control.Effect) bool { _, epoch, _ := control.Command(e); return epoch < w.epoch }
	at := slices.IndexFunc(w.mail, func(e control.Effect) bool { return !late(e) })
	if late(w.mail[0]) && w.sim.rng.IntN(lateSeldom) == 0 {
		at = 0
	}
	if at < 0 {
		return nil
	}
	cmd := w.mail[at]
	w.mail = slices.Delete(w.mail, at, at+1)
	return cmd
}

// obeys tells whether a command is one to follow: R37. Who has said hello waits until it is adopted.
func (w *worker) obeys(cmd control.Effect) bool {
	if w.sim.cfg.Faults == nil {
		return true
	}
	_, adopt := cmd.(control.Adopt)
	_, stop := cmd.(control.Stop)
	if _, epoch, _ := control.Command(cmd); epoch != w.epoch {
		w.sim.told.late++
		return w.sim.cfg.Broken == R37 && !adopt
	}
	return !w.offered || adopt || stop
}
