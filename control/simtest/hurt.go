package simtest

import (
	"errors"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Bits that flip on links and in logs.

// flip has a bit flip in what comes to one node from another next: rows and closes, grants and acknowledgements, copies.
func (s *Sim) flip(f Fault) bool {
	w := s.workers[f.Peer]
	var ends []*simnet.Link
	if w.links != nil {
		ends = append(ends, w.links[f.Node]...)
	}
	if c := w.copier; c != nil {
		for _, l := range []copyLink{c.in[f.Node], c.out[f.Node]} {
			if l.Link != nil {
				ends = append(ends, l.Link)
			}
		}
	}
	if len(ends) == 0 {
		return false
	}
	ends[f.Pick>>32%uint64(len(ends))].Flip(f.Pick | 1<<31)
	return true
}

// damaged tells whether what is refused just now is not what the sender had written.
func (t *tap) damaged(err error) bool {
	if t.to.sim.harms[t.from].damaged[laneTo{t.to.node, t.lane}] > 0 && corrupt(err) {
		return true
	}
	links := t.to.lane(t.from, t.lane)
	return len(links) > 0 && links[0].Damaged()
}

// corrupt tells whether an error is about damaged bytes.
func corrupt(err error) bool {
	return errors.Is(err, frame.ErrCorrupt) || errors.Is(err, ringlog.ErrCorrupt)
}

// rot has a bit flip in a node's logs: in the spill file, or in the next frame that is sent, where it lies.
func (s *Sim) rot(f Fault) bool {
	w := s.workers[f.Node]
	if w.w == nil || w.finished {
		return false
	}
	s.harms[f.Node].rotten = true
	if w.rotten = true; f.Pick%2 == 0 && w.spill != nil && len(w.spill.b) > 0 {
		w.spill.b[f.Pick>>8%uint64(len(w.spill.b))] ^= 1 << (f.Pick >> 2 % 8)
		return true
	}
	w.rots = f.Pick | 1<<31
	return true
}

// rotting is the sending end of a link: it reaches the frames of the logs where they lie.
type rotting struct {
	netio.Outgoing
	w *worker
	laneTo
}

// laneTo is a lane of the links to a node.
type laneTo struct {
	to   frame.NodeID
	lane uint8
}

// Attach begins another connection.
func (r *rotting) Attach(peer wire.Hello) error {
	if d := r.w.sim.harms[r.w.node].damaged; d[r.laneTo] > 0 {
		d[r.laneTo]--
	}
	return r.Outgoing.Attach(peer)
}

// noteDamage notes that what was gathered is not what was written, if a bit has flipped in it: it comes on this connection, also what follows it, which may be
// cut in the wrong places; or later, while there is another one already.
func (r *rotting) noteDamage(pieces [][]byte) {
	h := &r.w.sim.harms[r.w.node]
	if !h.rotten {
		return
	}
	var all []byte
	for _, p := range pieces {
		all = append(all, p...)
		all = append(all, make([]byte, frame.PadLen(len(all))-len(all))...)
	}
	for len(all) > 0 {
		head, err := wire.ParseHead(all, len(all))
		if err == nil && head.IsFrame() {
			err = frame.VerifySum(all[:head.Len])
		}
		if err != nil {
			if h.damaged == nil {
				h.damaged = map[laneTo]int{}
			}
			h.damaged[r.laneTo] = 2
			return
		}
		all = all[min(len(all), head.Padded()):]
	}
}

func (r *rotting) Gather(pieces [][]byte, maxBytes int) [][]byte {
	n := len(pieces)
	pieces = r.Outgoing.Gather(pieces, maxBytes)
	if r.w.sim.cfg.Broken == R1 {
		hasty(pieces[n:])
	}
	if len(pieces) > n && r.w.rots > 0 {
		r.flip(pieces)
	}
	r.noteDamage(pieces[n:])
	return pieces
}

// flip has a bit flip in the frame that was gathered last.
func (r *rotting) flip(pieces [][]byte) {
	b := pieces[len(pieces)-1]
	if h, err := wire.ParseHead(b, len(b)); err == nil && h.IsFrame() {
		b[r.w.rots>>8%uint64(h.Len)] ^= 1 << (r.w.rots % 8)
		r.w.rots = 0
	}
}

// errNoRoom ends a connection in place of the wait for a full arena, which no simulator of one thread can do; it is made again.
var errNoRoom = errors.New("no room for what a peer sends")

// tighten takes the memory for logs from a node, or gives it back.
func (s *Sim) tighten(w *worker) {
	if w.arena == nil || s.harms == nil {
		return
	}
	if tight := s.steps < s.harms[w.node].tight || s.cfg.Broken == A5; tight != w.tight {
		w.tight = tight
		w.arena.SetQuota(simJob, int64(b2i(tight))) // a segment, beside what is reserved
	}
}
