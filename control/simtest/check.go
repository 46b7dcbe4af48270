package simtest

import (
	"fmt"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// The invariants of PROTOCOL that are checked as a run goes on; channel.go and local.go have I1, disk.go has I4.

// checkBases looks at what is committed: I9 BaseBehindConsumers and, of images, I11 SnapshotKept.
func (s *Sim) checkBases() {
	for p, shape := range s.shapes {
		for _, n := range shape.Nodes {
			b := s.stored.Bases[p][n]
			for _, t := range []frame.Tick{b.Ask(), b.PrevAsk()} {
				if _, ok := s.image(p, n, t); t > 0 && !ok {
					s.fail(fmt.Errorf("I11: no image of stage %d on node %d after tick %d, bases %+v", p, n, t, b))
				}
			}
			if s.cfg.Broken.countsAcks() {
				continue // what comes of it is to be seen
			}
			for _, c := range shape.To {
				for _, m := range s.shapes[c].Nodes {
					if to := s.stored.Bases[c][m]; b.Base > to.Ask() || b.Prev > to.PrevAsk() {
						s.fail(fmt.Errorf("I9: stage %d on node %d has %+v, its consumer %d on node %d %+v", p, n, b, c, m, to))
					}
				}
			}
		}
	}
}

// image is what units restart from: an image of their own, or of the other instances of their tasks.
func (s *Sim) image(stage int, n frame.NodeID, t frame.Tick) ([]byte, bool) {
	if s.cfg.Faults.ImagePeers > 0 {
		image, ok := s.left(stage, n).counts[t]
		return []byte(image), ok
	}
	image, ok := s.disks[n].images[control.Saved{Stage: control.StageID(stage), Tick: t}]
	if others := s.shapes[stage].Others; !ok && others != nil {
		image, ok = s.disks[others[n].Node].images[control.Saved{Stage: others[n].Stage, Tick: t}]
	}
	return image, ok
}

// checkWarm looks, now and then, at what a worker has written: nothing of the ticks in which it only warmed up (PROTOCOL T8).
func (s *Sim) checkWarm() {
	w := s.workers[s.steps%len(s.workers)]
	if s.steps%16 != 0 || w.w == nil || w.quiet == nil {
		return
	}
	for _, k := range w.w.Exchange().Kept(nil) {
		if e := &s.cfg.Plan.Edges[k.Edge]; k.First <= w.quiet[e.From] {
			s.fail(fmt.Errorf("I2: node %d has written tick %d of edge %d, and is to emit nothing up to %d", w.node, k.First, k.Edge, w.quiet[e.From]))
		}
	}
}

// checkNeeds looks at what is to be trimmed: I7 BaseCommitted.
func (s *Sim) checkNeeds(needs control.Needs) {
	for p, shape := range s.shapes {
		for _, n := range shape.Nodes {
			if needs != nil && needs[p][n] > s.stored.Bases[p][n].PrevAsk() {
				s.fail(fmt.Errorf("I7: stage %d on node %d is trimmed to tick %d, committed is %+v", p, n, needs[p][n], s.stored.Bases[p][n]))
			}
		}
	}
}

// trimmedTo notes what was trimmed somewhere.
func (s *Sim) trimmedTo(needs control.Needs) {
	for p := range needs {
		for n, t := range needs[p] {
			s.trimmed[p][n] = max(s.trimmed[p][n], t)
		}
	}
}

// checkAsk looks at what a worker asks for when it starts: I12 AskAboveNeed.
func (s *Sim) checkAsk(node frame.NodeID, restore []frame.Tick) {
	for p, t := range restore {
		if gone := s.trimmed[p][node]; gone < frame.MaxTick && t < gone {
			s.fail(fmt.Errorf("I12: stage %d on node %d restarts at tick %d, but %d was trimmed", p, node, t, gone))
		}
	}
}
