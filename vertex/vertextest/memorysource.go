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

var _ vertex.Source = (*MemorySource)(nil)

// Schema is that of the first split.
func (m *MemorySource) Schema() *batch.Schema { return m.Rows[0].Schema }

// Reread implements vertex.Rereader.
func (m *MemorySource) Reread() bool { return true }

// Splits names the batches split-0, split-1, …
func (m *MemorySource) Splits() ([]vertex.Split, error) {
	s := make([]vertex.Split, len(m.Rows))
	for i := range s {
		s[i] = vertex.Split{Name: fmt.Sprintf("split-%d", i), ID: uint32(i)}
	}
	return s, nil
}

// Open reads a split. A position is the number of rows before it.
func (m *MemorySource) Open(s vertex.Split, at vertex.SnapshotReader, wake func()) (vertex.SplitReader, error) {
	r := &memoryReader{source: m, rows: m.Rows[s.ID], wake: wake}
	if at != nil {
		row := at.Uint64()
		if err := at.Err(); err != nil {
			return nil, fmt.Errorf("%s: its position: %w", s.Name, err)
		}
		if row > uint64(r.rows.N) {
			return nil, fmt.Errorf("%s: its position is behind row %d, but it has %d", s.Name, row, r.rows.N)
		}
		r.at = int(row)
	}
	return r, nil
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

func (r *memoryReader) Position(w vertex.SnapshotWriter) { w.Uint64(uint64(r.at)) }

func (r *memoryReader) Counters() vertex.SourceCounters { return vertex.SourceCounters{} }
func (r *memoryReader) Close() error                    { return nil }
