package journal

import "github.com/streamscope/streamscope/ringlog/frame"

// Stats is what a journal keeps.
type Stats struct {
	Bytes   uint64 // of its segments, without what waits to be written
	Records uint64
	Waiting uint64 // bytes that are not written yet; 0 at peers
	Full    bool   // there is no Room
	// First and Last are the ticks of the records.
	First, Last frame.Tick
}

// Stats may be called from any goroutine.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.mu.stats
	s.Waiting += uint64(len(j.mu.pending))
	s.Full = s.Waiting >= pendingRoom
	return s
}

// count publishes what there is. Called by the goroutine that writes, or before it runs.
func (j *Journal) count() {
	s := Stats{Waiting: uint64(len(j.writing))}
	for _, g := range j.segments {
		s.Bytes, s.Records, s.Last = s.Bytes+uint64(g.valid), s.Records+g.count, max(s.Last, g.last)
		if g.count > 0 && (s.First == 0 || g.least < s.First) {
			s.First = g.least
		}
	}
	j.mu.Lock()
	j.mu.stats = s
	j.mu.Unlock()
}
