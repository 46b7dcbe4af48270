package replica

import (
	"errors"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// gathering is one Gather. Units lie in buf; the bytes of long entries are pieces of their own, between parts of it.
type gathering struct {
	o      *outgoing
	pieces [][]byte
	buf    []byte
	from   int  // in buf: what is not a piece yet
	apart  int  // bytes of pieces
	limit  int  // bytes
	refill int  // of these, for what the peer is behind with
	short  bool // something was due, and there was no room
}

// bytes is how much there is.
func (g *gathering) bytes() int { return g.apart + len(g.buf) - g.from }

// room tells whether more fits: two pieces and a last one have to.
func (g *gathering) room() bool { return len(g.pieces)+3 <= netio.MaxPieces && g.bytes() < g.limit }

func (g *gathering) flush() {
	if len(g.buf) > g.from {
		g.pieces = append(g.pieces, g.buf[g.from:])
		g.apart += len(g.buf) - g.from
		g.from = len(g.buf)
	}
}

// serve adds what is due of the streams of a kind, as far as it fits: first of those that the peer is not behind with. It returns how many bytes that were.
func (g *gathering) serve(k Kind) int {
	before, all := g.bytes(), g.o.node.ofKind(k)
	turn := func(i int) *Owned {
		if k != Journal {
			i = (g.o.turn + i) % len(all)
		}
		return all[i]
	}
	inFlight := 0
	for i := range all {
		inFlight += g.stream(turn(i))
	}
	g.refill = min(g.refill, refillWindow-inFlight)
	for i := range all {
		g.catchUp(turn(i))
	}
	return g.bytes() - before
}

// stream adds what is due of a stream, unless the peer is behind with it: then it returns how many bytes of it are in flight.
func (g *gathering) stream(w *Owned) (behind int) {
	p := w.member(g.o.peer)
	switch {
	case w.fenced != 0:
		return 0
	case !g.room():
		g.short = g.short || p.waits()
		return 0
	case p == nil || p.idle:
		g.drop(w)
		return 0
	}
	if !p.opened {
		p.opened = true
		g.buf = wire.AppendPromise(g.buf, wire.Promise{Stream: w.tail.stream.wire(), Incarnation: w.tail.life, Life: w.tail.life})
	}
	if p.ready {
		g.drop(w)
	}
	for {
		k, gap := p.next()
		if k == nil {
			return 0
		}
		if p.behind(k) && w.tail.stream.Kind == Log {
			return p.inBytes
		}
		if !g.room() {
			g.short = true
			return 0
		}
		if !g.entry(w, p, k, gap) {
			return 0
		}
	}
}

// catchUp adds entries of a Log that the peer is behind with, at its pace.
func (g *gathering) catchUp(w *Owned) {
	p := w.member(g.o.peer)
	if w.fenced != 0 || p == nil || p.idle {
		return
	}
	for g.refill > 0 {
		k, gap := p.next()
		if k == nil || !p.behind(k) {
			return
		}
		if !g.room() {
			g.short = true
			return
		}
		size := k.size
		if !g.entry(w, p, k, gap) {
			return
		}
		g.refill -= size + 1
	}
}

// entry adds one, if its bytes are at hand; if they are on a disk, they may be the next that is read. It reports whether to go on with the stream.
func (g *gathering) entry(w *Owned, p *member, k *kept, gap bool) bool {
	b := k.bytes
	var lent Lent
	if w.tail.stream.Kind == Log {
		var err error
		lent, err = g.lend(w, k)
		switch {
		case errors.Is(err, ErrAway):
			return false
		case errors.Is(err, ringlog.ErrTrimmed):
			w.tail.Trim(k.tick) // Owned.Trim is on its way here
			return true
		case err == nil:
			b = lent.Bytes()
		}
		if err != nil || p.again(k) && g.o.node.broken != r2 && sumOf(w.tail.stream, w.tail.life, k.number, k.tick, b) != k.sum {
			w.lose(k, lent)
			return true
		}
	}
	e := wire.Entry{Stream: w.tail.stream.wire(), Life: w.tail.life, Number: k.number, Tick: k.tick, Sum: k.sum}
	e.Prev = p.took(k, gap)
	if gap {
		e.Flags = wire.FlagGap
	}
	if len(b) <= copiedBelow {
		g.buf = wire.AppendEntry(g.buf, wire.TypeCopy, &e, b)
		if lent != nil {
			lent.Release()
		}
		return true
	}
	g.buf = wire.AppendEntryHead(g.buf, wire.TypeCopy, &e, len(b))
	g.flush()
	g.pieces = append(g.pieces, b)
	g.apart += frame.PadLen(len(b))
	if lent != nil {
		g.o.lent = append(g.o.lent, lent)
	}
	return true
}

// lend has the bytes of an entry of a Log, if need be those that were read just now. ErrAway: they will be read.
func (g *gathering) lend(w *Owned, k *kept) (Lent, error) {
	if r := g.o.read; r != nil && r.done && r.of == w && r.number == k.number {
		g.o.read = nil
		return r.lent, r.err
	}
	lent, err := w.cfg.Lender.Lend(k.at, false)
	if errors.Is(err, ErrAway) && g.o.read == nil {
		g.o.read = &reading{of: w, number: k.number, at: k.at}
	}
	return lent, err
}

// drop says what of a stream nobody wants any more, once to each connection.
func (g *gathering) drop(w *Owned) {
	if g.o.dropped[w] == w.dropID || w.drop == 0 && w.below == 0 && len(w.spans) == 0 {
		return
	}
	g.o.dropped[w] = w.dropID
	g.buf = wire.AppendDrop(g.buf, wire.Drop{Stream: w.tail.stream.wire(), Tick: w.drop, Life: w.below})
	for _, s := range w.spans {
		g.buf = wire.AppendDrop(g.buf, wire.Drop{Stream: w.tail.stream.wire(), Tick: s.last, Ticks: uint32(s.last - s.first + 1)})
	}
}
