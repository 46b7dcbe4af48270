package shuffle

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// Piece is what a reader gets: rows of one partition, or the news that a round has ended or the CTI has risen.
type Piece struct {
	Partition int
	// Rows are lent: read them, do not keep them. nil in a piece that is only news.
	Rows *Batch
	// Round, counted from 1, that the rows belong to, or that has ended; 0 in unordered shuffles.
	Round uint64
	// EndOfRound: all rows of the round were lent, of all partitions of this reader.
	EndOfRound bool
	// CTI: no row that comes after this piece has Vs below it. It never falls.
	CTI CTI
}

// Reader lends the rows of a range of partitions. One goroutine at a time calls it.
type Reader struct {
	s     *Shuffle
	core  frame.CoreID
	local TaskRange
	gate  gate // opened when something has arrived
	rows  atomic.Uint64
	mu    struct {
		sync.Mutex
		port     *Port
		in       *inEdge
		lender   *lender
		executed frame.Tick
		task     frame.TaskID // ordered: the next to ask
		view     batch.Batch
		lent     loan
		cti      CTI
		told     bool // ordered: the end of the round was told
		ended    bool
		orphan   ringlog.Lease // of rows that outlived the exchange
	}
}

// loan is what the caller has at hand.
type loan struct {
	rows int // 0: nothing
	sub  int // sub-batch of the first bucket
}

func newReader(s *Shuffle, i int) *Reader {
	r := &Reader{s: s, core: frame.CoreID(s.cfg.Writers + i)}
	r.local = s.exchange.cluster.On(s.cfg.partitions(), frame.NodeID(s.cfg.Self), r.core)
	r.mu.port = s.exchange.Port(int(r.core))
	r.mu.in = r.mu.port.ins[theEdge]
	r.mu.lender = newLender(r.mu.in)
	r.mu.cti, r.mu.task = NoCTI, r.local.First
	return r
}

// Partitions returns the partitions that this reader reads: count of them, from first on.
func (r *Reader) Partitions() (first, count int) {
	return int(r.local.First - r.s.cfg.partitions().First), r.local.Count
}

// Next acknowledges the last piece and returns the next, waiting for it until ctx ends or the shuffle fails. It returns io.EOF when all
// writers of all processes have been closed and everything was lent.
func (r *Reader) Next(ctx context.Context) (Piece, error) {
	for {
		if p, ok, err := r.TryNext(); ok || err != nil {
			return p, err
		}
		changed := r.gate.changed()
		if p, ok, err := r.TryNext(); ok || err != nil {
			return p, err
		}
		select {
		case <-changed:
		case <-r.s.failed:
		case <-ctx.Done():
			return Piece{}, ctx.Err()
		}
	}
}

// TryNext is Next that does not wait: false means that there is nothing at the moment.
func (r *Reader) TryNext() (p Piece, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ack()
	if r.mu.ended {
		return p, false, io.EOF
	}
	if r.s.hasFailed() {
		return p, false, r.s.Err()
	}
	for {
		if p, ok, err = r.piece(); ok || err != nil || r.mu.ended {
			break
		}
		worked, err := r.mu.port.Poll()
		if err != nil {
			r.s.fail(err)
			return p, false, r.s.Err()
		}
		if !worked {
			return p, false, nil
		}
	}
	switch {
	case err != nil:
		r.s.fail(err)
		return p, false, r.s.Err()
	case r.mu.ended:
		return p, false, io.EOF
	}
	return p, true, nil
}

// Ack ends the loan of the last piece's rows. What all readers of all processes have acknowledged gives its memory, and its credit, back.
func (r *Reader) Ack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ack()
	if !r.s.hasFailed() && !r.s.cfg.Ordered {
		r.settle()
	}
}

// ack is called with the lock held, as all that follows.
func (r *Reader) ack() {
	if r.mu.lent.rows > 0 {
		r.rows.Add(uint64(r.mu.lent.rows))
		if r.s.cfg.Ordered && !r.s.hasFailed() {
			r.mu.port.Consume(theEdge, r.mu.lent.rows)
		}
		r.mu.lent = loan{}
	}
	r.mu.orphan.Release()
	r.mu.orphan = ringlog.Lease{}
}

