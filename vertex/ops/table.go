package ops

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// Table holds rows in memory and finds them by one column: columns as a Builder holds them and one open-addressing index beside them, so
// that a table of any size is a handful of objects to the garbage collector. It is read-only once built and may be shared.
//
// Invariant: index is at most half full; each entry is row + 1 of a row whose key is not null, 0 if free.
type Table struct {
	rows  *batch.Batch
	key   int
	index []uint32
	shift uint // of a hash, to a place in index
}

// DuplicateKeyError says that a key stands in two rows of a table, counted from 0.
type DuplicateKeyError struct {
	Column, Key   string
	First, Second int
}

func (e *DuplicateKeyError) Error() string {
	return fmt.Sprintf("%s %q stands in row %d and again in row %d", e.Column, e.Key, e.First, e.Second)
}

// NewTable indexes rows by the named column: text, bytes, integers or times. It takes the builder over. A null key is never found. The
// error is a *DuplicateKeyError if a key stands there twice, else it wraps ErrConfig.
func NewTable(rows *batch.Builder, key string) (*Table, error) {
	col, err := column(rows.Schema, key)
	if err != nil {
		return nil, err
	}
	if k := rows.Schema.Fields[col].Kind; k == batch.Bool || k == batch.Float64 {
		return nil, fmt.Errorf("%w: table: key %q is %v, want text, bytes, an integer or a time", ErrConfig, key, k)
	}
	for i := range rows.Cols {
		if n := len(rows.Cols[i].Data); n > math.MaxInt32 {
			return nil, fmt.Errorf("%w: table: column %q has %d bytes, at most %d", ErrConfig, rows.Schema.Fields[i].Name, n, math.MaxInt32)
		}
	}
	if rows.Len() > 1<<30 {
		return nil, fmt.Errorf("%w: table: %d rows, at most %d", ErrConfig, rows.Len(), 1<<30)
	}
	t := &Table{rows: rows.View(), key: col}
	size := bits.Len(uint(max(2*rows.Len()-1, 7)))
	t.index, t.shift = make([]uint32, 1<<size), uint(64-size)
	if err := t.fill(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Table) fill() error {
	c := &t.rows.Cols[t.key]
	for i := range t.rows.N {
		if c.Null(i) {
			continue
		}
		place, row := t.probe(c, i)
		if row >= 0 {
			return &DuplicateKeyError{Column: t.rows.Schema.Fields[t.key].Name, Key: shown(c, i), First: row, Second: i}
		}
		t.index[place] = uint32(i) + 1
	}
	return nil
}

func shown(c *batch.Column, i int) string {
	switch c.Kind() {
	case batch.Int64:
		return fmt.Sprint(c.Int64s()[i])
	case batch.Timestamp:
		return stamp(c.Int64s()[i])
	}
	return string(c.Bytes(i))
}

// Len is the number of rows.
func (t *Table) Len() int { return t.rows.N }

// Schema is that of the rows.
func (t *Table) Schema() *batch.Schema { return t.rows.Schema }

// probe looks for the key in row i of c, a column of the key's kind. It returns the table's row, or -1 and the place where it would
// stand in the index.
func (t *Table) probe(c *batch.Column, i int) (place, row int) {
	if c.Kind().VarLen() {
		return t.probeBytes(c.Bytes(i))
	}
	return t.probeInt(c.Int64s()[i])
}

func (t *Table) probeBytes(key []byte) (place, row int) {
	keys := &t.rows.Cols[t.key]
	place = int(xxhash.Sum64(key) >> t.shift)
	for t.index[place] != 0 {
		if row := int(t.index[place] - 1); string(keys.Bytes(row)) == string(key) {
			return place, row
		}
		place = (place + 1) & (len(t.index) - 1)
	}
	return place, -1
}

func (t *Table) probeInt(key int64) (place, row int) {
	keys := t.rows.Cols[t.key].Int64s()
	h := uint64(key) * 0x9e3779b97f4a7c15
	h = (h ^ h>>32) * 0xd6e8feb86659fd93 // a bare product keeps multiples of powers of two together
	place = int(h >> t.shift)
	for t.index[place] != 0 {
		if row := int(t.index[place] - 1); keys[row] == key {
			return place, row
		}
		place = (place + 1) & (len(t.index) - 1)
	}
	return place, -1
}
