package batch

import (
	"unsafe"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// ScatterRows writes what EncodeRows would write for all rows of src in another order: row i goes to place[i], which is a permutation of the
// rows. The schema has no variable-length column. Reading rows in order and writing them to few places each costs less than the reverse,
// and places are cheaper to compute than an order of rows.
func ScatterRows(b []byte, dirEnd int, src *Batch, place []uint32) {
	table := dirEnd
	at := dirEnd + src.Schema.Buffers()*frame.BufferLen
	var one pair
	walk(src.Schema, src.N, nil, func(col int, p part, size int) {
		from := frame.PadLen(at)
		clear(b[at:from])
		at = from + size
		frame.PutBuffer(b[table:], from, size)
		table += frame.BufferLen
		dst := b[from:at]
		switch values, ok := src.values(col, p); {
		case !ok && p == partValid:
			scatterBits(dst, src.Cols[col].valid, place)
		case !ok:
			scatterBits(dst, src.Cols[col].bits, place)
		case one.from == nil:
			one = pair{view[int64](dst), values}
		default:
			scatterTwo(one, pair{view[int64](dst), values}, place)
			one = pair{}
		}
	})
	for i, p := range place[:len(one.from)] {
		one.to[p] = one.from[i]
	}
}

// pair is a column of 8-byte values and where it goes.
type pair struct{ to, from []int64 }

// values returns the 8-byte values of a part of a column; ok is false if it consists of bits.
func (b *Batch) values(col int, p part) (v []int64, ok bool) {
	switch col {
	case colVs:
		return b.Vs[:b.N], true
	case colVe:
		return b.Ve[:b.N], true
	case colDiff:
		return b.Diff[:b.N], true
	}
	c := &b.Cols[col]
	switch {
	case p == partValid || c.kind == Bool:
		return nil, false
	case c.kind == Float64:
		return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(c.f64))), b.N), true
	}
	return c.i64[:b.N], true
}

// scatterTwo moves two columns in one pass over the places: more stores are then under way at a time.
func scatterTwo(a, b pair, place []uint32) {
	toA, toB := a.to, b.to[:len(a.to)]
	fromA, fromB := a.from[:len(place)], b.from[:len(place)]
	for i, p := range place {
		toA[p] = fromA[i]
		toB[p] = fromB[i]
	}
}

func scatterBits(dst []byte, src Bitmap, place []uint32) {
	clear(dst)
	for i, p := range place {
		if src.buf == nil || src.Get(i) {
			dst[p>>3] |= 1 << (p & 7)
		}
	}
}
