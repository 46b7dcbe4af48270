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
	// Wake is called, from any goroutine, when StepShadows may have something to do.
	Wake func()
	// PatienceNs is for how long a run may do nothing before it is given up.
	PatienceNs int64
}

// mostShadows bounds the shadow runs of a worker at a time, with those whose frames are still being sent. Who asks beyond waits.
const mostShadows = 4

// shadowTries is how often a shadow run begins, at newer images each time, before it is given up.
const shadowTries = 3

// ErrNoShadow wraps why a node cannot make ticks again beside its tasks.
var ErrNoShadow = errors.New("no shadow run")

// shadows are the shadow runs of a worker.
type shadows struct {
	w       *Worker
	running []*shadowRun // of who steps
	mu      struct {
		sync.Mutex
		asked [][]shuffle.Ask // not begun
		needs []frame.Tick    // by stage: up to where this node's tasks have trimmed
		done  []Shadowed
	}
}

// Shadowed is what shadow runs of a node have made again of an edge for a node.
type Shadowed struct {
	Edge        frame.EdgeID
	Node        frame.NodeID
	Runs        uint64
	First, Last frame.Tick // of all of them
}

func newShadows(w *Worker) *shadows {
	s := &shadows{w: w}
	s.mu.needs = make([]frame.Tick, len(w.stages))
	return s
}

// ask is shuffle.ExchangeConfig.Asked.
func (s *shadows) ask(asks []shuffle.Ask) {
	s.mu.Lock()
	s.mu.asked = append(s.mu.asked, asks)
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

// next takes what was asked for first and is not begun, and where it would begin.
func (s *shadows) next() (asks []shuffle.Ask) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.asked) == 0 {
		return nil
	}
	asks, s.mu.asked = s.mu.asked[0], s.mu.asked[1:]
	return asks
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
	if s == nil {
		return false
	}
	if len(s.running) < mostShadows {
		if asks := s.next(); asks != nil {
			worked = true
			s.begin(asks, now)
		}
	}
	for _, r := range slices.Clone(s.running) {
		did, err := r.step(now)
		worked = worked || did
		if err == nil && r.shadow.Over() {
			err = s.end(r)
		}
		if err != nil {
			w.cfg.Fail(s.failure(err))
		}
	}
	return worked
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
func (s *shadows) begin(asks []shuffle.Ask, now int64) {
	stages, err := s.w.cfg.Plan.shadowed(asks, s.w.cfg.Node, s.w.cfg.Nodes)
	var r *shadowRun
	for try := 0; err == nil && r == nil; try++ {
		needs := s.needs()
		r, err = s.w.newShadowRun(asks, stages, needs)
		if err != nil && try < shadowTries && !slices.Equal(needs, s.needs()) {
			err = nil // what it began with was trimmed meanwhile
			continue
		}
		if r == nil && err == nil {
			return // nobody asks any more
		}
	}
	if err != nil {
		s.w.cfg.Fail(s.failure(err))
		return
	}
	r.worked = now
	s.note(asks)
	s.running = append(s.running, r)
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
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.running) > 0 || len(s.mu.asked) > 0
}

// asked is what the exchange tells of asks, nil where it is to fail.
func (w *Worker) asked() func([]shuffle.Ask) {
	if w.cfg.Shadows == nil || w.cfg.Recovery == nil || w.cfg.part != nil {
		return nil
	}
	w.shadows = newShadows(w)
	return w.shadows.ask
}
