package runtime

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// Config is what a worker runs, and where.
type Config struct {
	Plan        *Plan
	JobID       uint64
	Node        frame.NodeID
	Nodes       int
	Cores       int
	Incarnation frame.Incarnation
	Schedule    Schedule
	Admission   Admission
	Lateness    time.Duration
	Rate        float64 // rows per second over all source tasks of the job; 0: as fast as can be
	FrameBytes  int
	CreditBytes int
	LeaseBytes  int // frames that a core keeps leased while it executes a tick
	Sums        bool
	Arena       *ringlog.Arena
	Pages       func(core int) state.Pages // called once per core
	// Nanotime is a monotonic clock for busy times.
	Nanotime func() int64
	// Wake is called when a core may have something to do, WakePeer when a link may.
	Wake     func(core int)
	WakePeer func(n frame.NodeID)
	// WakeLane is called when a lane of a link may have something to do. Only with Shadows.
	WakeLane func(n frame.NodeID, lane uint8)
	// Room is called by a link when the arena is full; see shuffle.ExchangeConfig.
	Room func(ready <-chan struct{}) error
	// Fail is called when a link met an error of this node's own.
	Fail func(error)
	// Held, if set, tells of a stage that its tasks here are not to execute for the moment: simulators slow some of them.
	Held func(stage int) bool
	// Copier takes the frames of edges with copies; nil: there are none. Only with Recovery.
	Copier shuffle.Copier
	// Persister hears of the frames of edges that are persisted (NewPersister); nil: none is. Only with Recovery.
	Persister shuffle.Persister
	// Recovery keeps what the worker needs to come back; nil: reliability is off.
	Recovery *Recovery
	// Shadows has what was dropped early made again beside the tasks; nil: the worker fails when that is asked for. Only with Recovery.
	Shadows *Shadows
	part    *part // nil: all of the node's tasks are there
}

// Worker is one node's part of a job: cores, their exchange, sources and sinks. It starts nothing by itself: Drive (driver.go) or a
// simulator steps its cores.
type Worker struct {
	cfg         Config
	cluster     shuffle.Cluster
	exchange    *shuffle.Exchange
	cores       []*Core
	sourceTasks int
	stages      []stageProgress
	order       []int // of stages, upstream first
	dirty       atomic.Bool
	settling    sync.Mutex
	stirred     atomic.Int64  // when a source did something last, unix nanoseconds
	waiting     []atomic.Bool // by core: a source waits for something to be drained
	marks       marks
	opened      atomic.Uint64 // the greatest tick that a source has opened
	cut         atomic.Uint64 // the greatest tick that a source task which goes on has cut
	missed      atomic.Uint64
	doomed      atomic.Bool // the task that executes rows next panics
	lowsMu      sync.Mutex
	shadows     *shadows // nil: there are none
	owned       struct {
		sinks   []vertex.Sink
		sources []*sourceTask
	}
}

// stageProgress is how far this node's tasks of a stage are.
type stageProgress struct {
	byCore  []atomic.Uint64
	drained atomic.Uint64
	images  *collector       // nil without recovery
	journal Journal          // of a source stage with recovery
	replay  []journal.Record // of its last life
	lows    lows             // guarded by Worker.lowsMu
}

// NewWorker builds the tasks of this node. On an error nothing is left open.
func NewWorker(cfg Config) (*Worker, error) {
	w := &Worker{cfg: cfg, waiting: make([]atomic.Bool, cfg.Cores), cluster: cfg.cluster(), stages: make([]stageProgress, len(cfg.Plan.Stages))}
	for i := range cfg.Plan.Stages {
		st := &cfg.Plan.Stages[i]
		if st.Source != nil {
			w.sourceTasks += st.Tasks
		}
		w.stages[i].byCore = make([]atomic.Uint64, cfg.Cores)
		for c := range cfg.Cores {
			w.stages[i].byCore[c].Store(uint64(w.restoreTick(i)))
			if w.tasksOn(i, c).Count == 0 {
				w.stages[i].byCore[c].Store(uint64(frame.MaxTick))
			}
		}
	}
	w.order = cfg.Plan.order()
	if err := cfg.Plan.checkInstances(cfg.Nodes); err != nil {
		return nil, err
	}
	starts, err := w.starts()
	if err != nil {
		return nil, err
	}
	x, err := shuffle.NewExchange(shuffle.ExchangeConfig{
		Cluster: w.cluster, Self: cfg.Node, Job: cfg.JobID, Incarnation: cfg.Incarnation, Edges: buildEdges(cfg.Plan), Arena: cfg.Arena,
		FrameBytes: cfg.FrameBytes, CreditBytes: cfg.CreditBytes, LeaseBytes: cfg.LeaseBytes, Sums: cfg.Sums,
		Starts: starts, Retain: cfg.Recovery != nil && cfg.part == nil, Met: w.met(), Asked: w.asked(), Shadow: cfg.part.of(), Copier: cfg.Copier, Persister: cfg.Persister,
		Wake: w.wake, WakePeer: cfg.WakePeer, Lanes: Lanes, WakeLane: cfg.WakeLane, Room: cfg.Room, Fail: cfg.Fail, DrainedChanged: func() { w.dirty.Store(true); w.wakeAll() },
	})
	if err != nil {
		return nil, err
	}
	w.exchange = x
	if err := w.build(); err != nil {
		w.letGo()
		return nil, errors.Join(err, w.Close())
	}
	w.dirty.Store(true) // what is drained when it goes on
	return w, nil
}

