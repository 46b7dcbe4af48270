package connect

import "github.com/streamscope/streamscope/shuffle/batch"

// Limits of what is decoded ahead: a lane holds at most laneDepth batches, each of about ChunkRows rows or ChunkBytes bytes.
const (
	ChunkRows  = 4096
	ChunkBytes = 1 << 20
	laneDepth  = 4
)

// Lane carries batches from a decoder to the reader. Take, Put and Reject are for the decoder's goroutine.
//
// Invariant: at most laneDepth builders exist, each in free, in full, with the decoder, or with the reader.
type Lane struct {
	r    *reader
	free chan *batch.Builder // nil entries stand for builders not yet made
	full chan *batch.Builder // closed behind the last batch
	err  error               // set before full is closed
}

func newLane(r *reader) *Lane {
	l := &Lane{r: r, free: make(chan *batch.Builder, laneDepth)}
	for range laneDepth {
		l.free <- nil
	}
	return l
}

// Take returns an empty builder to fill, waiting for one if need be; nil means that nobody reads any more.
func (l *Lane) Take() *batch.Builder {
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

// Put passes a filled builder on; an empty one goes back.
func (l *Lane) Put(b *batch.Builder) {
	if b.Len() == 0 {
		l.free <- b
		return
	}
	l.full <- b
	l.r.notify()
}

// Reject deals with a bad row by the source's policy. raw is the row as it stands in the file, without its line end, borrowed.
// The decoder goes on with the next row if it returns nil; else it returns the error.
func (l *Lane) Reject(bad *RowError, raw []byte) error {
	return l.r.rejects.reject(bad, raw)
}

// Full reports whether a builder should be passed on.
func Full(b *batch.Builder) bool { return b.Len() >= ChunkRows || b.Bytes() >= ChunkBytes }
