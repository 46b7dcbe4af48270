package ops

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

// AggregateFunc is a function over the rows of a group.
type AggregateFunc uint8

// The aggregate functions. All are exact, so neither the order of rows nor how they are folded and merged changes a result.
const (
	Count   AggregateFunc = 1 + iota // rows, or values of Column that are not null
	CountIf                          // rows in which the bool Column is true
	Sum                              // int64: an error beyond its range; float64: rounded once
	Min                              // NaN is greater than all numbers
	Max
	Avg // float64: exact sum / count for int64, rounded once; rounded sum / count for float64
)

var aggregateNames = [...]string{"?", "count", "count_if", "sum", "min", "max", "avg"}

func (f AggregateFunc) String() string {
	if int(f) < len(aggregateNames) {
		return aggregateNames[f]
	}
	return fmt.Sprintf("aggregate %d", uint8(f))
}

// AllRows as the Column of Count counts rows, nulls or not.
const AllRows = -1

// Aggregate is one aggregate function over a column. Nulls are passed over; over nulls alone the result is null (0 for counts).
type Aggregate struct {
	Func   AggregateFunc
	Column int    // of the input; AllRows for Count of rows
	Name   string // of the output field
}

// accumulator is an aggregate over cells [at, at+cells) of a group. Zero cells are the empty group.
type accumulator struct {
	Aggregate
	kind  batch.Kind // of the column
	seen  bool       // the last of its cells counts values, since the column has nulls or the result needs it
	at    int
	cells int
}

// field checks an aggregate against its input and returns the field of its output.
func (a *Aggregate) field(in *batch.Schema) (batch.Field, error) {
	f := batch.Field{Name: a.Name, Kind: batch.Int64}
	if a.Func == Count && a.Column == AllRows {
		return f, nil
	}
	if a.Column < 0 || a.Column >= len(in.Fields) {
		return f, fmt.Errorf("%w: %v %q: column %d of %v", ErrConfig, a.Func, a.Name, a.Column, in)
	}
	col := in.Fields[a.Column]
	numeric := col.Kind == batch.Int64 || col.Kind == batch.Float64
	ok := true
	switch a.Func {
	case Count:
		return f, nil
	case CountIf:
		ok = col.Kind == batch.Bool
	case Sum:
		f.Kind, f.Nullable, ok = col.Kind, col.Nullable, numeric
	case Avg:
		f.Kind, f.Nullable, ok = batch.Float64, col.Nullable, numeric
	case Min, Max:
		f.Kind, f.Nullable, ok = col.Kind, col.Nullable, !col.Kind.VarLen()
	default:
		return f, fmt.Errorf("%w: %v", ErrConfig, a.Func)
	}
	if !ok {
		return f, fmt.Errorf("%w: %v of column %q, which is %v", ErrConfig, a.Func, col.Name, col.Kind)
	}
	return f, nil
}

// makeAccumulators lays out the cells of aggregates, from cell 0 on.
func makeAccumulators(in *batch.Schema, aggs []Aggregate) (accs []accumulator, cells int) {
	for _, a := range aggs {
		acc := accumulator{Aggregate: a, at: cells, cells: 1}
		nullable := false
		if a.Column != AllRows {
			acc.kind, nullable = in.Fields[a.Column].Kind, in.Fields[a.Column].Nullable
		}
		switch a.Func {
		case Sum, Avg:
			acc.cells = 2
			if acc.kind == batch.Float64 {
				acc.cells = sumCells
			}
			acc.seen = nullable || a.Func == Avg
		case Min, Max:
			acc.seen = nullable
		}
		if acc.seen {
			acc.cells++
		}
		cells += acc.cells
		accs = append(accs, acc)
	}
	return accs, cells
}

// fold adds the rows of each run to its group.
func (a *accumulator) fold(r runs, b *batch.Batch) {
	if a.Column == AllRows {
		r.countInto(a.at)
		return
	}
	col := &b.Cols[a.Column]
	if !col.Nulls() {
		a.foldValues(r, col)
		return
	}
	for i, s := range r.spans {
		for row := s.from; row < s.to; row++ {
			if !col.Null(int(row)) {
				one := [1]rowSpan{{row, row + 1}}
				a.foldValues(runs{r.groups[i : i+1], one[:]}, col)
			}
		}
	}
}

// foldValues adds values none of which is null.
func (a *accumulator) foldValues(r runs, col *batch.Column) {
	if a.seen {
		r.countInto(a.at + a.cells - 1)
	}
	switch a.Func {
	case Count:
		r.countInto(a.at)
	case CountIf:
		m := col.Bools()
		for i, s := range r.spans {
			*r.groups[i].Cell(a.at) += uint64(m.Count(int(s.from), int(s.to)))
		}
	case Sum, Avg:
		a.foldSum(r, col)
	case Max:
		a.foldGreatest(r, col, 0)
	case Min:
		a.foldGreatest(r, col, ^uint64(0))
	}
}

