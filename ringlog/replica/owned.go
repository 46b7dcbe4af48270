package replica

import (
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// OwnedConfig says how much a stream keeps at its owner.
type OwnedConfig struct {
	MaxBytes    int    // of the entries of what is no Log; 16 MiB
	WindowBytes int    // in flight to a peer; 4 MiB. Who lacks more of a Log than that catches up at a slower pace
	Lender      Lender // of a Log
	// Changed is called when a peer has acknowledged entries, or the owner is fenced. It may be nil.
	Changed func()
}

// Lender has the bytes of the entries of a Log. It is called with the lock of a Node held, but where it may wait.
type Lender interface {
	// Lend lends the bytes at a position until they are released. Unless it may wait, it gives ErrAway for what would have to be read from a disk. The
	// error wraps ringlog.ErrTrimmed if nobody wants them any more.
	Lend(at frame.Pos, wait bool) (Lent, error)
}

// Lent is bytes that are borrowed until Release, which must return soon and call nothing here.
type Lent interface {
	Bytes() []byte
	Release()
}

// Owned is a stream that this node's life appends to.
type Owned struct {
	node   *Node
	cfg    OwnedConfig
	tail   *Tail
	peers  []*member // their senders belong to the node's lock, as the tail does
	drop   frame.Tick
	spans  []span            // above drop, rising: nobody wants them either
	below  frame.Incarnation // lives below it are not wanted any more
	fenced frame.Incarnation
	closed bool
	dropID uint64 // grows when what peers are to drop has changed
	bad    uint64 // entries that were damaged, or not to be had, where they lie
}

// member is a peer of a stream.
type member struct {
	Member
	*Sender
	opened   bool // PROMISE was said on this connection
	promised bool // and was answered, on this or an earlier one
	idle     bool // it is not to have copies any more
}

// waits tells whether anything is to be said to the member, now. nil is none.
func (p *member) waits() bool {
	if p == nil || p.idle {
		return false
	}
	k, _ := p.next()
	return k != nil || !p.opened
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
	at := slices.IndexFunc(n.mu.order, func(o *Owned) bool { return o.tail.stream.Kind > s.Kind })
	if at < 0 {
		at = len(n.mu.order)
	}
	n.mu.order = slices.Insert(n.mu.order, at, w)
	return w
}

// Stream is its name.
func (w *Owned) Stream() Stream { return w.tail.stream }

// Append adds an entry to what is no Log, behind all others, and returns its number. It does not wait. b belongs to the stream. The error wraps ErrFull: nothing is
// appended.
func (w *Owned) Append(t frame.Tick, b []byte) (uint64, error) {
	n := w.node
	n.mu.Lock()
	defer n.mu.Unlock()
	number, err := w.tail.Append(t, b)
	if err == nil {
		w.wakePeers()
	}
	return number, err
}

// Note adds an entry to a Log, behind all others: b, which is not used after the call, lies at a position from which the Lender lends it for as long as its tick is
// not trimmed. It does not wait. One goroutine at a time may call it.
func (w *Owned) Note(t frame.Tick, at frame.Pos, b []byte) {
	sum := sumOf(w.tail.stream, w.tail.life, w.tail.last+1, t, b) // without the lock: nobody else adds entries
	n := w.node
	n.mu.Lock()
	defer n.mu.Unlock()
	if w.closed {
		return
	}
	w.tail.add(kept{tick: t, sum: sum, size: len(b), at: at})
	w.wakePeers()
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
	w.spans = w.absorb(w.spans)
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
	if i := w.tail.after(p.acked); i < len(w.tail.entries) {
		return w.tail.entries[i].number - 1, p.promised // what is between was trimmed
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
	Bytes  int64
	Last   uint64
	// Damaged is how many entries could not be had where they lie.
	Damaged uint64
	Peers   []PeerStats
}

// PeerStats is how far a peer is.
type PeerStats struct {
	Member
	Acked uint64
	Gaps  uint64
	// Linked: it has said what it has, on the connection at hand.
	Linked bool
	// LagBytes and LagTicks are what it does not have of what the owner keeps.
	LagBytes int64
	LagTicks frame.Tick
}

// Bytes is how much is kept.
func (w *Owned) Bytes() int64 {
	w.node.mu.Lock()
	defer w.node.mu.Unlock()
	return w.tail.bytes
}

// Stats may be called at any time. It looks at all that peers lack.
func (w *Owned) Stats() OwnedStats {
	w.node.mu.Lock()
	defer w.node.mu.Unlock()
	s := OwnedStats{Stream: w.tail.stream, Bytes: w.tail.bytes, Last: w.tail.last, Damaged: w.bad}
	for _, p := range w.peers {
		if p.idle {
			continue
		}
		bytes, ticks := w.tail.lag(p.acked)
		s.Peers = append(s.Peers, PeerStats{Member: p.Member, Acked: p.acked, Gaps: p.gaps, Linked: p.ready, LagBytes: bytes, LagTicks: ticks})
	}
	return s
}

// Close ends the stream at its owner: nothing is lent any more once the links have ended. What peers have stays there.
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

// lose gives up an entry of a Log that is damaged where it lies, or cannot be read there: damage on the way would have left it whole here. lent may be nil.
func (w *Owned) lose(k *kept, lent Lent) {
	if lent != nil {
		lent.Release()
	}
	w.bad++
	w.tail.lose(*k)
}

func (w *Owned) wakeAll() {
	for peer := range w.node.mu.out {
		w.node.wake(peer)
	}
}

// soonBytes of a Log do not wait. Who is behind gets what it lacks at a pace of its own.
const soonBytes = 256 << 10

func (w *Owned) wakePeers() {
	for _, p := range w.peers {
		if due := p.unsent(); due < soonBytes || due > uint64(w.cfg.WindowBytes) {
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
