package parquet

import (
	"fmt"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// windowRows is how many rows of a column are decoded at once; fewer where a page ends.
const windowRows = 4096

// window holds decoded rows of one column of a row group that are not yet in a batch. Byte arrays in it point into the column's page.
//
// Invariant: rows [at, n) are pending; values of nulls are zero; bad is in ascending order of rows.
type window struct {
	size  int // rows it can hold
	leaf  leaf
	rdr   file.ColumnChunkReader
	at, n int
	nulls int // in the window
	bad   []badRow

	defs  []int16 // per row: 1 there, 0 null; only for optional columns
	i64   []int64
	f64   []float64
	bools []bool
	bin   []pq.ByteArray

	i32 []int32 // scratch of narrower types
	f32 []float32
	i96 []pq.Int96
}

// badRow tells why a row of the window cannot be passed on.
type badRow struct {
	row       int // of the window
	got, want string
}

func newWindow(l leaf, rdr file.ColumnChunkReader, rows int64) *window {
	w := &window{leaf: l, rdr: rdr, size: int(min(rows, windowRows))}
	if l.optional {
		w.defs = make([]int16, w.size)
	}
	return w
}

// load decodes the next rows of the column. The window is empty.
func (w *window) load() error {
	w.at, w.n, w.nulls, w.bad = 0, 0, 0, w.bad[:0]
	total, values, err := w.read()
	if err == nil {
		err = w.rdr.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", w.leaf.Name, damaged(err))
	}
	n := int(total)
	if n == 0 {
		return fmt.Errorf("%s: %w: the column has fewer rows than its row group", w.leaf.Name, errDamaged)
	}
	if w.leaf.optional {
		present := 0
		for _, d := range w.defs[:n] {
			present += int(d)
		}
		w.nulls = n - present
	}
	if values != n-w.nulls {
		return fmt.Errorf("%s: %w: got %d values, want %d", w.leaf.Name, errDamaged, values, n-w.nulls)
	}
	w.n = n
	w.convert()
	return nil
}

// read decodes values of the next page, packed, and their definition levels.
func (w *window) read() (rows int64, values int, err error) {
	switch r := w.rdr.(type) {
	case *file.Int64ColumnChunkReader:
		w.i64 = sized(w.i64, w.size)
		return r.ReadBatchInPage(int64(w.size), w.i64, w.defs, nil)
	case *file.Int32ColumnChunkReader:
		w.i32 = sized(w.i32, w.size)
		return r.ReadBatchInPage(int64(w.size), w.i32, w.defs, nil)
	case *file.Int96ColumnChunkReader:
		w.i96 = sized(w.i96, w.size)
		return r.ReadBatchInPage(int64(w.size), w.i96, w.defs, nil)
	case *file.Float64ColumnChunkReader:
		w.f64 = sized(w.f64, w.size)
		return r.ReadBatchInPage(int64(w.size), w.f64, w.defs, nil)
	case *file.Float32ColumnChunkReader:
		w.f32 = sized(w.f32, w.size)
		return r.ReadBatchInPage(int64(w.size), w.f32, w.defs, nil)
	case *file.BooleanColumnChunkReader:
		w.bools = sized(w.bools, w.size)
		return r.ReadBatchInPage(int64(w.size), w.bools, w.defs, nil)
	case *file.ByteArrayColumnChunkReader:
		w.bin = sized(w.bin, w.size)
		return r.ReadBatchInPage(int64(w.size), w.bin, w.defs, nil)
	}
	return 0, 0, fmt.Errorf("columns of type %v are not read", w.rdr.Type())
}

func sized[T any](s []T, n int) []T {
	if s == nil {
		s = make([]T, n)
	}
	return s
}

// spread moves the packed values to their rows, zero where a row is null.
func spread[T any](values []T, w *window) {
	if w.nulls == 0 {
		return
	}
	var zero T
	from := w.n - w.nulls
	for i := w.n - 1; i >= 0; i-- {
		if w.defs[i] == 0 {
			values[i] = zero
			continue
		}
		from--
		values[i] = values[from]
	}
}

// missing reports whether row i of the window is null.
func (w *window) missing(i int) bool { return w.nulls > 0 && w.defs[i] == 0 }

// firstBad returns the first bad row in [at, at+n), relative to at, or n.
func (w *window) firstBad(n int) int {
	for len(w.bad) > 0 && w.bad[0].row < w.at {
		w.bad = w.bad[1:]
	}
	if len(w.bad) == 0 {
		return n
	}
	return min(n, w.bad[0].row-w.at)
}