func (a *accumulator) foldSum(r runs, col *batch.Column) {
	if a.kind == batch.Float64 {
		for i, s := range r.spans {
			sum := r.groups[i].Cells(a.at, sumCells)
			for _, v := range col.Float64s()[s.from:s.to] {
				sumAdd(sum, v)
			}
		}
		return
	}
	values := col.Int64s()
	for i, s := range r.spans {
		c := r.groups[i].Cells(a.at, 2)
		lo, hi := c[0], c[1]
		for _, v := range values[s.from:s.to] {
			var carry uint64
			lo, carry = bits.Add64(lo, uint64(v), 0)
			hi += uint64(v>>63) + carry
		}
		c[0], c[1] = lo, hi
	}
}

// foldGreatest keeps the greatest rank, flipped for the least.
func (a *accumulator) foldGreatest(r runs, col *batch.Column, flip uint64) {
	if a.kind == batch.Bool || a.kind == batch.Float64 {
		for i, s := range r.spans {
			best := r.groups[i].Cell(a.at)
			for row := s.from; row < s.to; row++ {
				*best = max(*best, rank(col, int(row))^flip)
			}
		}
		return
	}
	flip ^= 1 << 63
	values := col.Int64s()
	for i, s := range r.spans {
		cell := r.groups[i].Cell(a.at)
		best := *cell
		for _, v := range values[s.from:s.to] {
			best = max(best, uint64(v)^flip)
		}
		*cell = best
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// rank maps a float or bool to an integer of the same order.
func rank(col *batch.Column, i int) uint64 {
	if col.Kind() == batch.Float64 {
		return floatRank(col.Float64s()[i])
	}
	return bit(col.Bools().Get(i))
}

// floatRank orders floats as integers: -0.0 as 0.0, NaN after +Inf.
func floatRank(v float64) uint64 {
	b := partition.FloatBits(v)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

// merge adds the cells of the same aggregate over other rows.
func (a *accumulator) merge(group, other []uint64) {
	c, o := group[a.at:a.at+a.cells], other[a.at:a.at+a.cells]
	if a.seen {
		c[len(c)-1] += o[len(o)-1]
	}
	switch {
	case a.Func == Min || a.Func == Max:
		c[0] = max(c[0], o[0])
	case a.Func == Count || a.Func == CountIf:
		c[0] += o[0]
	case a.kind == batch.Float64:
		sumMerge(c, o)
	default:
		var carry uint64
		c[0], carry = bits.Add64(c[0], o[0], 0)
		c[1] += o[1] + carry
	}
}

// emit appends the result of a group that has rows.
func (a *accumulator) emit(group []uint64, dst *batch.ColumnBuilder) error {
	c := group[a.at : a.at+a.cells]
	if a.seen && c[len(c)-1] == 0 {
		dst.AppendNull()
		return nil
	}
	switch a.Func {
	case Sum:
		if a.kind == batch.Float64 {
			dst.AppendFloat64(sumValue(c))
			break
		}
		if int64(c[1]) != int64(c[0])>>63 {
			return fmt.Errorf("sum %q is %v, beyond the range of int64", a.Name, bigInt(c[0], c[1]))
		}
		dst.AppendInt64(int64(c[0]))
	case Avg:
		n := c[len(c)-1]
		if a.kind == batch.Float64 {
			dst.AppendFloat64(sumValue(c) / float64(n))
		} else {
			dst.AppendFloat64(ratio(c[0], c[1], n))
		}
	case Min:
		appendRank(dst, a.kind, ^c[0])
	case Max:
		appendRank(dst, a.kind, c[0])
	default:
		dst.AppendInt64(int64(c[0]))
	}
	dst.SetValid(true)
	return nil
}

func appendRank(dst *batch.ColumnBuilder, kind batch.Kind, r uint64) {
	switch {
	case kind == batch.Bool:
		dst.AppendBool(r != 0)
	case kind == batch.Float64 && r>>63 != 0:
		dst.AppendFloat64(math.Float64frombits(r &^ (1 << 63)))
	case kind == batch.Float64:
		dst.AppendFloat64(math.Float64frombits(^r))
	default:
		dst.AppendInt64(int64(r ^ 1<<63))
	}
}

func bigInt(lo, hi uint64) *big.Int {
	v := big.NewInt(int64(hi))
	return v.Add(v.Lsh(v, 64), new(big.Int).SetUint64(lo))
}

// ratio is the float64 nearest to a 128-bit integer divided by n.
func ratio(lo, hi, n uint64) float64 {
	const exact = 1 << 53
	if v := int64(lo); int64(hi) == v>>63 && v > -exact && v < exact && n < exact {
		return float64(v) / float64(n) // one rounding: both are exact
	}
	f, _ := new(big.Rat).SetFrac(bigInt(lo, hi), new(big.Int).SetUint64(n)).Float64()
	return f
}
