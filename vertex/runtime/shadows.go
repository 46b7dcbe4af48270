package runtime

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state"
)

// Shadows is what a worker needs to make again what it has dropped early, beside its tasks (PROTOCOL T14), see Worker.StepShadows.
type Shadows struct {
	// Image is the image of this node's tasks of a stage after a tick up to which they were told to trim; loaded is called once its parts were read.
	Image func(stage int, t frame.Tick) (im *Image, loaded func() error, err error)
	// Arena makes the memory for the logs of one shadow run, which closes it.
	Arena func() (*ringlog.Arena, error)
	// Pages are those of a core of one shadow run, which calls free when they are empty.
	Pages func() (pages state.Pages, free func())
	// Room waits for memory for what a lane has brought to a shadow run, until ready says that there may be some, or over that the run reads no more: an error gives up.
	// Links call it.
	Room func(ready, over <-chan struct{}) error
	// CutLane ends the connections that a lane from other nodes has.
	CutLane func(lane uint8)
	// Wake is called, from any goroutine, when StepShadows may have something to do.
	Wake func()
	// PatienceNs is for how long a run may do nothing before it is given up.
	PatienceNs int64
}

// mostShadows bounds the shadow runs of a worker at a time, with those whose frames are still being sent. Who asks beyond waits. Only Lanes of them may read
// from other nodes, each by a lane of its own: so there is always one for what needs nobody, as all that nodes ask each other for comes to in the end.
const mostShadows = Lanes + 1

// Lanes is the number of links beside the ordinary one that lead from each node to each other, where edges drop early.
const Lanes = 3

// shadowTries is how often a shadow run begins, at newer images each time, before it is given up.
const shadowTries = 3

// ErrNoShadow wraps why a node cannot make ticks again beside its tasks.
var ErrNoShadow = errors.New("no shadow run")

// shadows are the shadow runs of a worker.
type shadows struct {
	w       *Worker
	running []*shadowRun // of who steps
	failed  bool         // so has the worker
	mu      struct {
		sync.Mutex
		asked []*wanted    // not begun
		needs []frame.Tick // by stage: up to where this node's tasks have trimmed
		done  []Shadowed
	}
}

// wanted are asks that came together.
type wanted struct {
	asks   []shuffle.Ask
	stages []bool
	far    bool  // some of the stages read from other nodes
	since  int64 // when it was first looked at
	again  bool  // a run for it has begun before
}

// Shadowed is what shadow runs of a node have made again of an edge for a node.
type Shadowed struct {
	Edge        frame.EdgeID
	Node        frame.NodeID
	Runs        uint64
	Lanes       uint64     // of Runs: for shadow runs of that node
	First, Last frame.Tick // of all of them
}

func newShadows(w *Worker) *shadows {
	s := &shadows{w: w}
	s.mu.needs = make([]frame.Tick, len(w.stages))
	return s
}

// ask is shuffle.ExchangeConfig.Asked.
func (s *shadows) ask(asks []shuffle.Ask) { s.queue(&wanted{asks: asks}) }

func (s *shadows) queue(want *wanted) {
	s.mu.Lock()
	s.mu.asked = append(s.mu.asked, want)
	s.mu.Unlock()
	s.w.cfg.Shadows.Wake()
}

// trimmed notes what this node's tasks will trim.
func (s *shadows) trimmed(needs [][]frame.Tick) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.mu.needs {
		s.mu.needs[i] = max(s.mu.needs[i], needs[i][s.w.cfg.Node])
	}
}

// next takes what was asked for first of what may begin, with the lane for it. An error says why something cannot be made.
func (s *shadows) next(now int64) (first *wanted, lane uint8, err error) {
	if len(s.running) == mostShadows {
		return nil, 0, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	free := s.freeLane()
	for i, want := range s.mu.asked {
		if want.since == 0 {
			want.since = now
			if want.stages, want.far, err = s.w.cfg.Plan.shadowed(want.asks, s.w.cfg.Node, s.w.cfg.Nodes); err != nil {
				return nil, 0, err
			}
		}
		if !want.far {
			free = 0
		} else if free == 0 {
			continue
		}
		s.mu.asked = slices.Delete(s.mu.asked, i, i+1)
		return want, free, nil
	}
	return nil, 0, nil
}

// freeLane is a lane that no run has; 0: there is none.
func (s *shadows) freeLane() uint8 {
	for lane := uint8(1); lane <= Lanes; lane++ {
		if !slices.ContainsFunc(s.running, func(r *shadowRun) bool { return r.lane == lane }) {
			return lane
		}
	}
	return 0
}

// impatient drops what nobody asks for any more, and reports that something has waited for longer than it may: nodes that are all lost at once may wait for each other.
func (s *shadows) impatient(now int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.asked = slices.DeleteFunc(s.mu.asked, func(want *wanted) bool { return !s.w.exchange.Wanted(want.asks) })
	for _, want := range s.mu.asked {
		if patience := s.w.cfg.Shadows.PatienceNs; want.since > 0 && now-want.since > patience {
			return fmt.Errorf("%w: no lane was free for %d ms", ErrNoShadow, patience/1e6)
		}
	}
	return nil
}

func (s *shadows) needs() []frame.Tick {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mu.needs)
}

