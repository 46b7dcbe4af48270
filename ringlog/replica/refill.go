package replica

import (
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// SetOthers says who else holds copies of a Log, best first. A peer that is to hold one, and has nothing of it, takes what the others have before it says to the owner what
// it has, so that the owner need not read it again. Call it before links are made.
func (n *Node) SetOthers(others func(Stream) []frame.NodeID) { n.others = others }

// refill asks another holder of a Log for what it has of its owner's life, if there is one that is linked. The answer to the owner's promise waits for it. The
// lock is held.
func (n *Node) refill(s Stream, p wire.Promise) (begun bool) {
	if s.Kind != Log || p.Incarnation != p.Life || n.others == nil {
		return false
	}
	for _, node := range n.others(s) {
		o := n.mu.out[node]
		if o == nil || !o.up {
			continue
		}
		f := wire.Fetch{Stream: s.wire(), Life: p.Life, MaxBytes: refillBytes}
		o.asked = append(o.asked, &asked{peer: o.peer, stream: s, fetch: f, once: true,
			take: func(e Entry) error { return n.fill(s, p.Life, e) },
			done: func(error) { n.refilled(s, p) }, // what did not come is the owner's to send
		})
		n.wake(node)
		return true
	}
	return false
}

// fill takes an entry that another holder has, behind all that are there.
func (n *Node) fill(s Stream, life frame.Incarnation, e Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	copied := wire.Entry{Stream: s.wire(), Life: life, Number: e.Number, Tick: e.Tick, Sum: sumOf(s, life, e.Number, e.Tick, e.Bytes)}
	if l := n.mu.holder.find(s, life); l != nil {
		copied.Prev = l.last
	}
	_, err := n.mu.holder.Copy(s, &copied, e.Bytes)
	return err
}

// refilled answers the promise.
func (n *Node) refilled(s Stream, p wire.Promise) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.refilling[s] == p.Life {
		delete(n.mu.refilling, s)
	}
	in := n.mu.in[s.Owner]
	if answer, err := n.mu.holder.Promise(s, p); err == nil && in != nil && in.peer.Life == p.Life {
		in.held = append(in.held, answer)
		n.wake(s.Owner)
	}
}
