package replica

import (
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// OwnedConfig says how much a stream keeps at its owner.
type OwnedConfig struct {
	MaxBytes    int // of entries; a Log drops the oldest beyond it, a Journal is full; 16 MiB
	WindowBytes int // in flight to a peer; 4 MiB
	// Changed is called when a peer has acknowledged entries, or the owner is fenced. It may be nil.
	Changed func()
}

// Owned is a stream that this node's life appends to.
type Owned struct {
	node   *Node
	cfg    OwnedConfig
	tail   *Tail
	peers  []*member // their senders belong to the node's lock, as the tail does
	drop   frame.Tick
	below  frame.Incarnation // lives below it are not wanted any more
	fenced frame.Incarnation
	closed bool
	dropID uint64 // grows when what peers are to drop has changed
}

// member is a peer of a stream.
type member struct {
	Member
	*Sender
	opened   bool // PROMISE was said on this connection
	promised bool // and was answered, on this or an earlier one
	idle     bool // it is not to have copies any more
}

// Own begins a stream of this life. Each stream is opened once.
func (n *Node) Own(s Stream, cfg OwnedConfig) *Owned {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 16 << 20
	}
	if cfg.WindowBytes == 0 {
		cfg.WindowBytes = 4 << 20
	}
	s.Owner = n.cfg.Self.Node
	w := &Owned{node: n, cfg: cfg, tail: NewTail(s, n.cfg.Self.Life, cfg.MaxBytes)}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.owned[s] = w
	at := len(n.mu.order)
	if s.Kind == Journal {
		at = slices.IndexFunc(n.mu.order, func(o *Owned) bool { return o.tail.stream.Kind == Log })
		at = max(at, 0)
	}
	n.mu.order = slices.Insert(n.mu.order, at, w)
	return w
}

// Stream is its name.
func (w *Owned) Stream() Stream { return w.tail.stream }

// Append adds an entry behind all others and returns its number. It does not wait. b belongs to the stream until l is released; l may be nil. The error wraps ErrFull,
// of a Journal only: nothing is appended, l is the caller's.
func (w *Owned) Append(t frame.Tick, b []byte, l Lease) (uint64, error) {
	n := w.node
	n.mu.Lock()
	defer n.mu.Unlock()
	number, err := w.tail.Append(t, b, l)
	if err == nil {
		w.wakePeers()
	}
	return number, err
}

// Skip says that an entry of a Log was left out, for want of room: its peers have a gap, and go on with the next tick.
func (w *Owned) Skip(t frame.Tick) {
	w.node.mu.Lock()
	defer w.node.mu.Unlock()
	w.tail.Skip(t)
}

// Trim says that nobody will want entries of ticks up to t, nor any of lives below one (0: keep them). Peers are told.
func (w *Owned) Trim(t frame.Tick, below frame.Incarnation) {
	n := w.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if t <= w.drop && below <= w.below {
		return
	}
	w.drop, w.below = max(w.drop, t), max(w.below, below)
	w.dropID++
	w.tail.Trim(w.drop)
	w.wakeAll()
}

// SetPeers says who is to have copies. Who was in the list before goes on where it is; a new one begins with the oldest entry kept. Who is not in it any more gets
// nothing, but still hears of Trim; it goes on where it was if it is to have copies again.
func (w *Owned) SetPeers(peers []Member) {
	n := w.node
	n.mu.Lock()
	defer n.mu.Unlock()
	w.peers = slices.DeleteFunc(w.peers, func(p *member) bool { return n.linked(p.Member) == nil && !slices.Contains(peers, p.Member) })
	for _, p := range w.peers {
		p.idle = !slices.Contains(peers, p.Member)
	}
	for _, m := range peers {
		if w.member(m) == nil {
			w.peers = append(w.peers, &member{Member: m, Sender: NewSender(w.tail, w.cfg.WindowBytes)})
		}
	}
	w.dropID++
	w.wakeAll()
}

// Copied is the number up to which a life of a peer has everything that was not trimmed; false if it is not one of the peers, or has not answered yet.
func (w *Owned) Copied(m Member) (uint64, bool) {
	n := w.node
	n.mu.Lock()
	defer n.mu.Unlock()
	p := w.member(m)
	if p == nil || p.idle {
		return 0, false
	}
	if k := w.tail.after(p.acked); k != nil {
		return k.number - 1, p.promised // what is between was trimmed
	}
	return w.tail.last, p.promised
}

// Last is the number of the newest entry.
func (w *Owned) Last() uint64 {
	w.node.mu.Lock()
	defer w.node.mu.Unlock()
	return w.tail.Last()
}

// Fenced is the life that a peer has promised, if it is above this one; else 0.
func (w *Owned) Fenced() frame.Incarnation {
	w.node.mu.Lock()
	defer w.node.mu.Unlock()
	return w.fenced
}

// OwnedStats is what an owner keeps of a stream.
type OwnedStats struct {
	Stream Stream
	Bytes  int
	Last   uint64
	Peers  []PeerStats
}

// PeerStats is how far a peer is.
type PeerStats struct {
	Member
	Acked uint64
	Gaps  uint64
	// Linked: it has said what it has, on the connection at hand.
	Linked bool
	// LagBytes and LagTicks are what it does not have of what the owner keeps.
	LagBytes int
	LagTicks frame.Tick
}

// Stats may be called at any time.
func (w *Owned) Stats() OwnedStats {
	w.node.mu.Lock()
	defer w.node.mu.Unlock()
	s := OwnedStats{Stream: w.tail.stream, Bytes: w.tail.bytes, Last: w.tail.last}
	for _, p := range w.peers {
		if p.idle {
			continue
		}
		bytes, ticks := w.tail.lag(p.acked)
		s.Peers = append(s.Peers, PeerStats{Member: p.Member, Acked: p.acked, Gaps: p.gaps, Linked: p.ready, LagBytes: bytes, LagTicks: ticks})
	}
	return s
}

// Close ends the stream at its owner: leases are released as soon as nobody sends them. What peers have stays there.
func (w *Owned) Close() {
	n := w.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if w.closed {
		return
	}
	w.closed = true
	w.tail.Trim(frame.MaxTick)
	w.peers = nil
	delete(n.mu.owned, w.tail.stream)
	n.mu.order = slices.DeleteFunc(n.mu.order, func(o *Owned) bool { return o == w })
}

// The rest is called with the lock held.

// release lets go of what all peers of a Log have. A life of a peer that comes later begins with a gap.
func (w *Owned) release() {
	if w.tail.stream.Kind != Log || len(w.peers) == 0 {
		return
	}
	least := w.tail.last
	for _, p := range w.peers {
		if !p.idle {
			least = min(least, p.acked)
		}
	}
	w.tail.release(least)
}

func (w *Owned) wakeAll() {
	for peer := range w.node.mu.out {
		w.node.wake(peer)
	}
}

// soonBytes of a Log do not wait.
const soonBytes = 256 << 10

func (w *Owned) wakePeers() {
	for _, p := range w.peers {
		if w.tail.bytes < soonBytes {
			w.node.wakeFor(w.tail.stream, p.Node)
		} else {
			w.node.wake(p.Node)
		}
	}
}

func (w *Owned) member(m Member) *member {
	for _, p := range w.peers {
		if p.Member == m {
			return p
		}
	}
	return nil
}

func (w *Owned) sender(m Member) *Sender {
	if p := w.member(m); p != nil {
		return p.Sender
	}
	return nil
}
