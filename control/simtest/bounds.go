package simtest

import (
	"fmt"

	"github.com/streamscope/streamscope/control"
)

// checkMail looks at the commands of the present manager that wait for a worker.
func (s *Sim) checkMail(w *worker) {
	waiting := 0
	for _, cmd := range w.mail {
		if _, epoch, _ := control.Command(cmd); epoch == s.stored.Epoch {
			waiting++
		}
	}
	if most := control.CommandsMax(len(s.workers), len(s.shapes)); waiting > most {
		s.fail(fmt.Errorf("I18: %d commands wait for worker %d, want at most %d", waiting, w.node, most))
	}
}

// checkHeld looks, now and then and also while faults last, at what a worker holds: I18, by the names of the holders.
func (s *Sim) checkHeld() {
	s.checkKept()
	w := s.workers[s.steps/32%len(s.workers)]
	if s.steps%32 != 0 || w.w == nil {
		return
	}
	s.checkMail(w)
	l := s.cfg.Limits
	if st := w.arena.Stats(); int64(st.Segments)*int64(st.SegmentBytes) > l.ArenaBytes {
		s.fail(fmt.Errorf("I18: the logs of node %d have %d segments of %d bytes, want at most %d bytes", w.node, st.Segments, st.SegmentBytes, l.ArenaBytes))
	}
}
