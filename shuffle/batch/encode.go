package batch

import (
	"fmt"
	"unsafe"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// VarBytes returns the bytes that the chosen rows take in the variable-length columns of src, all columns together, and
// stores each column's share in perCol (len(src.Cols) entries; 0 for fixed columns).
func VarBytes(src *Batch, rows []int32, perCol []int) int {
	total := 0
	for i := range src.Cols {
		c := &src.Cols[i]
		perCol[i] = 0
		if !c.kind.VarLen() {
			continue
		}
		n := 0
		offs := c.offs
		for _, r := range rows {
			n += int(offs[r+1] - offs[r])
		}
		perCol[i] = n
		total += n
	}
	return total
}

// walk calls f for each buffer of a batch of schema s with n rows, in frame order.
// col is -1 for Vs, -2 for Ve, -3 for Diff; part is one of the part constants.
type part uint8

const (
	partValues part = iota
	partValid
	partOffsets
)

const (
	colVs = -1 - iota
	colVe
	colDiff
)

func walk(s *Schema, n int, varBytes []int, f func(col int, p part, size int)) {
	f(colVs, partValues, 8*n)
	if s.HasVe {
		f(colVe, partValues, 8*n)
	}
	if s.HasDiff {
		f(colDiff, partValues, 8*n)
	}
	for i, fd := range s.Fields {
		if fd.Nullable {
			f(i, partValid, (n+7)/8)
		}
		switch {
		case fd.Kind.VarLen():
			f(i, partOffsets, 4*(n+1))
			f(i, partValues, varBytes[i])
		case fd.Kind == Bool:
			f(i, partValues, (n+7)/8)
		default:
			f(i, partValues, 8*n)
		}
	}
}

// EncodedLen returns the length of a frame whose directory ends at byte dirEnd, with n rows of schema s and the given
// variable bytes per column: tables and padding included, the frame's own final padding not.
func EncodedLen(s *Schema, dirEnd, n int, varBytes []int) int {
	at := dirEnd + s.Buffers()*frame.BufferLen
	walk(s, n, varBytes, func(_ int, _ part, size int) {
		at = frame.PadLen(at) + size
	})
	return at
}

// EncodeRows writes the buffer table at dirEnd and the buffers of the chosen rows of src, in the order of rows, into the frame b,
// whose length must be EncodedLen of the same arguments. It gathers column by column, in one pass each. Padding is zeroed.
func EncodeRows(b []byte, dirEnd int, src *Batch, rows []int32, varBytes []int) {
	n := len(rows)
	table := dirEnd
	at := dirEnd + src.Schema.Buffers()*frame.BufferLen
	walk(src.Schema, n, varBytes, func(col int, p part, size int) {
		from := frame.PadLen(at)
		clear(b[at:from])
		at = from + size
		frame.PutBuffer(b[table:], from, size)
		table += frame.BufferLen
		dst := b[from:at]
		switch col {
		case colVs:
			gather(dst, src.Vs, rows)
		case colVe:
			gather(dst, src.Ve, rows)
		case colDiff:
			gather(dst, src.Diff, rows)
		default:
			encodePart(dst, p, &src.Cols[col], rows)
		}
	})
}

func encodePart(dst []byte, p part, c *Column, rows []int32) {
	switch {
	case p == partValid:
		gatherBits(dst, c.valid, rows)
	case p == partOffsets:
		offs := view[int32](dst)
		at := int32(0)
		offs[0] = 0
		for i, r := range rows {
			at += c.offs[r+1] - c.offs[r]
			offs[i+1] = at
		}
	case c.kind.VarLen():
		at := 0
		for _, r := range rows {
			at += copy(dst[at:], c.data[c.offs[r]:c.offs[r+1]])
		}
	case c.kind == Bool:
		gatherBits(dst, c.bits, rows)
	case c.kind == Float64:
		gather(dst, c.f64, rows)
	default:
		gather(dst, c.i64, rows)
	}
}

func gather[T int64 | float64](dst []byte, src []T, rows []int32) {
	out := view[T](dst)[:len(rows)]
	if len(rows) >= fetchFrom {
		out[0] = fetch(src)
	}
	for i, r := range rows {
		out[i] = src[r]
	}
}

// fetchFrom is the number of rows from which on a column is read once, in order, before it is read at random: it is too large to have stayed in
// the core's own cache since it was collected.
const fetchFrom = 1 << 15

// fetch brings a column into the caches, line by line; its result has no meaning, but that the reads are not left out.
func fetch[T int64 | float64](v []T) (sum T) {
	const perLine = 8
	for i := 0; i < len(v); i += perLine {
		sum += v[i]
	}
	return sum
}

func gatherBits(dst []byte, src Bitmap, rows []int32) {
	clear(dst)
	if src.buf == nil { // a column without nulls
		for i := range rows {
			dst[i>>3] |= 1 << (i & 7)
		}
		return
	}
	for i, r := range rows {
		if src.Get(int(r)) {
			dst[i>>3] |= 1 << (i & 7)
		}
	}
}

// view reinterprets little-endian bytes, aligned to T, as values. Both supported architectures are little endian.
func view[T int64 | float64 | int32](b []byte) []T {
	var t T
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(t)))
}

