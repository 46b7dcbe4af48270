package shuffle

import (
	"slices"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// lender lends the rows of an unordered edge one sub-batch at a time, each exactly once, also when sessions end within a tick and its
// frames come again.
//
// Frames of one log arrive in the order of their positions, and a frame that comes again is the same bytes under the same position. So
// what was lent is told by one mark per log: a position, and the sub-batches of that frame that were lent.
type lender struct {
	in    *inEdge
	marks map[logName]mark
	sub   int // of the frame at hand: sub-batches before the next one
}

// logName names a log by who writes it.
type logName struct {
	node frame.NodeID
	core frame.CoreID
}

type mark struct {
	pos  frame.Pos
	subs int // lent of the frame at pos
}

func newLender(in *inEdge) *lender { return &lender{in: in, marks: map[logName]mark{}} }

// next lends the next rows of tick t, the one after the last executed; they stay valid until the next call.
func (l *lender) next(t frame.Tick, dst *batch.Batch) (task frame.TaskID, ok bool, err error) {
	if len(l.in.buckets) == 0 || l.in.buckets[0].tick != t {
		return 0, false, nil
	}
	bk := l.in.buckets[0]
	for bk.folded < len(bk.subs) {
		i := bk.folded
		if bk.subs[i].dense > 0 {
			if l.in.subs, err = l.in.split(bk, bk.subs[i], l.in.subs[:0]); err != nil {
				return 0, false, err
			}
			bk.subs = slices.Replace(bk.subs, i, i+1, l.in.subs...)
		}
		s := &bk.subs[i]
		if i == 0 || bk.subs[i-1].ref != s.ref {
			l.sub = 0
		}
		rows, err := l.in.lend(bk, int(s.ref))
		if err != nil {
			return 0, false, err
		}
		bk.folded++
		l.sub++
		if !l.fresh(&bk.refs[s.ref]) {
			continue
		}
		rows.SliceInto(dst, int(s.first), int(s.first+s.rows))
		return s.dst, true, nil
	}
	return 0, false, nil
}

// fresh moves the log's mark behind the sub-batch at hand; false if it was there before.
func (l *lender) fresh(r *dataRef) bool {
	h := frame.DecodeHeader(r.lease.Bytes())
	name := logName{r.from, h.Core}
	m, known := l.marks[name]
	if known && (h.Pos < m.pos || h.Pos == m.pos && l.sub <= m.subs) {
		return false
	}
	l.marks[name] = mark{h.Pos, l.sub}
	return true
}

// keep takes the lease of the frame that was lent last out of the edge's hands, so that its memory outlives the exchange.
func (in *inEdge) keep(i int) (lease ringlog.Lease, ok bool) {
	if len(in.buckets) == 0 || i < 0 || i >= len(in.buckets[0].subs) {
		return lease, false
	}
	bk := in.buckets[0]
	r := &bk.refs[bk.subs[i].ref]
	if !r.held {
		return lease, false
	}
	lease = r.lease
	r.lease, r.held, r.frame = ringlog.Lease{}, false, frame.DataFrame{}
	return lease, true
}
