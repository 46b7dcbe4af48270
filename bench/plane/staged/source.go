package staged

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// source makes the rows of a stream per split.
type source struct {
	splits int
	idle   bool         // no rows at all
	ended  atomic.Bool  // readers are to end
	until  atomic.Int64 // unix nanoseconds; readers end then
	mu     struct {
		sync.Mutex
		readers []*reader
	}
}

var _ vertex.Source = (*source)(nil)

func (s *source) Schema() *batch.Schema { return rows.Schema }

func (s *source) Splits() ([]vertex.Split, error) {
	splits := make([]vertex.Split, s.splits)
	for i := range splits {
		splits[i] = vertex.Split{Name: fmt.Sprintf("stream %d", i), ID: uint32(i)}
	}
	return splits, nil
}

// Open returns the reader of a stream.
func (s *source) Open(split vertex.Split, at vertex.SnapshotReader, wake func()) (vertex.SplitReader, error) {
	r := &reader{source: s, stream: rows.Stream(split.ID), rows: batch.NewBuilder(rows.Schema), wake: wake}
	if at != nil {
		if r.made = at.Uint64(); at.Err() != nil {
			return nil, fmt.Errorf("%s: position: %w", split.Name, at.Err())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.readers = append(s.mu.readers, r)
	return r, nil
}

// end makes all readers end.
func (s *source) end() {
	s.ended.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.mu.readers {
		r.wake()
	}
}

// want is what the sums of all rows made must be. The job must have ended.
func (s *source) want() (all rows.Sums) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.mu.readers {
		all = all.Plus(r.stream.Want(r.made))
	}
	return all
}

type reader struct {
	source *source
	stream rows.Stream
	rows   *batch.Builder
	made   uint64
	wake   func()
}

func (r *reader) Read(maxRows int) (*batch.Batch, error) {
	switch {
	case r.source.ended.Load():
		return nil, io.EOF
	case r.source.idle:
		return nil, nil
	case time.Now().UnixNano() >= r.source.until.Load():
		return nil, io.EOF
	}
	r.stream.Generate(r.rows, r.made, maxRows)
	r.made += uint64(maxRows)
	return r.rows.View(), nil
}

// Position writes the number of rows made.
func (r *reader) Position(w vertex.SnapshotWriter) { w.Uint64(r.made) }

func (r *reader) Counters() vertex.SourceCounters { return vertex.SourceCounters{} }

func (r *reader) Close() error { return nil }
