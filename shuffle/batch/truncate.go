package batch

// MakeFixed returns a column over the values of an Int64 or Timestamp column, borrowed, without nulls: Vs as a column of an output, for
// instance.
func MakeFixed(kind Kind, values []int64) Column {
	return Column{kind: kind, n: len(values), i64: values}
}

// Truncate drops the rows from n on, also a row of which only some columns are appended yet: what a reader does that finds a row bad
// in its last column.
func (b *Builder) Truncate(n int) {
	b.Vs = b.Vs[:min(n, len(b.Vs))]
	b.Ve = b.Ve[:min(n, len(b.Ve))]
	b.Diff = b.Diff[:min(n, len(b.Diff))]
	for i := range b.Cols {
		b.Cols[i].truncate(n)
	}
}

func (c *ColumnBuilder) truncate(n int) {
	c.I64 = c.I64[:min(n, len(c.I64))]
	c.F64 = c.F64[:min(n, len(c.F64))]
	if len(c.Offs) > n+1 {
		c.Offs = c.Offs[:n+1]
		c.Data = c.Data[:c.Offs[n]]
	}
	c.bits, c.nbits = truncateBits(c.bits, c.nbits, n)
	c.valid, c.nvalid = truncateBits(c.valid, c.nvalid, n)
}

// truncateBits also clears the bits dropped from the last byte, since appendBit only sets them.
func truncateBits(b []byte, have, n int) ([]byte, int) {
	if have <= n {
		return b, have
	}
	b = b[:(n+7)/8]
	if n&7 != 0 {
		b[n>>3] &= 1<<(n&7) - 1
	}
	return b, n
}
