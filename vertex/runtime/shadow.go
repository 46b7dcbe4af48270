package runtime

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// part makes a worker one that executes some of its node's tasks again, up to a tick, for a shadow.
type part struct {
	shadow  *shuffle.Shadow
	stages  []bool
	through frame.Tick
}

// limit is the tick up to which tasks may execute.
func (p *part) limit() frame.Tick {
	if p == nil {
		return frame.MaxTick
	}
	return p.through
}

// leavesOut reports whether a stage has no tasks, although its node has.
func (p *part) leavesOut(stage int) bool { return p != nil && !p.stages[stage] }

// shadowed are the stages of a node that asks follow from: those that write what is asked for, and all that these read; far says that some of them read from
// other nodes, too. An error says why they cannot be executed a second time there.
func (p *Plan) shadowed(asks []shuffle.Ask, node frame.NodeID, nodes int) (stages []bool, far bool, err error) {
	stages = make([]bool, len(p.Stages))
	var add func(stage int)
	add = func(stage int) {
		if stages[stage] || err != nil {
			return
		}
		stages[stage] = true
		if err = p.Stages[stage].twice(); err != nil {
			return
		}
		for i := range p.Edges {
			e := &p.Edges[i]
			if e.From != stage && e.To != stage {
				continue
			}
			from := &p.Stages[e.From]
			if e.Instances != (shuffle.Instances{}) {
				err = fmt.Errorf("%w: stage %s, or one beside it, is there twice", ErrNoShadow, from.Name)
				return
			}
			if e.To != stage {
				continue
			}
			here := p.TasksOn(e.From, node, nodes).Count
			far = far || here < from.Tasks
			if here > 0 {
				add(e.From)
			}
		}
	}
	for _, a := range asks {
		add(p.Edges[a.Edge].From)
	}
	return stages, far, err
}

// twice says why a stage cannot be executed a second time while it is being executed.
func (st *Stage) twice() error {
	switch again, ok := st.Source.(vertex.Rereader); {
	case st.Sink != nil:
		return fmt.Errorf("%w: stage %s has an output", ErrNoShadow, st.Name)
	case st.Source != nil && !(ok && again.Reread()):
		return fmt.Errorf("%w: the input of stage %s cannot be read a second time", ErrNoShadow, st.Name)
	}
	return nil
}

// shadowRun executes some stages of a node again.
type shadowRun struct {
	of       *shadows
	shadow   *shuffle.Shadow
	arena    *ringlog.Arena
	worker   *Worker
	free     []func()
	asks     []shuffle.Ask
	lane     uint8 // that it reads other nodes by; 0: none
	over     chan struct{}
	left     bool                  // over is closed: it reads nothing any more
	again    bool                  // it ends, to begin again at newer images
	core     int                   // to be stepped next
	worked   int64                 // when it did something last
	failed   atomic.Pointer[error] // by a call of the worker's, or of a lane's
	finished bool
}

