package shuffle

import (
	"sync"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// pace knows what all writers of all processes have closed, as far as this process has heard.
//
// Ticks of an unordered shuffle have no length of their own: whoever has written enough, or has had something to tell for long enough, ends
// the open one, and all others follow as soon as they hear of it. So an idle shuffle closes nothing, and no writer runs away.
//
// Its CTIs are coded: twice the CTI, plus one for a writer that is out of the minimum. So a writer can come back, at a higher CTI than it
// left with, although what a task promises in its closes never falls.
type pace struct {
	mu struct {
		sync.Mutex
		prog    *progress
		ahead   frame.Tick // the highest tick that a writer has closed and not ended with
		closed  frame.Tick // Invariant: prog.closed
		promise CTI        // at closed. Invariant: never falls
	}
}

func newPace(writers TaskRange) *pace {
	p := &pace{}
	p.mu.prog, p.mu.promise = newProgress(writers, Start{}), NoCTI
	return p
}

// note takes what a writer closed.
func (p *pace) note(entries ...frame.CloseEntry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range entries {
		if err := p.mu.prog.close(e); err != nil {
			return err
		}
		if e.LastTick != frame.MaxTick {
			p.mu.ahead = max(p.mu.ahead, e.LastTick)
		}
	}
	if p.mu.prog.closed > p.mu.closed {
		p.mu.closed = p.mu.prog.closed
		p.mu.promise = max(p.mu.promise, leastCTI(p.mu.prog))
		p.mu.prog.pass(p.mu.closed)
	}
	return nil
}

// leader is the tick up to which a writer that is behind follows.
func (p *pace) leader() frame.Tick {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.ahead
}

// promised returns what readers may have been promised up to a tick, once all writers have closed it.
func (p *pace) promised(t frame.Tick) (CTI, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.promise, p.mu.closed >= t
}

func codeCTI(c CTI, idle bool) frame.CTI {
	if idle {
		return c<<1 | 1
	}
	return c << 1
}

// leastCTI is the minimum over the writers that are in it, at the last tick that all have closed; NoCTI if there are none. Writers that have
// ended closed with MaxCTI, which is odd: they are out of it.
func leastCTI(p *progress) CTI {
	least, any := NoCTI, false
	for _, c := range p.ctiBy {
		if c&1 == 0 && (!any || c>>1 < least) {
			least, any = c>>1, true
		}
	}
	return least
}
