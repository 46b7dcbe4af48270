package simtest

import (
	"fmt"
	"strings"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// obey carries out what the manager wants.
func (s *Sim) obey(effects []control.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case control.Start:
			if s.cfg.Faults != nil {
				s.checkNeeds(e.Assignment.Needs)
				s.checkAsk(e.Node, e.Assignment.Restore)
			}
			s.post(e.Node, e)
		case control.Spawn:
			if w := s.workers[e.Node]; !w.dead && w.incarnation > 0 { // it could not be killed
				s.detach(w, s.harms[e.Node].away)
			}
			s.workers[e.Node] = &worker{sim: s, node: e.Node, incarnation: e.Incarnation, epoch: s.stored.Epoch}
			s.workers[e.Node].tell(control.Hello{From: s.workers[e.Node].from()})
		case control.Persist:
			s.persist(e.Txn)
		case control.Commit:
			s.commits++
			s.toBoss = append(s.toBoss, control.Committed{})
		case control.Abort:
			if s.cfg.Faults != nil {
				s.fail(fmt.Errorf("C1: the manager of epoch %d removes what another may go on from", s.stored.Epoch))
				return
			}
			s.aborts++
			s.toBoss = append(s.toBoss, control.Aborted{})
		case control.Kill:
			if s.cfg.Faults == nil {
				s.fail(fmt.Errorf("the manager kills node %d", e.Node))
				return
			}
			if w := s.workers[e.Node]; w.incarnation != e.Incarnation {
				break // a zombie
			} else if s.away(e.Node) {
				w.doomed = true
			} else {
				s.crash(w, "killed by the manager")
			}
		case control.End:
			s.outcome = &e.Outcome
		default:
			s.postAny(e)
		}
	}
}

// post gives a command to a worker, if it lives.
func (s *Sim) post(n frame.NodeID, cmd control.Effect) {
	if w := s.workers[n]; !w.dead && !w.alone {
		w.mail = control.Enqueue(w.mail, cmd)
	}
}

// describe tells how far everybody is.
func (s *Sim) describe() string {
	var text strings.Builder
	phase := "no manager"
	if s.machine != nil {
		phase = s.machine.Phase().String()
	}
	fmt.Fprintf(&text, "%s, epoch %d, %d events for the manager, %d faults to come, mark %d, bases %v", phase, s.stored.Epoch, len(s.toBoss), len(s.faults), s.stored.Mark, s.stored.Bases)
	for _, w := range s.workers {
		fmt.Fprintf(&text, "\nworker %d.%d (epoch %d, offered %v): dead %v, running %v, finished %v, %d commands, %d unheard", w.node, w.incarnation, w.epoch, w.offered, w.dead, w.running, w.finished, len(w.mail), len(w.unheard))
		if len(s.disks) > 0 {
			fmt.Fprintf(&text, ", images %v, unsaved %v", s.disks[w.node].saved(), s.disks[w.node].unsaved)
		}
		if w.w != nil {
			fmt.Fprintf(&text, ", %+v, done %v, to relink %v", w.w.Progress(), w.w.Done(), w.relinks)
		}
		for n, links := range w.links {
			for _, l := range links {
				err, ended := l.Ended()
				fmt.Fprintf(&text, "\n  link with %d: ended %v (%v), %+v", n, ended, err, l.Stats())
			}
		}
	}
	return text.String()
}
