package expr

import (
	"bytes"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// comparison says how an operator follows from = and <.
type comparison struct {
	less bool  // < rather than =
	swap bool  // the operands change places first
	flip uint8 // 1: the opposite
}

var comparisons = map[op]comparison{
	opEq: {}, opNe: {flip: 1},
	opLt: {less: true}, opGe: {less: true, flip: 1},
	opGt: {less: true, swap: true}, opLe: {less: true, swap: true, flip: 1},
	// take the left one if it is
	opLeast:    {less: true, swap: true, flip: 1},
	opGreatest: {less: true, flip: 1},
}

func bit(v bool) uint8 {
	var b uint8
	if v { // compiled to a set instruction, not a branch
		b = 1
	}
	return b
}

func runCompare(in *inst, x *block, mask []uint8) error {
	a, b, err := in.operands(x, mask)
	if err != nil {
		return err
	}
	in.bothValid(&a.vec, &b.vec, x.n)
	in.cmp.compare(in.bools(x.n), a, b)
	return nil
}

// compare fills out with 0 or 1.
func (c comparison) compare(out []uint8, a, b *inst) {
	if c.swap {
		a, b = b, a
	}
	n := len(out)
	switch {
	case a.kind == batch.Float64 && c.less:
		ltFloats(out, a.f64[:n], b.f64[:n], c.flip)
	case a.kind == batch.Float64:
		eqFloats(out, a.f64[:n], b.f64[:n], c.flip)
	case a.kind.VarLen() && c.less:
		for i := range out {
			out[i] = bit(bytes.Compare(a.bytes(i), b.bytes(i)) < 0) ^ c.flip
		}
	case a.kind.VarLen():
		for i := range out {
			out[i] = bit(bytes.Equal(a.bytes(i), b.bytes(i))) ^ c.flip
		}
	case a.kind == batch.Bool && c.less:
		ltInts(out, a.b[:n], b.b[:n], c.flip)
	case a.kind == batch.Bool:
		eqInts(out, a.b[:n], b.b[:n], c.flip)
	case c.less:
		ltInts(out, a.i64[:n], b.i64[:n], c.flip)
	default:
		eqInts(out, a.i64[:n], b.i64[:n], c.flip)
	}
}

func ltInts[T int64 | uint8](out []uint8, a, b []T, flip uint8) {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] = bit(a[i] < b[i]) ^ flip
	}
}

func eqInts[T int64 | uint8](out []uint8, a, b []T, flip uint8) {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] = bit(a[i] == b[i]) ^ flip
	}
}

// ltFloats has NaN above all numbers.
func ltFloats(out []uint8, a, b []float64, flip uint8) {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		x, y := a[i], b[i]
		out[i] = (bit(x < y) | bit(y != y)&bit(x == x)) ^ flip
	}
}

// eqFloats has NaN equal to NaN.
func eqFloats(out []uint8, a, b []float64, flip uint8) {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		x, y := a[i], b[i]
		out[i] = (bit(x == y) | bit(x != x)&bit(y != y)) ^ flip
	}
}

// runExtreme is the least or greatest of two, or the one that is not null.
func runExtreme(in *inst, x *block, mask []uint8) error {
	a, b, err := in.operands(x, mask)
	if err != nil {
		return err
	}
	if a.valid == nil && b.valid == nil && (in.kind == batch.Int64 || in.kind == batch.Timestamp) {
		in.ints2.run(in.ints(x.n), a.i64[:x.n], b.i64[:x.n])
		in.valid = nil
		return nil
	}
	in.masks[0] = grow(in.masks[0], x.n)
	left := in.masks[0]
	in.cmp.compare(left, a, b)
	for i := range left {
		if a.valid != nil && a.valid[i] == 0 {
			left[i] = 0
		} else if b.valid != nil && b.valid[i] == 0 {
			left[i] = 1
		}
	}
	in.choose(left, a, b)
	return nil
}