// Decode makes dst a view of the rows of a DATA frame in place. It checks that the frame has the buffers of the schema, each
// large enough for its rows; the variable offsets are checked only by CheckOffsets. The frame's first byte must be 8-byte aligned.
func Decode(dst *Batch, s *Schema, f *frame.DataFrame) error {
	if int(f.Buffers) != s.Buffers() {
		return fmt.Errorf("%w: %d buffers, schema %v has %d", frame.ErrCorrupt, f.Buffers, s, s.Buffers())
	}
	n := f.Rows()
	d := decoder{f: *f, n: n}
	*dst = Batch{Schema: s, N: n, Cols: dst.Cols[:0]}
	dst.Vs = head[int64](&d, n)
	if s.HasVe {
		dst.Ve = head[int64](&d, n)
	}
	if s.HasDiff {
		dst.Diff = head[int64](&d, n)
	}
	for _, fd := range s.Fields {
		c := Column{kind: fd.Kind, n: n}
		if fd.Nullable {
			c.valid = d.bits()
		}
		switch {
		case fd.Kind.VarLen():
			c.offs = head[int32](&d, n+1)
			c.data = d.next(0)
		case fd.Kind == Bool:
			c.bits = d.bits()
		case fd.Kind == Float64:
			c.f64 = head[float64](&d, n)
		default:
			c.i64 = head[int64](&d, n)
		}
		dst.Cols = append(dst.Cols, c)
	}
	if d.err != nil {
		*dst = Batch{Schema: s, Cols: dst.Cols[:0]} // nothing in it may be read
	}
	return d.err
}

// decoder walks over a frame's buffers. It has a copy of the frame's description, so that the caller's need not be on the heap.
type decoder struct {
	f   frame.DataFrame
	n   int
	i   int
	err error
}

// next returns the next buffer, which must hold at least size bytes.
func (d *decoder) next(size int) []byte {
	b := d.f.Buffer(d.i)
	if len(b) < size {
		if d.err == nil {
			d.err = fmt.Errorf("%w: buffer %d has %d bytes, want %d", frame.ErrCorrupt, d.i, len(b), size)
		}
		b = nil // the length is a claim of the sender's: nothing is allocated for it
	}
	d.i++
	return b
}

func (d *decoder) bits() Bitmap {
	b := d.next((d.n + 7) / 8)
	if b == nil {
		b = []byte{}
	}
	return Bitmap{b, 0}
}

// head returns the first n values of the next buffer; none after a fault.
func head[T int64 | float64 | int32](d *decoder, n int) []T {
	var t T
	b := d.next(n * int(unsafe.Sizeof(t)))
	if d.err != nil {
		return nil
	}
	return view[T](b)[:n]
}

// CheckOffsets verifies the offsets of all variable-length columns: from 0, never falling, inside the data. Frames from a peer or
// from disk pass it once, before anything reads them.
func (b *Batch) CheckOffsets() error {
	for i := range b.Cols {
		c := &b.Cols[i]
		if !c.kind.VarLen() {
			continue
		}
		if c.offs[0] != 0 {
			return fmt.Errorf("%w: column %q begins at offset %d", frame.ErrCorrupt, b.Schema.Fields[i].Name, c.offs[0])
		}
		prev, bad := int32(0), int32(0)
		for _, o := range c.offs {
			bad |= o | (o - prev) // negative as soon as an offset is negative or falls
			prev = o
		}
		if bad < 0 || int(prev) > len(c.data) {
			return fmt.Errorf("%w: column %q has offsets beyond order or its %d bytes", frame.ErrCorrupt, b.Schema.Fields[i].Name, len(c.data))
		}
	}
	return nil
}