// note counts what a run answers.
func (s *shadows) note(asks []shuffle.Ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range asks {
		i := slices.IndexFunc(s.mu.done, func(d Shadowed) bool { return d.Edge == a.Edge && d.Node == a.Node })
		if i < 0 {
			i = len(s.mu.done)
			s.mu.done = append(s.mu.done, Shadowed{Edge: a.Edge, Node: a.Node, First: math.MaxUint64})
		}
		d := &s.mu.done[i]
		if a.Lane > 0 {
			d.Lanes++
		}
		d.Runs, d.First, d.Last = d.Runs+1, min(d.First, a.After+1), max(d.Last, a.Through)
	}
}

// Shadowed are the shadow runs of this life, by edge and node. It may be called from anywhere.
func (w *Worker) Shadowed() []Shadowed {
	if w.shadows == nil {
		return nil
	}
	w.shadows.mu.Lock()
	defer w.shadows.mu.Unlock()
	return slices.Clone(w.shadows.mu.done)
}

// StepShadows does a bounded piece of the shadow runs' work, beginning one if something was asked for, and reports whether there was any. It may
// read images. One goroutine calls it, while others step the cores. What cannot be made again fails the worker, with shuffle.ErrDropped.
func (w *Worker) StepShadows(now int64) (worked bool) {
	s := w.shadows
	if s == nil || s.failed {
		return false
	}
	want, lane, err := s.next(now)
	if err == nil && want != nil {
		worked = true
		err = s.begin(want, lane, now)
	}
	errs := []error{err, s.impatient(now)}
	for _, r := range slices.Clone(s.running) {
		did, err := s.stepRun(r, now)
		worked, errs = worked || did, append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		s.failed = true
		w.cfg.Fail(s.failure(err))
	}
	return worked
}

// stepRun does a bounded piece of a run's work, and ends it when nobody reads from it any more, or it has to begin again.
func (s *shadows) stepRun(r *shadowRun, now int64) (worked bool, err error) {
	switch {
	case r.again:
	case r.shadow.Over():
		r.leave()
	case r.behind():
		r.again = true
		r.shadow.Abandon()
		r.leave()
	default:
		r.away()
		return r.step(now)
	}
	if !r.away() {
		return false, nil
	}
	if r.again {
		s.queue(&wanted{asks: r.asks, again: true})
	}
	return true, s.end(r)
}

// failure is the error of the worker: a vertex that is not deterministic fails every life, anything else the shadow run alone, in whose place the next life
// makes the ticks.
func (s *shadows) failure(err error) error {
	if errors.Is(err, shuffle.ErrTripwire) {
		return err
	}
	return fmt.Errorf("%w, and cannot be made again beside the node: %w", shuffle.ErrDropped, err)
}

// begin begins to answer asks.
func (s *shadows) begin(want *wanted, lane uint8, now int64) error {
	var r *shadowRun
	for try := 0; r == nil; try++ {
		needs := s.needs()
		var err error
		r, err = s.w.newShadowRun(want, lane, needs)
		if err != nil && try < shadowTries && !slices.Equal(needs, s.needs()) {
			continue // what it began with was trimmed meanwhile
		}
		if r == nil || err != nil {
			return err // nil: nobody asks any more
		}
	}
	r.worked = now
	if !want.again {
		s.note(want.asks)
	}
	s.running = append(s.running, r)
	return nil
}

// end gives back what a run had.
func (s *shadows) end(r *shadowRun) error {
	s.running = slices.DeleteFunc(s.running, func(o *shadowRun) bool { return o == r })
	return r.close()
}

// close ends the runs. Links must have stopped.
func (s *shadows) close() error {
	if s == nil {
		return nil
	}
	var errs []error
	for _, r := range s.running {
		errs = append(errs, r.close())
	}
	s.running = nil
	return errors.Join(errs...)
}

// Shadowing reports whether StepShadows may have something to do. It is called by who calls that.
func (w *Worker) Shadowing() bool {
	s := w.shadows
	if s == nil || s.failed {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running) > 0 || len(s.mu.asked) > 0
}

// asked is what the exchange tells of asks, nil where it is to fail, or nothing is dropped early.
func (w *Worker) asked() func([]shuffle.Ask) {
	dropped := slices.ContainsFunc(w.cfg.Plan.Edges, func(e Edge) bool { return e.Policy.Keep == shuffle.Recompute })
	if w.cfg.Shadows == nil || w.cfg.Recovery == nil || w.cfg.part != nil || !dropped {
		return nil
	}
	w.shadows = newShadows(w)
	return w.shadows.ask
}
