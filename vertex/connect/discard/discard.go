// Package discard is the sink that takes rows and keeps only their number: for measurements, and for jobs run for their side effects. A
// position is that number, 8 bytes, little endian.
//
// # Concurrency
//
// One goroutine writes; Rows may be called from any.
package discard

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Sink counts rows.
type Sink struct {
	rows atomic.Uint64
}

var _ vertex.Sink = (*Sink)(nil)

// Open returns a sink that has counted as many rows as a position of Checkpoint says; nil: none.
func Open(resume []byte) (*Sink, error) {
	s := &Sink{}
	if resume != nil {
		if len(resume) != 8 {
			return nil, fmt.Errorf("discard: got a position of %d bytes, want 8", len(resume))
		}
		s.rows.Store(binary.LittleEndian.Uint64(resume))
	}
	return s, nil
}

// Write counts the rows of b; it always accepts.
func (s *Sink) Write(b *batch.Batch) (accepted bool, err error) {
	s.rows.Add(uint64(b.N))
	return true, nil
}

// Checkpoint answers with the number of rows.
func (s *Sink) Checkpoint(done func(position []byte, err error)) {
	done(binary.LittleEndian.AppendUint64(nil, s.rows.Load()), nil)
}

// Finish has nothing to wait for.
func (s *Sink) Finish() (done bool, err error) { return true, nil }

// Abort has nothing to remove.
func (s *Sink) Abort() {}

// Leave has nothing to keep.
func (s *Sink) Leave() {}

// Rows is the number of rows written so far.
func (s *Sink) Rows() uint64 { return s.rows.Load() }