func (r *Reader) piece() (Piece, bool, error) {
	if r.s.cfg.Ordered {
		return r.ordered()
	}
	return r.unordered()
}

// lend makes a piece of the rows in view.
func (r *Reader) lend(task frame.TaskID, round uint64, sub int) Piece {
	r.mu.lent = loan{r.mu.view.N, sub}
	return Piece{Partition: int(task - r.s.cfg.partitions().First), Rows: &r.mu.view, Round: round, CTI: r.mu.cti}
}

// unordered lends what has come, in ticks that nobody sees, and tells when the CTI has risen.
func (r *Reader) unordered() (p Piece, ok bool, err error) {
	for {
		if r.mu.executed < frame.MaxTick {
			task, ok, err := r.mu.lender.next(r.mu.executed+1, &r.mu.view)
			if err != nil {
				return p, false, err
			}
			if ok {
				return r.lend(task, 0, r.mu.in.buckets[0].folded-1), true, nil
			}
		}
		if !r.settle() {
			break
		}
	}
	if r.mu.executed == frame.MaxTick {
		r.mu.ended = true
		return p, false, nil
	}
	if r.mu.executed == r.mu.port.Closed(theEdge) {
		if cti := leastCTI(r.mu.in.prog); cti > r.mu.cti {
			r.mu.cti = cti
			return Piece{CTI: cti}, true, nil
		}
	}
	return p, false, nil
}

// settle executes the ticks that are closed and lent to the end, and reports whether there were any.
func (r *Reader) settle() bool {
	if in := r.mu.in; len(in.buckets) > 0 && in.buckets[0].tick == r.mu.executed+1 && in.buckets[0].folded < len(in.buckets[0].subs) {
		return false
	}
	closed := r.mu.port.Closed(theEdge)
	if closed <= r.mu.executed {
		return false
	}
	upTo := closed
	if next, found := r.mu.port.NextEvent(theEdge, r.mu.executed+1); found {
		upTo = next - 1
	}
	r.execute(upTo)
	return true
}

// execute tells that ticks up to t are done with.
func (r *Reader) execute(t frame.Tick) {
	r.mu.executed = t
	r.mu.port.Executed(theEdge, t)
	r.s.exchange.SetDrained(theEdge, frame.Tick(r.s.exchange.done[theEdge].node.Load()))
	if r.s.cfg.Ordered {
		r.s.drained()
	}
}

// ordered lends the rows of the oldest round that all writers have ended, partition by partition, then tells its end.
func (r *Reader) ordered() (p Piece, ok bool, err error) {
	if r.mu.told {
		r.mu.told, r.mu.task = false, r.local.First
		r.execute(r.mu.executed + 1)
	}
	closed := r.mu.port.Closed(theEdge)
	round := r.mu.executed + 1
	if closed < round {
		return p, false, nil
	}
	if round > r.mu.in.prog.last { // closed by every task, and by none as a round: the writers' end, of which a part may still be under way
		if closed == frame.MaxTick {
			r.execute(frame.MaxTick)
			r.mu.ended = true
		}
		return p, false, nil
	}
	for ; r.mu.task < r.local.First+frame.TaskID(r.local.Count); r.mu.task++ {
		ok, err := r.mu.port.Peek(theEdge, round, r.mu.task, &r.mu.view)
		if err != nil {
			return p, false, err
		}
		if ok {
			return r.lend(r.mu.task, uint64(round), r.mu.in.buckets[0].cur), true, nil
		}
	}
	r.mu.told = true
	r.mu.cti = max(r.mu.cti, r.mu.port.CTI(theEdge, round))
	return Piece{Round: uint64(round), EndOfRound: true, CTI: r.mu.cti}, true, nil
}

// orphan keeps the memory of rows on loan beyond the end of the exchange.
func (r *Reader) orphan() {
	if r.mu.lent.rows > 0 {
		r.mu.orphan, _ = r.mu.in.keep(r.mu.lent.sub)
	}
}

func (r *Reader) finished() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.ended
}
