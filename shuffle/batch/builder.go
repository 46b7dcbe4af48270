package batch

// ColumnBuilder collects the values of one column. Append to the slice of its kind; for nullable columns call SetValid
// or SetNull once per row, after its value (a null's value is the zero value).
//
// Invariant: values, offsets and validity describe the same number of rows whenever Builder.View is called.
type ColumnBuilder struct {
	Kind     Kind
	Nullable bool
	I64      []int64   // Int64, Timestamp
	F64      []float64 // Float64
	Offs     []int32   // String, Bytes: rows+1 offsets, beginning with 0
	Data     []byte    // String, Bytes
	bits     []byte    // Bool
	valid    []byte
	nbits    int // rows of bits
	nvalid   int // rows of valid
}

func appendBit(b []byte, n int, v bool) []byte {
	if n&7 == 0 {
		b = append(b, 0)
	}
	if v {
		b[n>>3] |= 1 << (n & 7)
	}
	return b
}

// AppendInt64 appends a value to an Int64 or Timestamp column.
func (c *ColumnBuilder) AppendInt64(v int64) { c.I64 = append(c.I64, v) }

// AppendFloat64 appends a value to a Float64 column.
func (c *ColumnBuilder) AppendFloat64(v float64) { c.F64 = append(c.F64, v) }

// AppendBool appends a value to a Bool column.
func (c *ColumnBuilder) AppendBool(v bool) {
	c.bits = appendBit(c.bits, c.nbits, v)
	c.nbits++
}

// AppendBytes appends a copy of v to a String or Bytes column.
func (c *ColumnBuilder) AppendBytes(v []byte) {
	c.Data = append(c.Data, v...)
	c.Offs = append(c.Offs, int32(len(c.Data)))
}

// AppendString appends v to a String or Bytes column.
func (c *ColumnBuilder) AppendString(v string) {
	c.Data = append(c.Data, v...)
	c.Offs = append(c.Offs, int32(len(c.Data)))
}

// SetValid marks the row just appended as there; a no-op on a column that is not nullable.
func (c *ColumnBuilder) SetValid(ok bool) {
	if c.Nullable {
		c.valid = appendBit(c.valid, c.nvalid, ok)
		c.nvalid++
	}
}

// AppendNull appends a null: the zero value, marked as not there. Only for nullable columns.
func (c *ColumnBuilder) AppendNull() {
	switch c.Kind {
	case Float64:
		c.F64 = append(c.F64, 0)
	case Bool:
		c.AppendBool(false)
	case String, Bytes:
		c.Offs = append(c.Offs, int32(len(c.Data)))
	default:
		c.I64 = append(c.I64, 0)
	}
	c.SetValid(false)
}

// AppendFrom appends row i of src, a column of the same kind. A null may only meet a nullable builder.
func (c *ColumnBuilder) AppendFrom(src *Column, i int) {
	if c.Nullable && src.Null(i) {
		c.AppendNull()
		return
	}
	switch c.Kind {
	case Float64:
		c.F64 = append(c.F64, src.f64[i])
	case Bool:
		c.AppendBool(src.bits.Get(i))
	case String, Bytes:
		c.AppendBytes(src.Bytes(i))
	default:
		c.I64 = append(c.I64, src.i64[i])
	}
	c.SetValid(true)
}

// AppendRange appends rows [from, to) of src, a column of the same kind.
func (c *ColumnBuilder) AppendRange(src *Column, from, to int) {
	switch c.Kind {
	case Float64:
		c.F64 = append(c.F64, src.f64[from:to]...)
	case Bool:
		c.bits = appendBits(c.bits, c.nbits, src.bits, from, to)
		c.nbits += to - from
	case String, Bytes:
		base := int32(len(c.Data)) - src.offs[from]
		c.Data = append(c.Data, src.data[src.offs[from]:src.offs[to]]...)
		for _, o := range src.offs[from+1 : to+1] {
			c.Offs = append(c.Offs, base+o)
		}
	default:
		c.I64 = append(c.I64, src.i64[from:to]...)
	}
	if c.Nullable {
		c.valid = appendBits(c.valid, c.nvalid, src.valid, from, to)
		c.nvalid += to - from
	}
}

// AppendSel appends the rows of src that sel names, a column of the same kind.
func (c *ColumnBuilder) AppendSel(src *Column, sel []int32) {
	switch c.Kind {
	case Float64:
		c.F64 = appendSel(c.F64, src.f64, sel)
	case Bool:
		c.bits = appendBitsSel(c.bits, c.nbits, src.bits, sel)
		c.nbits += len(sel)
	case String, Bytes:
		c.Offs, c.Data = appendVarSel(c.Offs, c.Data, src, sel)
	default:
		c.I64 = appendSel(c.I64, src.i64, sel)
	}
	c.setValidSel(src, sel)
}

func (c *ColumnBuilder) setValidSel(src *Column, sel []int32) {
	if !c.Nullable {
		return
	}
	if src.valid.buf == nil {
		c.valid = appendBits(c.valid, c.nvalid, Bitmap{}, 0, len(sel))
		c.nvalid += len(sel)
		return
	}
	c.valid = appendBitsSel(c.valid, c.nvalid, src.valid, sel)
	c.nvalid += len(sel)
}

