package simtest

import (
	"fmt"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
)

// heard notes what the worker may remove from now on.
func (w *worker) heard(needs control.Needs) {
	if w.needs == nil {
		w.needs = make(control.Needs, len(needs))
		for p := range needs {
			w.needs[p] = make([]frame.Tick, len(needs[p]))
		}
	}
	for p := range needs {
		for n, t := range needs[p] {
			w.needs[p][n] = max(w.needs[p][n], t)
		}
	}
}

// keptSeldom is how many steps lie between two looks at what is kept, each of which may be at very many frames.
const keptSeldom = 512

// checkKept looks at what a worker keeps for new lives: references to frames and, at peers, records. All of it is of ticks above what it has heard to be
// needed, also while faults last. Where source tasks are there twice somebody may
// be reading what nobody needs.
func (s *Sim) checkKept() {
	w := s.workers[s.steps/keptSeldom%len(s.workers)]
	if s.steps%keptSeldom != 0 || w.w == nil {
		return
	}
	s.checkCopies(w)
	if w.needs == nil {
		return
	}
	for _, k := range w.w.Exchange().Kept(nil) {
		e := &s.cfg.Plan.Edges[k.Edge]
		if need := w.needs[e.To][k.Node]; k.Ends <= need && s.shapes[e.From].Others == nil {
			s.fail(fmt.Errorf("I18: node %d keeps a frame of edge %d for node %d that ends with tick %d, trimmed to %d", w.node, k.Edge, k.Node, k.Ends, need))
		}
	}
	for stage, j := range w.journals {
		st := j.Stats()
		if need := w.needs[stage][w.node]; st.Records > 0 && st.First <= need {
			s.fail(fmt.Errorf("I18: node %d keeps a record of stage %d, tick %d, at peers, trimmed to %d", w.node, stage, st.First, need))
		}
	}
}

// checkCopies looks at what a worker holds of others' logs. What bounds other streams is their owner's.
func (s *Sim) checkCopies(w *worker) {
	if w.copier == nil {
		return
	}
	held := int64(0)
	for _, h := range w.copier.streams.Held() {
		if h.Stream.Kind == replica.Log {
			held += h.Bytes
		}
	}
	if held > s.copying.holdBytes+int64(s.cfg.Limits.FrameBytes) {
		s.fail(fmt.Errorf("I18: node %d holds %d bytes of copies, want at most %d", w.node, held, s.copying.holdBytes))
	}
}
