package replica

import "github.com/streamscope/streamscope/ringlog/frame"

// reading is an entry of a Log that has to be read from a disk before it is sent: without the lock, and without the link's goroutine, so that nothing waits for
// a disk but what lies on it. There is one at a time for each life of a peer.
type reading struct {
	of     *Owned
	number uint64
	at     frame.Pos
	begun  bool
	done   bool // lent and err say what came of it
	lent   Lent
	err    error
}

// begin returns what is to be read, once. What was read and not sent, since nobody wants it any more or there was no room, is given back, and found again in a
// cache. The lock is held.
func (o *outgoing) begin() *reading {
	r := o.read
	switch {
	case r == nil || r.begun && !r.done:
		return nil
	case r.done:
		o.endReading()
		o.node.wake(o.peer.Node) // something else may have to be read
		return nil
	}
	r.begun = true
	return r
}

// finish reads, and has the link look again.
func (o *outgoing) finish(r *reading) {
	lent, err := r.of.cfg.Lender.Lend(r.at, true)
	n := o.node
	n.mu.Lock()
	defer n.mu.Unlock()
	r.lent, r.err, r.done = lent, err, true
	if !o.up {
		o.endReading()
	}
	n.wake(o.peer.Node)
}

// endReading gives back what was read; what is being read stays, and no other is begun, until the disk has answered. The lock is held.
func (o *outgoing) endReading() {
	r := o.read
	if r == nil || r.begun && !r.done {
		return
	}
	if r.lent != nil {
		r.lent.Release()
	}
	o.read = nil
}