// newShadowRun makes the tasks of stages as they were at needs, reading on a lane, if that is not 0; nil if nobody asks any more.
func (w *Worker) newShadowRun(want *wanted, lane uint8, needs []frame.Tick) (r *shadowRun, err error) {
	plan, asks, stages := w.cfg.Plan, want.asks, want.stages
	reads, writes := make([]bool, len(plan.Edges)), make([]bool, len(plan.Edges))
	for i := range plan.Edges {
		reads[i], writes[i] = stages[plan.Edges[i].To], stages[plan.Edges[i].From]
	}
	r = &shadowRun{of: w.shadows, asks: asks, over: make(chan struct{})}
	recovery := &Recovery{Images: make([]*Image, len(plan.Stages)), Journal: w.rewound}
	through := frame.Tick(0)
	for _, a := range asks {
		through = max(through, a.Through)
	}
	var loaded []func() error
	defer func() {
		for _, f := range loaded {
			err = errors.Join(err, f())
		}
		if err != nil && r != nil {
			err = errors.Join(err, r.close())
			r = nil
		}
	}()
	for i, is := range stages {
		if !is || needs[i] == 0 {
			continue
		}
		im, done, err := w.cfg.Shadows.Image(i, needs[i])
		if err != nil {
			return r, err
		}
		recovery.Images[i], loaded = im, append(loaded, done)
	}
	if r.arena, err = w.cfg.Shadows.Arena(); err != nil {
		return r, err
	}
	if r.shadow = w.exchange.NewShadow(asks, reads, writes); r.shadow == nil {
		return nil, r.close()
	}
	cfg := w.cfg
	cfg.Arena, cfg.Recovery, cfg.Shadows, cfg.Copier, cfg.Persister, cfg.Held, cfg.Rate = r.arena, recovery, nil, nil, nil, nil, 0
	cfg.Wake, cfg.WakePeer = func(int) { w.cfg.Shadows.Wake() }, func(n frame.NodeID) { w.cfg.WakeLane(n, lane) }
	cfg.Room, cfg.Fail = r.room, r.fail
	cfg.Pages = func(int) state.Pages {
		pages, free := w.cfg.Shadows.Pages()
		r.free = append(r.free, free)
		return pages
	}
	cfg.part = &part{shadow: r.shadow, stages: stages, through: through}
	if r.worker, err = NewWorker(cfg); err == nil && lane > 0 {
		r.lead(lane)
	}
	return r, err
}

// shadowSteps bounds how much of a run is done at once.
const shadowSteps = 16

// step does a bounded piece of the run's work.
func (r *shadowRun) step(now int64) (worked bool, err error) {
	if r.finished {
		return false, nil
	}
	for range shadowSteps {
		did := false
		fault := r.arena.Guard(func() { did, err = r.worker.Core(r.core).Step(now) })
		if failed := r.failed.Load(); failed != nil {
			err = errors.Join(err, *failed)
		}
		if err = errors.Join(fault, err); err != nil {
			return true, err
		}
		r.core = (r.core + 1) % r.worker.cfg.Cores
		worked = worked || did
	}
	if worked {
		r.worked = now
	}
	if r.finished = r.shadow.Done(); r.finished {
		r.leave()
		return true, nil
	}
	if patience := r.of.w.cfg.Shadows.PatienceNs; now-r.worked > patience {
		return worked, fmt.Errorf("%w: nothing has happened for %d ms", ErrNoShadow, patience/1e6)
	}
	return worked, nil
}

func (r *shadowRun) close() error {
	var errs []error
	if r.shadow != nil {
		r.shadow.Abandon()
	}
	if r.worker != nil {
		errs = append(errs, r.worker.Close())
	}
	if r.arena != nil {
		errs = append(errs, r.arena.Close())
	}
	for _, free := range r.free {
		free()
	}
	return errors.Join(errs...)
}

// rewound is Recovery.Journal of a shadow run: what the worker's journals have.
func (w *Worker) rewound(stage int, _ func()) (Journal, []journal.Record, error) {
	kept, ok := w.stages[stage].journal.(*memory)
	if !ok {
		return nil, nil, fmt.Errorf("%w: what stage %s has written down is not at hand", ErrNoShadow, w.cfg.Plan.Stages[stage].Name)
	}
	return written{}, kept.all(), nil
}

// written is the journal of tasks that cut again what is written down, and nothing else.
type written struct{}

func (written) Append(r journal.Record) (uint64, error) {
	return 0, fmt.Errorf("a shadow run cuts tick %d, which is not written down", r.First)
}
func (written) Room() bool      { return true }
func (written) Durable() uint64 { return math.MaxUint64 }
func (written) Trim(frame.Tick) {}
func (written) Close() error    { return nil }

// of is the shadow that a part is for.
func (p *part) of() *shuffle.Shadow {
	if p == nil {
		return nil
	}
	return p.shadow
}
