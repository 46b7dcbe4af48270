package batch

// Bitmap is a run of bits inside a buffer, as Arrow lays them out: bit i of the run is bit (off+i)%8 of byte (off+i)/8.
// The zero Bitmap stands for "absent": as a validity it means that every value is there.
type Bitmap struct {
	buf []byte
	off int
}

// Get returns bit i.
func (m Bitmap) Get(i int) bool {
	i += m.off
	return m.buf[i>>3]>>(i&7)&1 != 0
}

// Slice returns the bits from i on.
func (m Bitmap) Slice(i int) Bitmap {
	if m.buf == nil {
		return m
	}
	return Bitmap{m.buf, m.off + i}
}

// Raw returns the buffer and the bit offset, for wrapping without a copy.
func (m Bitmap) Raw() (buf []byte, bitOffset int) { return m.buf, m.off }

// Column is one payload column of a batch: a borrowed view of typed buffers in Arrow's layout.
// Only the accessors of its kind may be used; the others return nil.
type Column struct {
	kind  Kind
	n     int
	valid Bitmap
	i64   []int64
	f64   []float64
	bits  Bitmap
	offs  []int32 // n+1 offsets into data
	data  []byte
}

// Kind returns the column's kind.
func (c *Column) Kind() Kind { return c.kind }

// Len returns the number of rows.
func (c *Column) Len() int { return c.n }

// Null reports whether row i is null.
func (c *Column) Null(i int) bool { return c.valid.buf != nil && !c.valid.Get(i) }

// Nulls reports whether the column has a validity at all.
func (c *Column) Nulls() bool { return c.valid.buf != nil }

// Validity returns the validity bits; absent means that no row is null.
func (c *Column) Validity() Bitmap { return c.valid }

// Int64s returns the values of an Int64 or Timestamp column.
func (c *Column) Int64s() []int64 { return c.i64 }

// Float64s returns the values of a Float64 column.
func (c *Column) Float64s() []float64 { return c.f64 }

// Bools returns the values of a Bool column.
func (c *Column) Bools() Bitmap { return c.bits }

// Bytes returns row i of a String or Bytes column, borrowed.
func (c *Column) Bytes(i int) []byte { return c.data[c.offs[i]:c.offs[i+1]:c.offs[i+1]] }

// Var returns the n+1 offsets and the data of a String or Bytes column. Offsets are absolute in data, never rebased by Slice.
func (c *Column) Var() (offsets []int32, data []byte) { return c.offs, c.data }

// Slice returns rows [from, to) in place.
func (c *Column) Slice(from, to int) Column {
	var s Column
	c.sliceInto(&s, from, to)
	return s
}

// sliceInto makes s the rows [from, to) of c. A column header is large and mostly empty: where s was a slice of the same kind, which is so
// for a view that walks over sub-batches, only what differs is stored.
func (c *Column) sliceInto(s *Column, from, to int) {
	if s.kind != c.kind {
		*s = Column{kind: c.kind}
	}
	s.n = to - from
	if c.valid.buf != nil || s.valid.buf != nil {
		s.valid = c.valid.Slice(from)
	}
	switch c.kind {
	case Float64:
		s.f64 = c.f64[from:to]
	case Bool:
		s.bits = c.bits.Slice(from)
	case String, Bytes:
		s.offs, s.data = c.offs[from:to+1], c.data
	default:
		s.i64 = c.i64[from:to]
	}
}

// Batch is a set of rows of one schema, column by column: a view that borrows its buffers from a frame or a Builder.
// It is valid as long as they are and must not be written to.
type Batch struct {
	Schema *Schema
	N      int     // rows
	Vs     []int64 // microseconds, UTC
	Ve     []int64 // nil: every event is the point [Vs, Vs+1)
	Diff   []int64 // nil: every row is +1
	Cols   []Column
}

// End returns Ve of row i.
func (b *Batch) End(i int) int64 {
	if b.Ve == nil {
		return b.Vs[i] + 1
	}
	return b.Ve[i]
}

// SliceInto makes dst the rows [from, to) of b in place, reusing dst's column headers. dst may be b.
func (b *Batch) SliceInto(dst *Batch, from, to int) {
	if dst.Schema != b.Schema || len(dst.Cols) != len(b.Cols) {
		cols := dst.Cols
		if cap(cols) < len(b.Cols) {
			cols = make([]Column, len(b.Cols))
		}
		*dst = Batch{Schema: b.Schema, Cols: cols[:len(b.Cols)]}
	}
	dst.N, dst.Vs = to-from, b.Vs[from:to]
	if b.Ve != nil || dst.Ve != nil {
		dst.Ve = span(b.Ve, from, to)
	}
	if b.Diff != nil || dst.Diff != nil {
		dst.Diff = span(b.Diff, from, to)
	}
	for i := range b.Cols {
		b.Cols[i].sliceInto(&dst.Cols[i], from, to)
	}
}

// span returns v[from:to], nil of nil.
func span(v []int64, from, to int) []int64 {
	if v == nil {
		return nil
	}
	return v[from:to]
}

// Slice returns rows [from, to) in place.
func (b *Batch) Slice(from, to int) Batch {
	var s Batch
	b.SliceInto(&s, from, to)
	return s
}