// build opens journals, sources and sinks, and makes the tasks what they were.
func (w *Worker) build() error {
	if err := w.openRecovery(); err != nil {
		return err
	}
	for c := range w.cfg.Cores {
		core, err := newCore(w, c)
		if err != nil {
			return err
		}
		w.cores = append(w.cores, core)
	}
	if r := w.cfg.Recovery; r != nil && r.Loaded != nil {
		return r.Loaded()
	}
	return nil
}

// letGo ends the sinks of a worker that does not begin. What former lives have written is kept for those to come.
func (w *Worker) letGo() {
	if w.cfg.Recovery != nil {
		w.Leave()
	} else {
		w.Abort()
	}
}

func (w *Worker) wake(core int) { w.cfg.Wake(core) }

func (w *Worker) wakeAll() {
	for c := range w.cfg.Cores {
		w.cfg.Wake(c)
	}
}

func (w *Worker) addSink(s vertex.Sink)   { w.owned.sinks = append(w.owned.sinks, s) }
func (w *Worker) addSource(s *sourceTask) { w.owned.sources = append(w.owned.sources, s) }

// Core returns a core to be stepped.
func (w *Worker) Core(i int) *Core { return w.cores[i] }

// Exchange returns what the links of this node drive.
func (w *Worker) Exchange() *shuffle.Exchange { return w.exchange }

// stageExecuted notes that a core's tasks of a stage have executed tick t.
func (w *Worker) stageExecuted(stage, core int, t frame.Tick) {
	w.stages[stage].byCore[core].Store(uint64(t))
	w.dirty.Store(true)
}

func (w *Worker) drained(stage int) frame.Tick { return frame.Tick(w.stages[stage].drained.Load()) }

// settle works out anew how far each stage is drained, from the sinks up, and tells those upstream. Whichever core comes first does it, and
// does it again if another had news meanwhile.
func (w *Worker) settle() {
	for w.dirty.Load() && w.settling.TryLock() {
		w.dirty.Store(false)
		moved := w.drainStages()
		w.settling.Unlock()
		for c := range w.waiting {
			if moved && w.waiting[c].Swap(false) {
				w.wake(c)
			}
		}
	}
}

func (w *Worker) drainStages() (moved bool) {
	for _, i := range slices.Backward(w.order) {
		if !w.hasTasks(i) {
			continue
		}
		d := w.executed(i)
		for j := range w.cfg.Plan.Edges {
			if e := &w.cfg.Plan.Edges[j]; e.From == i && !w.cfg.Plan.Stages[e.To].Second {
				d = min(d, w.exchange.Drained(e.ID))
			}
		}
		if frame.Tick(w.stages[i].drained.Swap(uint64(d))) == d {
			continue
		}
		moved = true
		for j := range w.cfg.Plan.Edges {
			if e := &w.cfg.Plan.Edges[j]; e.To == i {
				w.exchange.SetDrained(e.ID, d)
			}
		}
	}
	return moved
}

func (w *Worker) hasTasks(stage int) bool { return w.tasksOf(stage).Count > 0 }

// executed is the least tick that all cores' tasks of a stage have executed.
func (w *Worker) executed(stage int) frame.Tick {
	least := uint64(frame.MaxTick)
	for c := range w.stages[stage].byCore {
		least = min(least, w.stages[stage].byCore[c].Load())
	}
	return frame.Tick(least)
}

// Done reports that every task has executed everything, every sink is finished and every peer has all it was sent.
func (w *Worker) Done() bool {
	for _, c := range w.cores {
		if !c.ended.Load() {
			return false
		}
	}
	return w.exchange.Idle()
}

// Abort drops the outputs of the sinks.
func (w *Worker) Abort() {
	for _, s := range w.owned.sinks {
		s.Abort()
	}
}

// Leave lets go of the sinks' outputs and keeps what was written, for the next life.
func (w *Worker) Leave() {
	for _, s := range w.owned.sinks {
		s.Leave()
	}
}

// Close frees readers and logs. Cores and links must have stopped.
func (w *Worker) Close() error {
	errs := []error{w.shadows.close()}
	for _, s := range w.owned.sources {
		errs = append(errs, s.close())
	}
	for i := range w.stages {
		if j := w.stages[i].journal; j != nil {
			errs = append(errs, j.Close())
		}
		if im := w.stages[i].images; im != nil {
			im.close()
		}
	}
	return errors.Join(append(errs, w.exchange.Close())...)
}
