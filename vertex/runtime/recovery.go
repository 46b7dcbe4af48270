package runtime

import (
	"fmt"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state/snapshot"
)

// Recovery is a worker's past, and where its future is written down.
type Recovery struct {
	// Images are, by stage, what this node's tasks go on from; nil: from the beginning.
	Images []*Image
	// Warm is by stage the tick up to which this node's tasks execute again for their state alone: they emit nothing and take no images. nil:
	// nobody does.
	Warm []frame.Tick
	// Journal opens the journal of this node's tasks of a source stage, and returns the records in it, those of a task in the order of
	// their ticks. changed is to be called, from any goroutine, when Durable has grown.
	Journal func(stage int, changed func()) (Journal, []journal.Record, error)
	// Loaded is called once the worker stands and no part of Images will be read any more; it may be nil.
	Loaded func() error
	// Image reads the image of a stage after the tick up to which it was told to trim, for a shadow run; loaded is to be called once its parts were read.
	// It may be called from any goroutine, and block.
	Image func(stage int, t frame.Tick) (im *Image, loaded func() error, err error)
	// Save takes the image of this node's tasks of a stage after a marked tick, and releases it. It must not block, and may be called from any
	// goroutine. What becomes of it is told to the manager by whoever saves it.
	Save func(stage int, t frame.Tick, image snapshot.Image)
	// Lost says that there is no image of a stage after a marked tick, because too many that are alive have not been saved. It is called as Save is.
	Lost func(stage int, t frame.Tick, err error)
}

// Journal keeps the records of the source tasks of a stage on this node (PROTOCOL T7). It may be called from any goroutine.
type Journal interface {
	// Append adds a record behind all others and returns its number; numbers begin with 1. The record is copied.
	Append(r journal.Record) (uint64, error)
	// Room says whether rows should be added. If not, no tick with rows is opened; Changed, Trim or a mark wakes who waits for it.
	Room() bool
	// Durable is the number up to which all records are durable.
	Durable() uint64
	// Trim says that nobody will ask for records up to tick t any more.
	Trim(t frame.Tick)
	Close() error
}

// Progress is how far a worker is, for its manager.
type Progress struct {
	Executed []frame.Tick // by stage: by all tasks of this node; MaxTick where it has none
	Opened   frame.Tick   // the greatest tick that a source has opened
	Missed   frame.Tick   // the greatest marked tick that tasks had passed before they heard of it
}

// Progress may be called at any time, from any goroutine.
func (w *Worker) Progress() Progress {
	p := Progress{Executed: make([]frame.Tick, len(w.stages)), Opened: frame.Tick(w.opened.Load()), Missed: frame.Tick(w.missed.Load())}
	for i := range p.Executed {
		p.Executed[i] = w.executed(i)
	}
	return p
}

// Trim says that nobody will ask any more for what lies up to certain ticks: needs are by stage and node, those of the units that ask. It may
// be called from any goroutine; ticks that are lower than before have no effect.
func (w *Worker) Trim(needs [][]frame.Tick) error {
	if len(needs) != len(w.stages) {
		return fmt.Errorf("needs of %d stages, want %d", len(needs), len(w.stages))
	}
	for i, nodes := range needs {
		if len(nodes) != w.cfg.Nodes {
			return fmt.Errorf("needs of %d nodes for stage %d, want %d", len(nodes), i, w.cfg.Nodes)
		}
	}
	if w.shadows != nil {
		w.shadows.trimmed(needs)
	}
	for i := range w.cfg.Plan.Edges {
		e := &w.cfg.Plan.Edges[i]
		for n, t := range needs[e.To] {
			w.exchange.Need(e.ID, frame.NodeID(n), t)
		}
	}
	for i := range w.stages {
		if j := w.stages[i].journal; j != nil {
			j.Trim(needs[i][w.cfg.Node])
		}
	}
	w.wakeAll() // a source may have waited for its journal to have room
	return nil
}

// restore is the image that a stage's tasks on this node go on from, nil at the beginning.
func (w *Worker) restore(stage int) *Image {
	if w.cfg.Recovery == nil || w.cfg.Recovery.Images == nil {
		return nil
	}
	return w.cfg.Recovery.Images[stage]
}

// restoreTick is the tick that a stage's tasks on this node have behind them when they start.
func (w *Worker) restoreTick(stage int) frame.Tick {
	if im := w.restore(stage); im != nil {
		return im.Tick
	}
	return 0
}

