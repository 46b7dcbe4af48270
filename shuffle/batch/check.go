package batch

import "fmt"

// Check verifies the builder's invariant: lifetimes, diffs and every column with its validity describe the same number of rows. It is
// for tests of those who append; it costs nothing per row.
func (b *Builder) Check() error {
	n := len(b.Vs)
	if b.Schema.HasVe && len(b.Ve) != n {
		return fmt.Errorf("%d rows, but %d of ve", n, len(b.Ve))
	}
	if b.Schema.HasDiff && len(b.Diff) != n {
		return fmt.Errorf("%d rows, but %d of diff", n, len(b.Diff))
	}
	for i := range b.Cols {
		c, name := &b.Cols[i], b.Schema.Fields[i].Name
		if got := c.rows(); got != n {
			return fmt.Errorf("%d rows, but %d of column %q", n, got, name)
		}
		if c.Nullable && c.nvalid != n {
			return fmt.Errorf("%d rows, but %d of column %q are marked null or not", n, c.nvalid, name)
		}
	}
	return nil
}

func (c *ColumnBuilder) rows() int {
	switch c.Kind {
	case Float64:
		return len(c.F64)
	case Bool:
		return c.nbits
	case String, Bytes:
		return len(c.Offs) - 1
	default:
		return len(c.I64)
	}
}