func (c *ColumnBuilder) reset() {
	c.I64, c.F64, c.Data = c.I64[:0], c.F64[:0], c.Data[:0]
	c.bits, c.valid, c.nbits, c.nvalid = c.bits[:0], c.valid[:0], 0, 0
	if c.Kind.VarLen() {
		c.Offs = append(c.Offs[:0], 0)
	}
}

func (c *ColumnBuilder) view(n int) Column {
	v := Column{kind: c.Kind, n: n}
	if c.Nullable {
		v.valid = Bitmap{c.valid, 0}
		if c.valid == nil {
			v.valid.buf = []byte{}
		}
	}
	switch c.Kind {
	case Float64:
		v.f64 = c.F64[:n]
	case Bool:
		v.bits = Bitmap{c.bits, 0}
	case String, Bytes:
		v.offs, v.data = c.Offs[:n+1], c.Data
	default:
		v.i64 = c.I64[:n]
	}
	return v
}

// Builder collects rows of one schema and lends them as a Batch. Its memory is reused by Reset; it belongs to one goroutine.
type Builder struct {
	Schema *Schema
	Vs     []int64
	Ve     []int64 // only with Schema.HasVe
	Diff   []int64 // only with Schema.HasDiff
	Cols   []ColumnBuilder
	view   Batch
}

// NewBuilder returns an empty builder.
func NewBuilder(s *Schema) *Builder {
	b := &Builder{Schema: s, Cols: make([]ColumnBuilder, len(s.Fields))}
	for i, f := range s.Fields {
		b.Cols[i] = ColumnBuilder{Kind: f.Kind, Nullable: f.Nullable}
	}
	b.Reset()
	return b
}

// Reset empties the builder and keeps its memory. Batches that View lent are no longer valid.
func (b *Builder) Reset() {
	b.Vs, b.Ve, b.Diff = b.Vs[:0], b.Ve[:0], b.Diff[:0]
	for i := range b.Cols {
		b.Cols[i].reset()
	}
}

// Len is the number of rows.
func (b *Builder) Len() int { return len(b.Vs) }

// Bytes is the memory that the rows take, in bytes, bits rounded up.
func (b *Builder) Bytes() int {
	n := len(b.Vs) * b.Schema.FixedRowBytes()
	for i := range b.Cols {
		n += len(b.Cols[i].Data)
	}
	return n
}

// AppendTime appends a row's lifetime and diff; the caller then appends one value to each column.
func (b *Builder) AppendTime(vs, ve, diff int64) {
	b.Vs = append(b.Vs, vs)
	if b.Schema.HasVe {
		b.Ve = append(b.Ve, ve)
	}
	if b.Schema.HasDiff {
		b.Diff = append(b.Diff, diff)
	}
}

// AppendTimes appends the lifetimes and diffs of rows [from, to) of src; the caller then appends as many values to each column.
func (b *Builder) AppendTimes(src *Batch, from, to int) {
	b.Vs = append(b.Vs, src.Vs[from:to]...)
	if b.Schema.HasVe {
		if src.Ve != nil {
			b.Ve = append(b.Ve, src.Ve[from:to]...)
		} else {
			for _, vs := range src.Vs[from:to] {
				b.Ve = append(b.Ve, vs+1)
			}
		}
	}
	if b.Schema.HasDiff {
		if src.Diff != nil {
			b.Diff = append(b.Diff, src.Diff[from:to]...)
		} else {
			for range to - from {
				b.Diff = append(b.Diff, 1)
			}
		}
	}
}

// AppendTimesSel appends the lifetimes and diffs of the rows of src that sel names; the caller then appends as many values to each
// column.
func (b *Builder) AppendTimesSel(src *Batch, sel []int32) {
	b.Vs = appendSel(b.Vs, src.Vs, sel)
	if b.Schema.HasVe {
		if src.Ve != nil {
			b.Ve = appendSel(b.Ve, src.Ve, sel)
		} else {
			for _, i := range sel {
				b.Ve = append(b.Ve, src.Vs[i]+1)
			}
		}
	}
	if b.Schema.HasDiff {
		if src.Diff != nil {
			b.Diff = appendSel(b.Diff, src.Diff, sel)
		} else {
			for range sel {
				b.Diff = append(b.Diff, 1)
			}
		}
	}
}

// AppendBatch appends rows [from, to) of src, whose columns have the kinds of the builder's.
func (b *Builder) AppendBatch(src *Batch, from, to int) {
	b.AppendTimes(src, from, to)
	for i := range b.Cols {
		b.Cols[i].AppendRange(&src.Cols[i], from, to)
	}
}

// AppendSel appends the rows of src that sel names.
func (b *Builder) AppendSel(src *Batch, sel []int32) {
	b.AppendTimesSel(src, sel)
	for i := range b.Cols {
		b.Cols[i].AppendSel(&src.Cols[i], sel)
	}
}

// View lends the rows as a batch, valid until the next append or Reset.
func (b *Builder) View() *Batch {
	n := len(b.Vs)
	v := &b.view
	v.Schema, v.N, v.Vs, v.Ve, v.Diff = b.Schema, n, b.Vs, nil, nil
	if b.Schema.HasVe {
		v.Ve = b.Ve
	}
	if b.Schema.HasDiff {
		v.Diff = b.Diff
	}
	v.Cols = v.Cols[:0]
	for i := range b.Cols {
		v.Cols = append(v.Cols, b.Cols[i].view(n))
	}
	return v
}
