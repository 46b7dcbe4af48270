package connect

import (
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Limits of what is decoded ahead: a lane holds at most laneDepth batches, each of about ChunkRows rows or ChunkBytes bytes.
const (
	ChunkRows  = 4096
	ChunkBytes = 1 << 20
	laneDepth  = 4
)

// Lane carries batches from a decoder to the reader. Take, Mark, Put and Reject are for the decoder's goroutine.
//
// Invariant: at most laneDepth builders exist, each in free, in full, with the decoder, or with the reader.
type Lane struct {
	r    *reader
	free chan *batch.Builder // nil entries stand for builders not yet made
	full chan block          // closed behind the last one
	keep bool                // of a tape: batches without rows are passed on too
	end  uint64              // place behind the block being filled
	left tally               // out since the lane's beginning
	mark mark                // of the block being filled
	lost error               // what kept diverted rows from being durable
	err  error               // set before full is closed
}

// block is a batch on its way to the reader.
type block struct {
	rows *batch.Builder
	mark mark
	end  uint64 // of a tape: place behind it
}

// mark is where a block begins, if the decoder can begin there again.
type mark struct {
	set   bool
	place Place
	left  tally // of the lane, before the block
}

// tally counts what was left out of the rows.
type tally struct {
	vertex.SourceCounters
	divertBytes uint64 // written to the divert file
}

func (t *tally) add(o tally) {
	t.Skipped += o.Skipped
	t.Diverted += o.Diverted
	t.divertBytes += o.divertBytes
}

func newLane(r *reader) *Lane {
	l := &Lane{r: r, keep: r.in.Tape != nil, free: make(chan *batch.Builder, laneDepth)}
	for range laneDepth {
		l.free <- nil
	}
	return l
}

// Take returns an empty builder to fill, waiting for one if need be; nil means that nobody reads any more, or nothing more can be diverted.
func (l *Lane) Take() *batch.Builder {
	if l.lost != nil {
		return nil
	}
	select {
	case b := <-l.free:
		if b == nil {
			return batch.NewBuilder(l.r.schema)
		}
		b.Reset()
		return b
	case <-l.r.done:
		return nil
	}
}

// Mark tells that the builder just taken begins at a place from which Decode could go on. A decoder that cannot begin within a lane
// never calls it.
func (l *Lane) Mark(p Place) { l.mark = mark{set: true, place: p, left: l.left} }

// End tells the place behind the rows of the builder that is about to be Put, and behind what was rejected since; of a tape.
func (l *Lane) End(place uint64) { l.end = place }

// Fails says that the first bad row is an error.
func (l *Lane) Fails() bool { return l.r.rejects.policy == Fail }

// Put passes a filled builder on; an empty one goes back, but for a tape's. What was diverted so far is made durable: a position behind the builder counts on it.
func (l *Lane) Put(b *batch.Builder) {
	if err := l.r.rejects.sync(); err != nil && l.lost == nil {
		l.lost = err
	}
	m := l.mark
	l.mark = mark{}
	if b.Len() == 0 && !l.keep {
		l.free <- b
		return
	}
	l.full <- block{b, m, l.end}
	l.r.notify()
}

// Reject deals with a bad row by the source's policy. raw is the row as it stands in the file, without its line end, borrowed.
// The decoder goes on with the next row if it returns nil; else it returns the error.
func (l *Lane) Reject(bad *RowError, raw []byte) error {
	return l.r.rejects.reject(bad, raw, &l.left)
}

// Full reports whether a builder should be passed on.
func Full(b *batch.Builder) bool { return b.Len() >= ChunkRows || b.Bytes() >= ChunkBytes }
