package runtime

import (
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// cut is a range of ticks that a source task has cut and not closed yet: its record is not durable.
type cut struct {
	first, last frame.Tick
	rows        bool   // first may have some
	number      uint64 // of the record; 0: there is none to wait for
	cti         frame.CTI
	ctis        []frame.CTI // by out edge
}

// stepSources lets every source task of the stage do a little.
func (s *stageRun) stepSources(now int64) (worked bool, err error) {
	defer s.stats.rest()
	drained := s.core.worker.drained(s.index)
	if s.holds(now, drained) {
		return s.quiet.waits && s.awaitDrained(drained), nil
	}
	if s.passEmpty(now, drained) {
		return true, nil
	}
	s.leave()
	for _, src := range s.sources {
		told := s.closeDurable(src)
		if err := s.imageEnded(src); err != nil {
			return worked, err
		}
		w, err := src.step(now, drained)
		if err != nil {
			return worked, err
		}
		worked = worked || w || told
		if src.finished {
			src.finished = false
			if err := s.cutTick(src, now); err != nil {
				return worked, err
			}
			s.closeDurable(src)
		}
	}
	if worked {
		s.settleSources()
		s.core.worker.stir(now)
		return true, nil
	}
	s.rest(now, drained)
	return (s.quiet.waits || !s.quiet.on) && s.awaitDrained(drained), nil
}

// awaitDrained asks for a wake when the stage is drained further than a source has seen, and reports that it is already.
func (s *stageRun) awaitDrained(seen frame.Tick) bool {
	w := s.core.worker
	w.waiting[s.core.id].Store(true) // before the look: settle looks for it after it has written
	return w.drained(s.index) != seen
}

// cutTick ends the tick that a source task has filled, the ticks it missed meanwhile, and, at its end, all others. It goes no further than
// a mark at once.
func (s *stageRun) cutTick(src *sourceTask, now int64) error {
	first, through := src.tick, src.through(now)
	src.cti = max(src.cti, src.tickCTI)
	if through < frame.MaxTick {
		raise(&s.core.worker.cut, through) // before the look at the marks: Mark looks for it after it has added one
	} else {
		src.imaged = max(src.imaged, first-1)
	}
	for rows := true; ; rows = false {
		last := through
		if m := s.core.worker.marks.after(first - 1); m != 0 && m < last {
			last = m
		}
		if err := s.cutRange(src, first, last, rows); err != nil {
			return err
		}
		if last == through {
			break
		}
		first = last + 1
	}
	src.cut, src.tick = through, 0
	src.record.Runs = src.record.Runs[:0]
	if src.replaying() {
		return src.replayed()
	}
	return nil
}

// cutRange writes a range down and, at a mark, takes the image of the source task as it is behind it.
func (s *stageRun) cutRange(src *sourceTask, first, last frame.Tick, rows bool) error {
	c := src.newCut()
	c.first, c.last, c.rows, c.cti, c.number = first, last, rows, src.cti, 0
	for _, e := range s.out {
		c.ctis = append(c.ctis, src.f.ctiOf(e.FromOp, src.cti))
	}
	if s.images == nil {
		return nil
	}
	if src.replaying() {
		c.number = src.replay[0].Number // it may have to become durable again
	} else {
		r := &src.record
		r.Task, r.First, r.Last, r.CTI = src.f.task, first, last, src.cti
		if !rows {
			r.Runs = r.Runs[:0]
		}
		var err error
		if c.number, err = src.journal.Append(*r); err != nil {
			return err
		}
	}
	if !s.core.worker.marks.at(last) {
		return nil
	}
	if err := s.imageSource(src, last); err != nil {
		return err
	}
	return s.takeSink(last)
}

// imageSource takes the image of a source task after tick t.
func (s *stageRun) imageSource(src *sourceTask, t frame.Tick) error {
	src.imaged = t
	return s.takeTask(t, int(src.f.task-s.tasks[0].task), s.edgesImage(), src.image)
}

// imageEnded takes the image of a source task that has ended after the marks that came since: others of its unit go on, and the unit's image
// needs all of them. It stays what it is.
func (s *stageRun) imageEnded(src *sourceTask) error {
	w := s.core.worker
	if s.images == nil || src.cut < frame.MaxTick || s.sink != nil {
		return nil
	}
	for t := w.marks.after(src.imaged); t != 0 && w.executed(s.index) < frame.MaxTick; t = w.marks.after(t) {
		if err := s.imageSource(src, t); err != nil {
			return err
		}
	}
	return nil
}

// closeDurable tells the edges of what a source task has cut, as far as it is written down.
func (s *stageRun) closeDurable(src *sourceTask) (worked bool) {
	n := 0
	for ; n < len(src.cuts); n++ {
		c := &src.cuts[n]
		if c.number > 0 && c.number > src.journal.Durable() {
			break
		}
		for i, e := range s.out {
			first := c.first
			if c.rows {
				s.core.port.Close(e.ID, src.f.task, first, first, c.ctis[i], c.ctis[i])
				first++
			}
			if c.last >= first {
				s.core.port.Close(e.ID, src.f.task, first, c.last, c.ctis[i], c.ctis[i])
			}
		}
		src.closed = c.last
	}
	src.dropCuts(n)
	return n > 0
}

// tellDurable tells the edges of what has become durable, before anything is executed: what this core has to execute may take long, and others
// may have nothing to do until they hear of the next tick.
func (c *Core) tellDurable() (worked bool) {
	for _, s := range c.stages {
		if len(s.sources) == 0 || s.images == nil || s.held() {
			continue
		}
		durable := s.sources[0].journal.Durable() // one journal has them all
		if durable == s.durable {
			continue
		}
		s.durable = durable
		told := false
		for _, src := range s.sources {
			told = s.closeDurable(src) || told
		}
		if told {
			s.settleSources()
			worked = true
		}
	}
	return worked
}

// through is the last tick that ends together with the open one.
func (s *sourceTask) through(now int64) frame.Tick {
	switch {
	case s.replaying():
		return s.replay[0].Last
	case s.ended():
		return frame.MaxTick
	case s.schedule.Length > 0:
		return max(s.tick, s.schedule.at(now)-1)
	case s.full: // the image at the mark is what makes room
		return max(s.tick, s.marks.after(s.tick-1))
	}
	return s.tick
}

// newCut adds a cut, with the memory of one that is done.
func (s *sourceTask) newCut() *cut {
	if n := len(s.cuts); n < cap(s.cuts) {
		s.cuts = s.cuts[:n+1]
	} else {
		s.cuts = append(s.cuts, cut{})
	}
	c := &s.cuts[len(s.cuts)-1]
	c.ctis = c.ctis[:0]
	return c
}

// dropCuts forgets the first n cuts and keeps their memory.
func (s *sourceTask) dropCuts(n int) {
	for i := n; i < len(s.cuts); i++ {
		s.cuts[i-n], s.cuts[i] = s.cuts[i], s.cuts[i-n]
	}
	s.cuts = s.cuts[:len(s.cuts)-n]
}

// image appends what the source task is behind the tick it cut last.
func (s *sourceTask) image(w *vertex.ImageWriter) ([]state.Part, error) {
	parts, err := s.f.image(w)
	if err != nil {
		return nil, err
	}
	w.Uint64(uint64(s.cti))
	w.Uint64(s.taken)
	w.Uint64(s.lateRows)
	w.Uint64(uint64(len(s.splits)))
	var position vertex.ImageWriter
	for _, sp := range s.splits {
		ended := uint64(0)
		if sp.ended {
			ended = 1
		}
		position.Reset()
		sp.reader.Position(&position)
		w.Uint64(uint64(sp.ID))
		w.Uint64(uint64(sp.maxVs))
		w.Uint64(uint64(sp.cti))
		w.Uint64(ended)
		w.Bytes(position.Image())
	}
	return parts, nil
}
