package runtime

import "github.com/streamscope/streamscope/shuffle"

// Held is what a worker's logs keep.
type Held struct {
	Kept       []shuffle.Kept // for other nodes that may ask again
	RingBytes  uint64         // memory of all logs
	SpillBytes uint64         // length of the spill file
}

// Held may be called at any time, from any goroutine. It looks at every frame that is kept.
func (w *Worker) Held() Held {
	s := w.cfg.Arena.Stats()
	return Held{Kept: w.exchange.Kept(nil), RingBytes: uint64(s.Segments) * uint64(s.SegmentBytes), SpillBytes: uint64(s.SpillFileBytes)}
}
