package expr

import "github.com/streamscope/streamscope/shuffle/batch"

// blockRows is the number of rows that pass through all operators of a program before the next ones do: few enough that the
// operands stay in the first-level cache, enough to forget the calls in between.
const blockRows = 512

// vec is a column of up to blockRows values: in the batch, or in the scratch memory of the operator that computed it. Operators
// never write to the vec of another.
//
// Invariants: the slice of its kind has one entry per row of the block; b and valid hold 0 or 1; what stands in rows that are null
// or masked out is unspecified but safe to read; a nil valid means that no row is null.
type vec struct {
	i64        []int64
	f64        []float64
	b          []uint8
	start, end []int32 // String, Bytes: row i is data[start[i]:end[i]]
	data       []byte
	valid      []uint8
}

func (v *vec) bytes(i int) []byte { return v.data[v.start[i]:v.end[i]] }

// block is the part of a batch that is computed now.
type block struct {
	b    *batch.Batch
	vs   []int64
	from int
	n    int
}

// inst is an operator of a program: a checked node with the memory of its result.
type inst struct {
	expr     Expr
	kind     batch.Kind
	nullable bool
	args     []*inst
	run      func(in *inst, x *block, mask []uint8) error
	ints2    intKernel                      // arithmetic on integers and timestamps
	floats2  func(out, a, b []float64) bool // arithmetic on floats
	cmp      comparison
	col      int // opCol: its index in the batch
	filled   int // literals: rows of scratch that hold the value

	vec                // the result of the last run
	scratch vec        // memory that vec may point to
	masks   [2][]uint8 // the rows that arguments are needed for
	line    []byte     // a text in the making
}

// eval computes the rows of x that mask names (1; nil: all). The result stands in the embedded vec until the next eval.
func (in *inst) eval(x *block, mask []uint8) error { return in.run(in, x, mask) }

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, max(n, min(2*cap(s), blockRows)))
	}
	return s[:n]
}

func (in *inst) ints(n int) []int64 {
	in.scratch.i64 = grow(in.scratch.i64, n)
	in.i64 = in.scratch.i64
	return in.i64
}

func (in *inst) floats(n int) []float64 {
	in.scratch.f64 = grow(in.scratch.f64, n)
	in.f64 = in.scratch.f64
	return in.f64
}

func (in *inst) bools(n int) []uint8 {
	in.scratch.b = grow(in.scratch.b, n)
	in.b = in.scratch.b
	return in.b
}

// texts empties the scratch for strings; the caller appends n of them by putText.
func (in *inst) texts(n int) {
	s := &in.scratch
	s.start, s.end, s.data = grow(s.start, n)[:0], grow(s.end, n)[:0], s.data[:0]
}

func (in *inst) putText(b []byte) {
	s := &in.scratch
	s.start = append(s.start, int32(len(s.data)))
	s.data = append(s.data, b...)
	s.end = append(s.end, int32(len(s.data)))
}

func (in *inst) textsDone() {
	in.start, in.end, in.data = in.scratch.start, in.scratch.end, in.scratch.data
}

func (in *inst) valids(n int) []uint8 {
	in.scratch.valid = grow(in.scratch.valid, n)
	in.valid = in.scratch.valid
	return in.valid
}

// bothValid makes a row valid where both arguments are.
func (in *inst) bothValid(a, b *vec, n int) {
	switch {
	case a.valid == nil:
		in.valid = b.valid
	case b.valid == nil:
		in.valid = a.valid
	default:
		out := in.valids(n)
		av, bv := a.valid[:n], b.valid[:n]
		for i := range out {
			out[i] = av[i] & bv[i]
		}
	}
}
