package shuffle

import "sync"

// gate is where goroutines wait for a change: take the channel, look whether there is something to do, and wait for the channel if not.
// So no change is missed. It may be opened from anywhere; nobody is held up by it.
type gate struct {
	mu struct {
		sync.Mutex
		ch chan struct{} // nil: nobody has asked since it was opened
	}
}

// changed returns a channel that is closed at the next open.
func (g *gate) changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.ch == nil {
		g.mu.ch = make(chan struct{})
	}
	return g.mu.ch
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.ch != nil {
		close(g.mu.ch)
		g.mu.ch = nil
	}
}