// warmTo is the tick up to which a stage's tasks on this node only warm up.
func (w *Worker) warmTo(stage int) frame.Tick {
	if w.cfg.Recovery == nil || w.cfg.Recovery.Warm == nil {
		return 0
	}
	return w.cfg.Recovery.Warm[stage]
}

// starts tells the exchange where this node goes on with each edge.
func (w *Worker) starts() ([]shuffle.Start, error) {
	if w.cfg.Recovery == nil || w.cfg.Recovery.Images == nil {
		return nil, nil
	}
	plan := w.cfg.Plan
	if got := len(w.cfg.Recovery.Images); got != len(plan.Stages) {
		return nil, fmt.Errorf("images of %d stages, want %d", got, len(plan.Stages))
	}
	if got := len(w.cfg.Recovery.Warm); got != 0 && got != len(plan.Stages) {
		return nil, fmt.Errorf("ticks to warm up of %d stages, want %d", got, len(plan.Stages))
	}
	starts := make([]shuffle.Start, len(plan.Edges))
	for i := range plan.Edges {
		e := &plan.Edges[i]
		s := shuffle.Start{Executed: w.restoreTick(e.To), Emitted: max(w.restoreTick(e.From), w.warmTo(e.From))}
		if im := w.restore(e.To); im != nil {
			s.CTIs = im.edges[e.read()]
		}
		starts[i] = s
	}
	return starts, nil
}

// openRecovery prepares what the stages with tasks on this node need to come back.
func (w *Worker) openRecovery() error {
	if w.cfg.Recovery == nil {
		return nil
	}
	for i := range w.stages {
		tasks := w.tasksOf(i)
		if tasks.Count == 0 {
			continue
		}
		st := &w.cfg.Plan.Stages[i]
		sinks := 0
		if st.Sink != nil {
			sinks = w.coresOf(i)
			if st.Source != nil && st.Tasks > 1 {
				return fmt.Errorf("stage %s: %d sources write to one output, want one, so that its content at a tick is known", st.Name, st.Tasks)
			}
		}
		if tasks.Count > 1<<taskIDBits {
			return fmt.Errorf("stage %s: %d tasks on one node, want at most %d", st.Name, tasks.Count, 1<<taskIDBits)
		}
		if im := w.restore(i); im != nil && len(im.sinks) != sinks {
			return fmt.Errorf("stage %s: image with %d outputs, want %d", st.Name, len(im.sinks), sinks)
		}
		w.stages[i].images = newCollector(i, w.cfg.Plan.imageStage(i), tasks.Count, sinks, w.cfg.Recovery)
		if st.Source == nil {
			continue
		}
		var err error
		if w.stages[i].journal, w.stages[i].replay, err = w.cfg.Recovery.Journal(i, w.wakeAll); err != nil {
			return fmt.Errorf("stage %s: journal: %w", st.Name, err)
		}
		if w.shadows != nil && st.twice() == nil {
			w.stages[i].journal = remember(w.stages[i].journal, w.stages[i].replay)
		}
	}
	return nil
}

// tasksOf are a stage's tasks on this node.
func (w *Worker) tasksOf(stage int) shuffle.TaskRange {
	if w.cfg.part.leavesOut(stage) {
		return shuffle.TaskRange{First: w.cfg.Plan.Stages[stage].FirstTask}
	}
	return w.cfg.Plan.TasksOn(stage, w.cfg.Node, w.cfg.Nodes)
}

// coresOf is the number of cores that have tasks of a stage.
func (w *Worker) coresOf(stage int) int {
	n := 0
	for c := range w.cfg.Cores {
		if w.tasksOn(stage, c).Count > 0 {
			n++
		}
	}
	return n
}

// tasksOn are a stage's tasks on a core.
func (w *Worker) tasksOn(stage, core int) shuffle.TaskRange {
	st := &w.cfg.Plan.Stages[stage]
	if w.cfg.part.leavesOut(stage) {
		return shuffle.TaskRange{First: st.FirstTask}
	}
	return w.cluster.On(shuffle.TaskRange{First: st.FirstTask, Count: st.Tasks}, w.cfg.Node, frame.CoreID(core))
}

// raise lifts a tick that never falls.
func raise(v *atomic.Uint64, t frame.Tick) {
	for was := v.Load(); uint64(t) > was; was = v.Load() {
		if v.CompareAndSwap(was, uint64(t)) {
			return
		}
	}
}
