package shuffle

import (
	"errors"
	"fmt"
	"sort"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// ErrProtocol wraps what a correct peer would never send: a gap in ticks, a CTI that falls, tasks of another edge.
var ErrProtocol = errors.New("protocol violation")

// step says that from a tick on a CTI holds.
type step struct {
	tick frame.Tick
	cti  frame.CTI
}

// change is a step of one task.
type change struct {
	step
	task int
}

// progress knows what the source tasks of one edge have closed, as a vector (I15): counters are only its cache.
//
// Invariants:
//   - closed == min over tasks of closedBy
//   - atMin == number of tasks with closedBy == closed
//   - ahead[i] holds the CTI changes of task i in ticks above closed, oldest first; waiting is how many all of them hold
//   - steps holds the changes of the edge's CTI in ticks the reader has not passed yet, oldest first, ticks and CTIs rising
type progress struct {
	tasks    TaskRange
	closedBy []frame.Tick
	lastCTI  []frame.CTI // of each task at closedBy
	ctiBy    []frame.CTI // of each task at closed
	ahead    [][]step
	waiting  int // steps in ahead
	closed   frame.Tick
	atMin    int
	cti      frame.CTI // at closed
	steps    []step
	passed   frame.CTI // CTI at the tick the reader has passed
	// passedBy holds the CTI of each task at the tick the reader has passed, changes those after it up to closed, oldest first. passedBy is nil
	// where nobody asks.
	passedBy []frame.CTI
	changes  []change
	counts   bool       // see Flaw
	last     frame.Tick // the last tick that a task closed without saying that no event follows
}

// newProgress begins where the start of these tasks says.
func newProgress(tasks TaskRange, at Start) *progress {
	p := &progress{
		tasks:    tasks,
		closed:   at.Executed,
		closedBy: make([]frame.Tick, tasks.Count),
		lastCTI:  make([]frame.CTI, tasks.Count),
		ctiBy:    make([]frame.CTI, tasks.Count),
		ahead:    make([][]step, tasks.Count),
		atMin:    tasks.Count,
		cti:      frame.MaxCTI,
	}
	for i := range p.ctiBy {
		cti := frame.MinCTI
		if at.CTIs != nil {
			cti = at.CTIs[i]
		}
		p.closedBy[i], p.ctiBy[i], p.lastCTI[i] = at.Executed, cti, cti
		p.cti = min(p.cti, cti)
	}
	p.passed = p.cti
	return p
}

// keepChanges makes passedBy known from now on; before anything was closed.
func (p *progress) keepChanges() { p.passedBy = append([]frame.CTI(nil), p.ctiBy...) }

// close takes one close entry. What was closed before is ignored (a resent close); a gap is an error.
func (p *progress) close(e frame.CloseEntry) error {
	if !p.tasks.Contains(e.First) || !p.tasks.Contains(e.Last) {
		return fmt.Errorf("%w: close of tasks %d to %d, want %d to %d", ErrProtocol, e.First, e.Last, p.tasks.First, int(p.tasks.First)+p.tasks.Count-1)
	}
	advanced := false
	for t := e.First; t <= e.Last; t++ {
		i := int(t - p.tasks.First)
		was := p.closedBy[i]
		switch {
		case e.LastTick <= was && p.counts:
			if err := p.countAgain(e); err != nil {
				return err
			}
			continue
		case e.LastTick <= was:
			continue
		case e.FirstTick > was+1:
			return fmt.Errorf("%w: task %d closes tick %d after %d", ErrProtocol, t, e.FirstTick, was)
		case e.CTI < p.lastCTI[i] && e.CTI != frame.SameCTI:
			return fmt.Errorf("%w: task %d: CTI %d in tick %d after %d", ErrProtocol, t, e.CTI, e.LastTick, p.lastCTI[i])
		}
		p.closedBy[i] = e.LastTick
		if e.CTI < frame.MaxCTI {
			p.last = max(p.last, e.LastTick)
		}
		if e.CTI > p.lastCTI[i] {
			p.lastCTI[i] = e.CTI
			p.ahead[i] = append(p.ahead[i], step{e.LastTick, e.CTI})
			p.waiting++
		}
		if was == p.closed {
			p.atMin--
			advanced = true
		}
	}
	if advanced && p.atMin == 0 {
		p.advance()
	}
	return nil
}

// rewind forgets what tasks closed above the least tick that all have: those closes will come again.
func (p *progress) rewind() {
	p.atMin = len(p.closedBy)
	for i := range p.closedBy {
		p.closedBy[i], p.lastCTI[i] = p.closed, p.ctiBy[i]
		p.ahead[i] = p.ahead[i][:0]
	}
	p.waiting = 0
}

// withdraw forgets what some tasks closed above tick t, which all of them have: those closes will come again.
func (p *progress) withdraw(tasks TaskRange, t frame.Tick) {
	for k := range tasks.Count {
		i := int(tasks.First-p.tasks.First) + k
		n := 0
		for n < len(p.ahead[i]) && p.ahead[i][n].tick <= t {
			n++
		}
		p.waiting -= len(p.ahead[i]) - n
		p.ahead[i], p.closedBy[i], p.lastCTI[i] = p.ahead[i][:n], t, p.ctiBy[i]
		if n > 0 {
			p.lastCTI[i] = p.ahead[i][n-1].cti
		}
	}
	p.atMin = 0
	for _, c := range p.closedBy {
		if c == p.closed {
			p.atMin++
		}
	}
}

// advance moves closed to the new minimum and turns the tasks' CTI changes up to it into changes of the edge's CTI.
func (p *progress) advance() {
	p.closed, p.atMin = p.closedBy[0], 0
	for _, c := range p.closedBy {
		if c < p.closed {
			p.closed, p.atMin = c, 0
		}
		if c == p.closed {
			p.atMin++
		}
	}
	for p.waiting > 0 { // an idle edge of a thousand tasks has none
		next := frame.MaxTick
		found := false
		for _, a := range p.ahead {
			if len(a) > 0 && a[0].tick <= p.closed {
				next, found = min(next, a[0].tick), true
			}
		}
		if !found {
			return
		}
		cti := frame.MaxCTI
		for i, a := range p.ahead {
			if len(a) > 0 && a[0].tick == next {
				p.ctiBy[i] = a[0].cti
				if p.passedBy != nil {
					p.changes = append(p.changes, change{a[0], i})
				}
				p.ahead[i] = append(a[:0], a[1:]...)
				p.waiting--
			}
			cti = min(cti, p.ctiBy[i])
		}
		if cti > p.cti {
			p.cti = cti
			p.steps = append(p.steps, step{next, cti})
		}
	}
}

// nextChange returns the first tick after t, at most closed, at which the CTI changes.
func (p *progress) nextChange(t frame.Tick) (frame.Tick, bool) {
	i := sort.Search(len(p.steps), func(i int) bool { return p.steps[i].tick > t })
	if i == len(p.steps) {
		return 0, false
	}
	return p.steps[i].tick, true
}

// ctiAt returns the edge's CTI at tick t, which the reader has not passed and closed has reached.
func (p *progress) ctiAt(t frame.Tick) frame.CTI {
	cti := p.passed
	for _, s := range p.steps {
		if s.tick > t {
			break
		}
		cti = s.cti
	}
	return cti
}

// pass forgets the changes up to tick t: the reader has executed it.
func (p *progress) pass(t frame.Tick) {
	n := 0
	for n < len(p.steps) && p.steps[n].tick <= t {
		p.passed = p.steps[n].cti
		n++
	}
	p.steps = append(p.steps[:0], p.steps[n:]...)
	n = 0
	for n < len(p.changes) && p.changes[n].tick <= t {
		p.passedBy[p.changes[n].task] = p.changes[n].cti
		n++
	}
	p.changes = append(p.changes[:0], p.changes[n:]...)
}
