package runtime

import (
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// quiet is what a source stage knows while none of its tasks on this core has anything to do. Then none is touched, however many there are,
// until a reader wakes the core, the clock says so, or something is drained that a task waits for.
type quiet struct {
	on       bool
	stirred  atomic.Bool // a reader has something new
	deadline int64       // of the first task, 0: none
	waits    bool        // a task waits for admission, or has rows in flight; drained is how far all was then
	drained  frame.Tick
	empty    frame.Tick    // the tick that all tasks which have not ended have open, without a row or a new CTI; 0: they differ
	far      bool          // the deadline lies ticks ahead, since the job is idle
	passed   bool          // ticks have passed since, which the tasks have not been told of
	marks    *[]frame.Tick // as they were
}

// A job in one process is idle when no source has done anything for idleAfter: then nobody waits for closes, and empty ticks pass idleTicks at a
// time, until a source stirs. (Other processes cannot be asked.)
const (
	idleAfter = 250 * time.Millisecond
	idleTicks = 32
	// stirEvery is how often a source that is busy says so.
	stirEvery = time.Millisecond
)

// stir notes that a source has done something, and wakes cores that took the job for idle.
func (w *Worker) stir(now int64) {
	was := w.stirred.Load()
	if now-was < int64(stirEvery) {
		return
	}
	w.stirred.Store(now)
	if now-was > int64(idleAfter) {
		w.wakeAll()
	}
}

func (w *Worker) idle(now int64) bool {
	return w.cfg.Nodes == 1 && now-w.stirred.Load() > int64(idleAfter)
}

// holds reports that there is still nothing to do.
func (s *stageRun) holds(now int64, drained frame.Tick) bool {
	q := &s.quiet
	if q.far && !s.core.worker.idle(now) {
		q.far, q.deadline = false, s.sources[0].schedule.endNs(q.empty)
	}
	return q.on && !q.stirred.Load() && q.marks == s.core.worker.marks.ticks.Load() && (q.deadline == 0 || now < q.deadline) && !(q.waits && drained != q.drained)
}

// rest notes what the tasks wait for after a step in which none did anything.
func (s *stageRun) rest(now int64, drained frame.Tick) {
	q := &s.quiet
	q.on, q.deadline, q.waits, q.drained, q.empty = true, 0, false, drained, 0
	same := s.images == nil
	for _, src := range s.sources {
		if src.cut == frame.MaxTick && len(src.cuts) == 0 {
			continue
		}
		if src.pending != nil || src.closing || src.replaying() || len(src.cuts) > 0 || src.keeping() || src.noRoom() {
			q.on = false // it waits for room, or for a record to be durable
			return
		}
		if d := src.deadline(now); d != 0 && (q.deadline == 0 || d < q.deadline) {
			q.deadline = d
		}
		src.drained(drained)
		q.waits = q.waits || src.tick == 0 || len(src.flight) > 0
		if q.empty == 0 {
			q.empty = src.tick
		}
		same = same && src.passive() && src.tick == q.empty
	}
	if !same || q.waits {
		q.empty = 0
	}
}

// passive reports that nothing has happened to a task in its open tick, and that only the clock can end it.
func (s *sourceTask) passive() bool {
	return s.schedule.Length > 0 && s.rate.perSecond == 0 && s.bytes == 0 && len(s.flight) == 0 && s.tick == s.closed+1 && s.currentCTI() <= s.cti
}

// passEmpty closes the open tick, whose time is up, for all tasks at once if nothing has happened in it, and opens the one that the clock has
// come to. It is what each of them would do by itself (PROTOCOL F19), but that no reader is asked: one that had rows would have said so.
func (s *stageRun) passEmpty(now int64, drained frame.Tick) bool {
	q := &s.quiet
	if !q.on || q.empty == 0 || q.stirred.Load() || now < q.deadline {
		return false
	}
	first := s.sources[0]
	next := max(first.schedule.at(now), q.empty+1)
	if drained+1 < q.empty && int(next-drained) > first.admit.Ticks {
		return false // ticks that are empty may be many, but not behind others that are not drained
	}
	for _, e := range s.out {
		s.core.port.CloseIdle(e.ID, q.empty, next-1)
	}
	raise(&s.core.worker.opened, next)
	s.stats.ticks.Store(max(s.stats.ticks.Load(), uint64(next-1)))
	q.empty, q.deadline, q.passed = next, first.schedule.endNs(next), true
	if q.far = s.core.worker.idle(now); q.far {
		q.deadline = first.schedule.endNs(next + idleTicks - 1)
	}
	s.executed, s.flushing = next-1, true
	s.core.worker.stageExecuted(s.index, s.core.id, s.executed)
	return true
}

// leave ends the rest: the tasks learn of the ticks that have passed.
func (s *stageRun) leave() {
	q := &s.quiet
	if q.on && q.passed {
		for _, src := range s.sources {
			if src.cut != frame.MaxTick {
				src.cut, src.closed, src.tick, src.f.tick, src.tried = q.empty-1, q.empty-1, q.empty, q.empty, false
			}
		}
	}
	q.on, q.passed, q.far = false, false, false
	q.stirred.Store(false) // before the readers are asked
	q.marks = s.core.worker.marks.ticks.Load()
}
