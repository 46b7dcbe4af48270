package runtime

import (
	"fmt"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// Core is one run queue: the tasks placed on it, executed by whoever calls Step, one caller at a time. It never blocks.
type Core struct {
	worker *Worker
	id     int
	port   *shuffle.Port
	pages  state.Pages // of all its tasks
	stages []*stageRun // upstream first
	now    int64
	ended  atomic.Bool // done, as Step left it
}

func newCore(w *Worker, id int) (*Core, error) {
	c := &Core{worker: w, id: id, port: w.exchange.Port(id), pages: w.cfg.Pages(id)}
	for _, i := range w.order {
		s, err := c.newStage(i)
		if err != nil {
			return nil, err
		}
		if s != nil {
			c.stages = append(c.stages, s)
		}
	}
	return c, nil
}

// newStage returns the stage's part on this core, nil if it has no task here.
func (c *Core) newStage(i int) (*stageRun, error) {
	w := c.worker
	local := w.tasksOn(i, c.id)
	if local.Count == 0 {
		return nil, nil
	}
	st := &w.cfg.Plan.Stages[i]
	s := &stageRun{
		core: c, index: i, st: st, stats: newStageStats(len(st.Ops), w.cfg.Nanotime), executed: w.restoreTick(i),
		warm: w.warmTo(i), images: w.stages[i].images, firstTask: int(local.First - w.tasksOf(i).First),
	}
	for j := range w.cfg.Plan.Edges {
		e := &w.cfg.Plan.Edges[j]
		if e.From == i {
			s.out = append(s.out, e)
		}
		if e.To == i && !e.Instances.Second {
			s.in = append(s.in, e.ID)
		}
	}
	s.before = make([]frame.CTI, len(s.out))
	if err := s.openSink(w.restore(i)); err != nil {
		return nil, err
	}
	if st.Source != nil {
		var err error
		if s.splits, err = st.Source.Splits(); err != nil {
			return nil, err
		}
	}
	boxes := newBoxes(st)
	for t := range local.Count {
		if st.Source != nil {
			boxes = newBoxes(st) // source tasks take turns within a tick
		}
		if err := s.addTask(local.First+frame.TaskID(t), boxes, w.restore(i)); err != nil {
			return nil, err
		}
	}
	for _, e := range s.in {
		s.folds = append(s.folds, w.cfg.Plan.Edges[e].Unordered && s.tasks[0].foldable(Input{Kind: FromEdge, Index: int(e)}))
	}
	return s, nil
}

// openSink opens the stage's output, if it has one, where the image says.
func (s *stageRun) openSink(from *Image) (err error) {
	if s.st.Sink == nil {
		return nil
	}
	w, core := s.core.worker, s.core.id
	for c := range core {
		if w.tasksOn(s.index, c).Count > 0 {
			s.sinkIndex++
		}
	}
	var position []byte
	if from != nil {
		position, s.stats.before.sink = from.sinks[s.sinkIndex].position, from.sinks[s.sinkIndex].rows
	}
	if s.sink, err = s.st.Sink(position, func() { w.wake(core) }); err != nil {
		return err
	}
	w.addSink(s.sink)
	return nil
}

// addTask makes a task as the image has it.
func (s *stageRun) addTask(task frame.TaskID, boxes []*batch.Builder, from *Image) error {
	c := s.core
	env := Env{Pages: c.pages, Task: task}
	f, err := newFused(s.st, s.index, c.worker.cfg.Plan.Edges, task, env, c.port, s.sink, s.stats, boxes)
	if err != nil {
		return err
	}
	f.doomed = &c.worker.doomed
	f.named = task - c.worker.cfg.Plan.imageShift(s.index)
	s.tasks = append(s.tasks, f)
	var image *vertex.ImageReader
	if from != nil {
		image = vertex.NewImageReader(from.tasks[task].extra)
		for i := range f.nodes {
			if h := f.nodes[i].horizon; h != nil {
				h.from = from.Tick
			}
		}
		if err := f.load(image, from.tasks[task].parts); err != nil {
			return fmt.Errorf("stage %s: image after tick %d: %w", s.st.Name, from.Tick, err)
		}
	}
	if s.st.Source != nil {
		src, err := c.newSource(s, f, image)
		if err != nil {
			return err
		}
		s.sources = append(s.sources, src)
	}
	if image != nil {
		if err := image.End(); err != nil {
			return fmt.Errorf("stage %s: image after tick %d: %w", s.st.Name, from.Tick, err)
		}
	}
	return nil
}

// Step does a bounded piece of the core's work at time now (unix nanoseconds) and reports whether there was any: first what arrived is
// taken in and what has become durable is told, then the oldest tick is executed, downstream first, then sources read. An error is final for the worker.
func (c *Core) Step(now int64) (worked bool, err error) {
	c.now = now
	c.port.SetNow(now)
	if worked, err = c.port.Poll(); err != nil {
		return worked, err
	}
	worked = c.tellDurable() || worked
	ran, err := c.execute()
	if err != nil {
		return worked, err
	}
	if !ran {
		if ran, err = c.readSources(); err != nil {
			return worked, err
		}
	}
	if !ran {
		if ran, err = c.fold(); err != nil {
			return worked, err
		}
	}
	if !ran {
		if _, err := c.port.FlushAll(); err != nil {
			return worked, err
		}
		if ran, err = c.finish(); err != nil {
			return worked, err
		}
	}
	c.worker.settle()
	c.ended.Store(c.done())
	return worked || ran, nil
}

// execute steps the runnable stage with the oldest tick, downstream first; one that is blocked lets the next have its turn.
func (c *Core) execute() (worked bool, err error) {
	var tried uint64
	for range c.stages {
		best, at := -1, frame.Tick(0)
		for i, s := range c.stages {
			t := s.next()
			if t != 0 && !s.held() && tried>>(i&63)&1 == 0 && (best < 0 || t <= at) {
				best, at = i, t
			}
		}
		if best < 0 {
			return false, nil
		}
		s := c.stages[best]
		if worked, err = s.step(); err != nil {
			return worked, fmt.Errorf("stage %s: %w", s.st.Name, err)
		}
		if worked {
			return true, nil
		}
		tried |= 1 << (best & 63)
	}
	return false, nil
}

func (s *stageRun) held() bool {
	held := s.core.worker.cfg.Held
	return held != nil && held(s.index)
}

func (c *Core) fold() (worked bool, err error) {
	for _, s := range c.stages {
		w, err := s.foldEarly()
		if err != nil {
			return worked, fmt.Errorf("stage %s: %w", s.st.Name, err)
		}
		worked = worked || w
	}
	return worked, nil
}

func (c *Core) readSources() (worked bool, err error) {
	for _, s := range c.stages {
		if len(s.sources) == 0 || s.flushing || s.held() {
			continue
		}
		w, err := s.stepSources(c.now)
		if err != nil {
			return worked, err
		}
		worked = worked || w
	}
	return worked, nil
}

func (c *Core) finish() (worked bool, err error) {
	for _, s := range c.stages {
		w, err := s.finishSink()
		if err != nil {
			return worked, err
		}
		worked = worked || w
	}
	return worked, nil
}

// done reports that nothing is left to do for this core's tasks.
func (c *Core) done() bool {
	for _, s := range c.stages {
		if !s.done() {
			return false
		}
	}
	return true
}

// Deadline is when Step must be called again even if nobody wakes the core (unix nanoseconds), or 0: a tick ends, or a paced source
// may read on.
func (c *Core) Deadline() int64 {
	least := int64(0)
	for _, s := range c.stages {
		if s.quiet.on {
			if d := s.quiet.deadline; d != 0 && (least == 0 || d < least) {
				least = d
			}
			continue
		}
		for _, src := range s.sources {
			if d := src.deadline(c.now); d != 0 && (least == 0 || d < least) {
				least = d
			}
		}
	}
	return least
}

var _ edgeWriter = (*shuffle.Port)(nil)
