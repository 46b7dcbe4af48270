package simtest

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// imagesMax is how many images of a unit there are once bases have caught up: base, the one before, and those of the marks since,
// unless so many of others fail that bases seldom find a mark that all have.
const imagesMax = 8

// openMarks is how many marks a manager has that not all have taken. One that takes over knows of none, and may open as many.
const openMarks = 2

// instancesBehind is by how many times more there may be where a stage is there twice and persisted: sources do not wait for the slower instance, and it may leave
// nothing out. Any other goes on from the faster one's image once that is two marks ahead (R41), so that the bound is that of all.
const instancesBehind = 3

// settle looks, when the last fault is over, whether all bases have come to what was marked then (I18 Bounded), and says so once.
func (s *Sim) settle() {
	if s.settled || s.cfg.Faults.Settled == nil || s.steps%64 != 0 {
		return
	}
	if !s.calm() {
		s.calmMark, s.calmNeeds = 0, nil
		return
	}
	if s.calmMark == 0 && s.complete() {
		s.calmMark = s.stored.Mark + 1
	}
	if s.calmMark == 0 || !s.complete() {
		return
	}
	if s.calmNeeds == nil && s.basesCame() {
		s.calmNeeds = s.needsNow()
	}
	if s.calmNeeds == nil || !s.trimsArrived() {
		return
	}
	s.settled = true
	s.checkBounded()
	s.cfg.Faults.Settled()
}

// excused tells whether a unit downstream of a stage, next or further, needs old ticks when it restarts, since its state is made of them: event time
// stands still, and windows stay open. Then no base upstream passes what it asks for, wherever the bases in between are.
func (s *Sim) excused(stage int) bool {
	for _, to := range s.shapes[stage].To {
		for _, n := range s.shapes[to].Nodes {
			base, w := s.stored.Bases[to][n], s.workers[n].w
			if w == nil {
				continue
			}
			if low, hollow := w.Low(int(to), base.Prev); hollow && low < base.Prev {
				return true
			}
		}
		if s.excused(int(to)) {
			return true
		}
	}
	return false
}

// basesCame tells whether the generation before the base of every unit lies behind what was marked when all was calm.
func (s *Sim) basesCame() bool {
	for p, shape := range s.shapes {
		behind := slices.ContainsFunc(shape.Nodes, func(n frame.NodeID) bool { return s.stored.Bases[p][n].Prev < s.calmMark && !s.ended(p, n) })
		if behind && !s.excused(p) {
			return false
		}
	}
	return true
}

// needsNow is what every node will hear of the bases that are committed.
func (s *Sim) needsNow() control.Needs {
	needs := make(control.Needs, len(s.shapes))
	for p, shape := range s.shapes {
		needs[p] = make([]frame.Tick, len(s.workers))
		for _, n := range shape.Nodes {
			needs[p][n] = s.stored.Bases[p][n].PrevAsk()
			if shape.Others != nil {
				needs[p][n] = min(needs[p][n], s.stored.Bases[shape.Others[n].Stage][shape.Others[n].Node].PrevAsk())
			}
		}
	}
	return needs
}

// trimsArrived tells whether every node has heard of the bases that were committed when all had come: what is kept because a command is on its way is not
// looked at. Bases may have come further since: there need not be a moment without any command.
func (s *Sim) trimsArrived() bool {
	for p, shape := range s.shapes {
		for _, n := range shape.Nodes {
			if needs := s.disks[n].needs; needs == nil || needs[p][n] < s.calmNeeds[p][n] {
				return false
			}
		}
	}
	return true
}

// ended tells whether a unit has executed everything: its base stays where it is.
func (s *Sim) ended(stage int, n frame.NodeID) bool {
	w := s.workers[n].w
	return w != nil && w.Progress().Executed[stage] == frame.MaxTick
}

// calm tells whether no fault is left.
func (s *Sim) calm() bool {
	hurt := slices.ContainsFunc(s.harms, func(h harm) bool {
		return s.steps < max(h.away, h.slow, h.stall, h.unsaved, h.full, h.tight, h.lag, slices.Max(h.cut))
	})
	hurt = hurt || s.steps < slices.Max(s.rare[:]) || s.streams != nil && s.steps < s.streams.away
	return s.machine != nil && s.elder == nil && len(s.faults) == 0 && len(s.zombies) == 0 && !hurt
}

// complete tells whether all workers are there. Once faults are over the manager alone replaces one, such as an instance that stays behind, which may be often.
func (s *Sim) complete() bool {
	return !slices.ContainsFunc(s.workers, func(w *worker) bool {
		return w.dead || w.incarnation == 0 || w.doomed || w.epoch != s.stored.Epoch || w.offered || w.alone
	})
}

// savedOn are the images that a node keeps.
func (s *Sim) savedOn(n frame.NodeID) []control.Saved {
	if im := s.workers[n].images; im != nil {
		return im.saved()
	}
	return s.disks[n].saved()
}

// checkBounded looks at what is kept.
func (s *Sim) checkBounded() {
	behind := 0 // marks at which a unit has no image are no base of those before it
	for _, n := range s.leftOut {
		behind = max(behind, n)
	}
	most := imagesMax + openMarks*int(s.stored.Epoch-1) + behind
	if s.twicePersisted() {
		most *= instancesBehind
	}
	for n, d := range s.disks {
		images := map[control.StageID]int{}
		for _, im := range s.savedOn(frame.NodeID(n)) {
			replayed := s.cfg.Plan.Stages[im.Stage].Strategy == runtime.Replay // needs those of the window, too
			if images[im.Stage]++; images[im.Stage] > most && s.cfg.Faults.Flaky == 0 && !replayed && !s.excused(int(im.Stage)) {
				s.fail(fmt.Errorf("I18: node %d keeps more than %d images of stage %d, bases %+v", n, most, im.Stage, s.stored.Bases[im.Stage][n]))
			}
		}
		for stage, j := range d.journals {
			if d.needs == nil {
				continue
			}
			if need := d.needs[stage][n]; len(j.records) > 0 && j.records[0].Last <= need && j.durable > j.before {
				s.fail(fmt.Errorf("I18: node %d keeps the record of ticks %d to %d, trimmed to %d", n, j.records[0].First, j.records[0].Last, need))
			}
		}
	}
}
