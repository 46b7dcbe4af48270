package replica

import "github.com/streamscope/streamscope/ringlog/frame"

// Kept is how many entries the owner keeps, and the ticks they are of.
func (w *Owned) Kept() (entries int, first, last frame.Tick) {
	w.node.mu.Lock()
	defer w.node.mu.Unlock()
	for i, k := range w.tail.entries {
		if last = max(last, k.tick); i == 0 || k.tick < first {
			first = k.tick
		}
	}
	return len(w.tail.entries), first, last
}

// Linked are the lives of peers that there is a connection to now.
func (n *Node) Linked() (all []Member) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, o := range n.mu.out {
		if o.up {
			all = append(all, o.peer)
		}
	}
	return all
}
