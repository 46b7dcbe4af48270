package expr

import "github.com/streamscope/streamscope/shuffle/batch"

// runCol lends the values of a column in place; bits become bytes.
func runCol(in *inst, x *block, _ []uint8) error {
	c := &x.b.Cols[in.col]
	from, to := x.from, x.from+x.n
	switch in.kind {
	case batch.Bool:
		c.Bools().Slice(from).Unpack(in.bools(x.n))
	case batch.Float64:
		in.f64 = c.Float64s()[from:to]
	case batch.String, batch.Bytes:
		offs, data := c.Var()
		in.start, in.end, in.data = offs[from:to], offs[from+1:to+1], data
	default:
		in.i64 = c.Int64s()[from:to]
	}
	in.valid = nil
	if c.Nulls() && !c.Validity().Slice(from).Unpack(in.valids(x.n)) {
		return nil
	}
	in.valid = nil // not one null in this block
	return nil
}

func runVs(in *inst, x *block, _ []uint8) error {
	in.i64 = x.vs
	return nil
}

func runVe(in *inst, x *block, _ []uint8) error {
	if x.b.Ve != nil {
		in.i64 = x.b.Ve[x.from : x.from+x.n]
		return nil
	}
	out := in.ints(x.n)
	for i, vs := range x.vs {
		out[i] = vs + 1
	}
	return nil
}

// runLit fills as many rows with the literal as the longest block so far.
func runLit(in *inst, x *block, _ []uint8) error {
	if in.filled >= x.n {
		return nil
	}
	n := min(max(x.n, 2*in.filled), blockRows)
	in.filled = n
	lit := in.expr.n
	switch in.kind {
	case batch.Bool:
		fill(in.bools(n), uint8(lit.i))
	case batch.Float64:
		fill(in.floats(n), lit.f)
	case batch.String, batch.Bytes:
		s := &in.scratch
		s.data = append(s.data[:0], lit.s...)
		s.start, s.end = grow(s.start, n), grow(s.end, n)
		fill(s.start, 0)
		fill(s.end, int32(len(lit.s)))
		in.textsDone()
	default:
		fill(in.ints(n), lit.i)
	}
	if lit.op == opNull {
		fill(in.valids(n), 0)
	}
	return nil
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}
