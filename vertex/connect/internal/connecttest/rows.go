package connecttest

import (
	"encoding/hex"
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// Cell returns a value as Go has it: nil, bool, int64, float64, string; bytes in hexadecimal.
func Cell(c *batch.Column, row int) any {
	if c.Null(row) {
		return nil
	}
	switch c.Kind() {
	case batch.Bool:
		return c.Bools().Get(row)
	case batch.Float64:
		return c.Float64s()[row]
	case batch.String:
		return string(c.Bytes(row))
	case batch.Bytes:
		return hex.EncodeToString(c.Bytes(row))
	}
	return c.Int64s()[row]
}

// Row returns the values of a row.
func Row(b *batch.Batch, row int) []any {
	cells := make([]any, len(b.Cols))
	for i := range b.Cols {
		cells[i] = Cell(&b.Cols[i], row)
	}
	return cells
}

// Diff tells the first difference between two batches, "" if there is none. NaN equals NaN.
func Diff(got, want *batch.Batch) string {
	if got.N != want.N {
		return fmt.Sprintf("got %d rows, want %d", got.N, want.N)
	}
	for i := range want.N {
		if got.Vs[i] != want.Vs[i] {
			return fmt.Sprintf("row %d: got Vs %d, want %d", i, got.Vs[i], want.Vs[i])
		}
		g, w := fmt.Sprintf("%#v", Row(got, i)), fmt.Sprintf("%#v", Row(want, i))
		if g != w {
			return fmt.Sprintf("row %d: got %s, want %s", i, g, w)
		}
	}
	return ""
}
