// Package discard is the sink that takes rows and keeps only their number: for measurements, and for jobs run for their side effects.
//
// # Concurrency
//
// One goroutine writes; Rows may be called from any.
package discard

import (
	"sync/atomic"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Sink counts rows.
type Sink struct {
	rows atomic.Uint64
}

var _ vertex.Sink = (*Sink)(nil)

// Write counts the rows of b; it always accepts.
func (s *Sink) Write(b *batch.Batch) (accepted bool, err error) {
	s.rows.Add(uint64(b.N))
	return true, nil
}

// Finish has nothing to wait for.
func (s *Sink) Finish() (done bool, err error) { return true, nil }

// Abort has nothing to remove.
func (s *Sink) Abort() {}

// Rows is the number of rows written so far.
func (s *Sink) Rows() uint64 { return s.rows.Load() }
