package simtest

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// watch has what stays on the node compared with what the channel closed in other lives (I1), as a tap does with what a link brings.
func (w *worker) watch() {
	s := w.sim
	if s.cfg.Faults == nil {
		return
	}
	t := &tap{to: w, from: w.node, sessions: map[frame.EdgeID]*session{}}
	for i := range s.cfg.Plan.Edges {
		e := &s.cfg.Plan.Edges[i]
		t.sessions[e.ID] = newSession(0)
		if w.quiet != nil {
			t.sessions[e.ID].whole = w.quiet[e.From]
		}
	}
	x := w.w.Exchange()
	x.Watch(func(f shuffle.Written) {
		if f.Node != w.node {
			return // its receiver has a tap
		}
		lease, err := x.Lend(f)
		if err != nil {
			w.fail(fmt.Errorf("edge %d, what was just written: %w", f.Edge, err))
			return
		}
		defer lease.Release()
		if err := t.add(lease.Bytes()); err != nil {
			w.fail(err)
		}
	})
}
