package vertextest

import (
	"fmt"
	"io"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// MemorySource is a vertex.Source over rows in memory, one split per batch. Reads lend at most MaxRead rows, and every Stutter-th
// read says that nothing is ready, so that callers meet both.
type MemorySource struct {
	Rows    []*batch.Batch // by split
	MaxRead int            // 0: no limit
	Stutter int            // 0: never
}

// Schema is that of the first split.
func (m *MemorySource) Schema() *batch.Schema { return m.Rows[0].Schema }

// Splits names the batches split-0, split-1, …
func (m *MemorySource) Splits() ([]vertex.Split, error) {
	s := make([]vertex.Split, len(m.Rows))
	for i := range s {
		s[i] = vertex.Split{Name: fmt.Sprintf("split-%d", i), ID: uint32(i)}
	}
	return s, nil
}

// Open reads a split from a row on.
func (m *MemorySource) Open(s vertex.Split, offset uint64, wake func()) (vertex.SplitReader, error) {
	return &memoryReader{source: m, rows: m.Rows[s.ID], at: int(offset), wake: wake}, nil
}

type memoryReader struct {
	source *MemorySource
	rows   *batch.Batch
	at     int
	reads  int
	wake   func()
	view   batch.Batch
}

func (r *memoryReader) Read(maxRows int) (*batch.Batch, error) {
	r.reads++
	if r.source.Stutter > 0 && r.reads%r.source.Stutter == 0 {
		r.wake()
		return nil, nil
	}
	if r.at == r.rows.N {
		return nil, io.EOF
	}
	n := min(maxRows, r.rows.N-r.at)
	if r.source.MaxRead > 0 {
		n = min(n, r.source.MaxRead)
	}
	r.rows.SliceInto(&r.view, r.at, r.at+n)
	r.at += n
	return &r.view, nil
}

func (r *memoryReader) Counters() vertex.SourceCounters { return vertex.SourceCounters{} }
func (r *memoryReader) Close() error                    { return nil }

// MemorySink is a vertex.Sink that keeps its rows. Every Stutter-th write finds it busy.
type MemorySink struct {
	Rows     *batch.Builder
	Stutter  int // 0: never
	Finished bool
	Aborted  bool
	writes   int
	wake     func()
}

// NewMemorySink returns an empty sink for rows of a schema.
func NewMemorySink(s *batch.Schema, stutter int, wake func()) *MemorySink {
	return &MemorySink{Rows: batch.NewBuilder(s), Stutter: stutter, wake: wake}
}

// Write copies the rows.
func (m *MemorySink) Write(b *batch.Batch) (bool, error) {
	m.writes++
	if m.Stutter > 0 && m.writes%m.Stutter == 0 {
		m.wake()
		return false, nil
	}
	m.Rows.AppendBatch(b, 0, b.N)
	return true, nil
}

// Finish marks the sink as finished.
func (m *MemorySink) Finish() (bool, error) {
	m.Finished = true
	return true, nil
}

// Abort marks the sink as aborted.
func (m *MemorySink) Abort() { m.Aborted = true }
