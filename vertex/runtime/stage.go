package runtime

import (
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// stageRun is a stage on one core: its local tasks, executed one after the other, tick by tick.
//
// Invariants:
//   - all local tasks have executed `executed`; while first != 0, tasks before cur have executed last as well
//   - a tick is executed only when every in-edge has closed it
type stageRun struct {
	core     *Core
	index    int
	st       *Stage
	tasks    []*fused
	sources  []*sourceTask  // of a source stage, by task
	splits   []vertex.Split // of the source, all of them
	durable  uint64         // the record up to which the edges were last told
	quiet    quiet
	in       []frame.EdgeID
	folds    []bool // by in-edge: unordered, and all consumers can fold
	out      []*Edge
	sink     vertex.Sink
	stats    *stageStats
	executed frame.Tick
	warm     frame.Tick // up to it ticks are executed again for the state alone: nothing is emitted, nothing marked
	first    frame.Tick // range being executed; 0: none
	last     frame.Tick
	cur      int // task
	edge     int // in-edge of that task
	fed      bool
	flushing bool
	rows     batch.Batch
	before   []frame.CTI // by out edge: CTI at `executed`, of the task being executed
	finished bool        // the sink is

	images    *collector // nil without recovery
	firstTask int        // the first local task's place among the unit's
	sinkIndex int        // the sink's place among the unit's
	ctis      []frame.CTI
}

// next is the tick that the stage would execute now, or 0.
func (s *stageRun) next() frame.Tick {
	if s.flushing || s.first != 0 {
		return max(s.first, 1)
	}
	if len(s.in) == 0 {
		return 0
	}
	closed := s.closed()
	if closed <= s.executed {
		return 0
	}
	return s.executed + 1
}

// closed is the tick up to which the stage may execute.
func (s *stageRun) closed() frame.Tick {
	closed := s.core.worker.cfg.part.limit()
	for _, e := range s.in {
		closed = min(closed, s.core.port.Closed(e))
	}
	return closed
}

// begin chooses the range of ticks to execute: empty ticks up to and including the next one that has rows or changes the CTI. A range
// executes as its ticks would one by one, since operators do nothing in a tick without rows and without a new CTI (PROTOCOL F19).
func (s *stageRun) begin() {
	closed := s.closed()
	last, event := closed, false
	for _, e := range s.in {
		if t, ok := s.core.port.NextEvent(e, s.executed); ok {
			last, event = min(last, t), true
		}
	}
	if s.executed < s.warm && s.warm < last {
		last, event = s.warm, false
	}
	if m := s.core.worker.marks.after(max(s.executed, s.warm)); m != 0 && m < last {
		last, event = m, false
	}
	s.first, s.last, s.cur, s.edge, s.fed = s.executed+1, last, 0, 0, false
	if !event {
		s.skip()
	}
}

// skip executes ticks in which nothing happens: no task is touched, however many there are.
func (s *stageRun) skip() {
	for _, e := range s.out {
		if s.last > s.warm {
			s.core.port.CloseIdle(e.ID, s.first, s.last)
		}
	}
	s.cur = len(s.tasks)
}

// step executes some of the next tick. worked is false when everything it could do is blocked.
func (s *stageRun) step() (worked bool, err error) {
	defer s.stats.rest()
	if s.flushing {
		return s.flush()
	}
	if s.first == 0 {
		s.begin()
		if _, err := s.fold(s.last); err != nil {
			return false, err
		}
	}
	for s.cur < len(s.tasks) {
		done, err := s.stepTask(s.tasks[s.cur], &worked)
		if err != nil || !done {
			return worked, err
		}
		s.cur++
		s.edge, s.fed = 0, false
		worked = true
	}
	if err := s.finishTick(); err != nil {
		return true, err
	}
	_, err = s.flush()
	return true, err
}

// fold gives what has come on the folding edges for the oldest open tick to the tasks' accumulators.
func (s *stageRun) fold(t frame.Tick) (worked bool, err error) {
	for i, e := range s.in {
		if !s.folds[i] {
			continue
		}
		input := Input{Kind: FromEdge, Index: int(e)}
		if dropped := s.core.port.TakeDiscard(e); dropped != 0 {
			for _, f := range s.tasks {
				f.discard(input, dropped)
			}
		}
		n, first := 0, s.tasks[0].task
		w, err := s.core.port.Fold(e, t, func(task frame.TaskID, rows *batch.Batch) error {
			n += rows.N
			return s.tasks[task-first].fold(input, t, rows)
		})
		s.foldedRows(input, n)
		if err != nil {
			return worked, err
		}
		worked = worked || w
	}
	return worked, nil
}

// foldedRows counts rows as taken in by the consumers of an edge.
func (s *stageRun) foldedRows(in Input, n int) {
	for _, c := range s.tasks[0].fed(in) {
		s.stats.in(c.op, n)
	}
}

// foldEarly folds rows of the next tick before it is closed, when there is nothing else to do.
func (s *stageRun) foldEarly() (worked bool, err error) {
	defer s.stats.rest()
	if s.first != 0 {
		return false, nil
	}
	for _, fold := range s.folds {
		if fold {
			return s.fold(s.executed + 1)
		}
	}
	return false, nil
}

// stepTask executes one task's part: its rows in canonical order, edge by edge, then the close.
func (s *stageRun) stepTask(f *fused, worked *bool) (done bool, err error) {
	port := s.core.port
	if s.edge == 0 && !s.fed {
		f.tick, f.mute = s.last, s.last <= s.warm
		for i, e := range s.out {
			s.before[i] = f.ctiOf(e.FromOp, frame.MinCTI)
		}
	}
	for ; s.edge < len(s.in); s.edge++ {
		e := s.in[s.edge]
		input := Input{Kind: FromEdge, Index: int(e)}
		if s.folds[s.edge] {
			if err := f.merge(input, s.last); err != nil {
				return false, err
			}
			continue
		}
		for !s.fed {
			ok, err := port.Peek(e, s.last, f.task, &s.rows)
			if err != nil {
				return false, err
			}
			if !ok {
				break
			}
			if done, err := f.feed(input, &s.rows); !done {
				return false, err
			}
			port.Consume(e, s.rows.N)
			*worked = true
		}
		s.fed = true
		if done, err := f.settle(); !done {
			return false, err
		}
		s.fed = false
	}
	s.fed = true
	if done, err := f.close(s.ctiOf); !done {
		return false, err
	}
	for i, e := range s.out {
		if f.mute {
			break
		}
		port.Close(e.ID, f.task, s.first, s.last, s.before[i], f.ctiOf(e.FromOp, frame.MinCTI))
	}
	return true, nil
}

func (s *stageRun) ctiOf(in Input) frame.CTI { return s.core.port.CTI(frame.EdgeID(in.Index), s.last) }

// finishTick makes the executed range final.
func (s *stageRun) finishTick() error {
	from := s.executed
	s.executed, s.first = s.last, 0
	for _, e := range s.in {
		s.core.port.Executed(e, s.executed)
	}
	s.flushing = true
	s.core.worker.stageExecuted(s.index, s.core.id, s.executed)
	if s.images == nil || s.executed <= s.warm {
		return nil
	}
	s.core.worker.passed(from, s.executed)
	if !s.core.worker.marks.at(s.executed) {
		return nil
	}
	return s.takeImage(s.executed)
}

// flush writes what the finished tick left staged, so that its closes are not held back by the next tick.
func (s *stageRun) flush() (worked bool, err error) {
	for _, e := range s.out {
		if done, err := s.core.port.Flush(e.ID); !done {
			return false, err
		}
	}
	s.flushing = false
	return true, nil
}

// settleSources makes the least tick that all local source tasks have closed the executed one.
func (s *stageRun) settleSources() {
	least := frame.MaxTick
	for _, src := range s.sources {
		least = min(least, src.closed)
	}
	if least > s.executed {
		s.executed = least
		s.flushing = true
		s.core.worker.stageExecuted(s.index, s.core.id, least)
	}
}

// finishSink ends the output once everything is executed.
func (s *stageRun) finishSink() (worked bool, err error) {
	if s.sink == nil || s.finished || s.executed != frame.MaxTick {
		return false, nil
	}
	s.finished, err = s.sink.Finish()
	return s.finished, err
}

// done reports that the stage has nothing more to do on this core.
func (s *stageRun) done() bool {
	return s.executed == frame.MaxTick && !s.flushing && (s.sink == nil || s.finished)
}

func buildEdges(p *Plan) []shuffle.Edge {
	edges := make([]shuffle.Edge, len(p.Edges))
	for i, e := range p.Edges {
		from, to := &p.Stages[e.From], &p.Stages[e.To]
		edges[i] = shuffle.Edge{
			ID: e.ID, Schema: e.Schema, Keys: e.Keys, Unordered: e.Unordered, Policy: e.Policy, Instances: e.Instances,
			Source:      shuffle.TaskRange{First: from.FirstTask, Count: from.Tasks},
			Destination: shuffle.TaskRange{First: to.FirstTask, Count: to.Tasks},
		}
	}
	return edges
}
