package ops

import (
	"fmt"
	"math"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
)

// AlterLifetime gives events other lifetimes; payload and diff stay.
//
// An expression that is not given (zero) leaves its part as it is: without Vs the beginning stays, without Ve and Duration the length
// stays, and points stay points. Only one of Ve and Duration may be given.
type AlterLifetime struct {
	Vs       expr.Expr // the new beginning, a timestamp
	Ve       expr.Expr // the new end, a timestamp
	Duration expr.Expr // the new length, an integer of microseconds: the new end is the new beginning and this
	// MinMove is a lower bound of new Vs - old Vs, cut to microseconds; negative if events move back. The CTI moves by it, so a bound
	// that is too low delays results downstream, and one that a row does not keep is an error at that row.
	MinMove time.Duration
}

// lifetime is the compiled form: what is nil stays.
type lifetime struct {
	schema       *batch.Schema // of the output
	vs, ve       *expr.Program
	veIsDuration bool
}

// Output checks the expressions; events have a Ve if they had one or get one.
func (c AlterLifetime) Output(in *batch.Schema) (*batch.Schema, error) {
	l, err := c.compile(in)
	return l.schema, err
}

func (c AlterLifetime) compile(in *batch.Schema) (l lifetime, err error) {
	if !c.Ve.IsZero() && !c.Duration.IsZero() {
		return l, fmt.Errorf("%w: lifetime: both an end (%v) and a duration (%v)", ErrConfig, c.Ve, c.Duration)
	}
	if l.vs, err = compileTime(in, "vs", c.Vs, batch.Timestamp); err != nil {
		return lifetime{}, err
	}
	if l.ve, err = compileTime(in, "ve", c.Ve, batch.Timestamp); err != nil {
		return lifetime{}, err
	}
	if !c.Duration.IsZero() {
		l.veIsDuration = true
		if l.ve, err = compileTime(in, "duration", c.Duration, batch.Int64); err != nil {
			return lifetime{}, err
		}
	}
	out := *in
	out.HasVe = in.HasVe || l.ve != nil
	l.schema = &out
	return l, nil
}

func compileTime(in *batch.Schema, what string, e expr.Expr, want batch.Kind) (*expr.Program, error) {
	if e.IsZero() {
		return nil, nil
	}
	p, err := expr.Compile(e, in)
	if err != nil {
		return nil, fmt.Errorf("lifetime: %s: %w", what, err)
	}
	if p.Kind() != want {
		return nil, fmt.Errorf("%w: lifetime: %s: %v is %v, want %v", ErrConfig, what, p, p.Kind(), want)
	}
	return p, nil
}

type alterLifetime struct {
	stateless
	lifetime
	minMoveUs int64
	vsValues  *batch.Builder // scratch: one column, what vs gives; nil without vs
	veValues  *batch.Builder // scratch: the same of ve
	part      batch.Batch    // scratch
	out       *vertex.Outbox
	take      func(part *batch.Batch) error
}

// NewAlterLifetime returns the vertex for events of the schema in.
func NewAlterLifetime(in *batch.Schema, c AlterLifetime) (vertex.Vertex, error) {
	l, err := c.compile(in)
	if err != nil {
		return nil, err
	}
	v := &alterLifetime{lifetime: l, minMoveUs: c.MinMove.Microseconds(), vsValues: scratchOf(l.vs), veValues: scratchOf(l.ve)}
	if l.vs == nil {
		v.minMoveUs = 0 // nothing moves
	}
	v.take = v.takePart
	return v, nil
}

func scratchOf(p *expr.Program) *batch.Builder {
	if p == nil {
		return nil
	}
	return batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "x", Kind: p.Kind(), Nullable: p.Nullable()}}})
}

// Close moves the CTI by the bound. The extreme CTIs mean "nothing is known" and "nothing follows", and stay.
func (v *alterLifetime) Close(cti frame.CTI, _ *vertex.Outbox) (frame.CTI, bool, error) {
	if cti == frame.MinCTI || cti == frame.MaxCTI {
		return cti, true, nil
	}
	return frame.CTI(addClamped(int64(cti), v.minMoveUs)), true, nil
}

// addClamped is a + b, or the nearest that there is; the greatest integer is left to MaxCTI.
func addClamped(a, b int64) int64 {
	s := a + b
	switch {
	case b > 0 && (s < a || s == math.MaxInt64):
		return math.MaxInt64 - 1
	case b < 0 && s > a:
		return math.MinInt64
	}
	return s
}

func (v *alterLifetime) Execute(_ int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	v.out = out
	return inParts(rows, &v.part, out, v.take)
}

func (v *alterLifetime) takePart(part *batch.Batch) error {
	rows, old := v.out.Rows, len(v.out.Rows.Vs)
	if err := v.appendVs(part); err != nil {
		return err
	}
	if v.schema.HasVe {
		if err := v.appendVe(part, rows.Vs[old:]); err != nil {
			return err
		}
	}
	if v.schema.HasDiff {
		rows.Diff = append(rows.Diff, part.Diff...)
	}
	for i := range rows.Cols {
		rows.Cols[i].AppendRange(&part.Cols[i], 0, part.N)
	}
	return nil
}

// appendVs appends the new beginnings.
func (v *alterLifetime) appendVs(part *batch.Batch) error {
	rows := v.out.Rows
	if v.vs == nil {
		rows.Vs = append(rows.Vs, part.Vs...)
		return nil
	}
	values, err := compute(v.vs, v.vsValues, "vs", part)
	if err != nil {
		return err
	}
	for i, vs := range values {
		if vs < addClamped(part.Vs[i], v.minMoveUs) {
			return failed(part, i, "new vs %s is below the declared bound: it moves by %d µs, at least %d were promised",
				stamp(vs), vs-part.Vs[i], v.minMoveUs)
		}
	}
	rows.Vs = append(rows.Vs, values...)
	return nil
}

// appendVe appends the new ends; vs are the new beginnings.
func (v *alterLifetime) appendVe(part *batch.Batch, vs []int64) error {
	rows := v.out.Rows
	if v.ve == nil {
		for i := range vs {
			rows.Ve = append(rows.Ve, vs[i]+(part.End(i)-part.Vs[i]))
		}
		return v.checkLengths(part, vs)
	}
	values, err := compute(v.ve, v.veValues, "ve", part)
	if err != nil {
		return err
	}
	if !v.veIsDuration {
		rows.Ve = append(rows.Ve, values...)
		return v.checkLengths(part, vs)
	}
	for i, length := range values {
		if length <= 0 {
			return failed(part, i, "new lifetime is %d µs long, want at least 1", length)
		}
		rows.Ve = append(rows.Ve, vs[i]+length)
	}
	return v.checkLengths(part, vs)
}

// checkLengths looks for an event that ends before it begins, be it that the sum of beginning and length overflowed.
func (v *alterLifetime) checkLengths(part *batch.Batch, vs []int64) error {
	ve := v.out.Rows.Ve
	ve = ve[len(ve)-len(vs):]
	for i := range vs {
		if ve[i] <= vs[i] {
			return failed(part, i, "new ve %s is not after the new vs %s", stamp(ve[i]), stamp(vs[i]))
		}
	}
	return nil
}

// compute returns the values of p, none of them null, in memory of scratch.
func compute(p *expr.Program, scratch *batch.Builder, what string, part *batch.Batch) ([]int64, error) {
	scratch.Reset()
	scratch.Vs = append(scratch.Vs, part.Vs...)
	if err := p.Eval(part, &scratch.Cols[0]); err != nil {
		return nil, fmt.Errorf("lifetime: %s: %w", what, err)
	}
	c := &scratch.View().Cols[0]
	if c.Nulls() {
		for i := range part.N {
			if c.Null(i) {
				return nil, failed(part, i, "new %s is null", what)
			}
		}
	}
	return c.Int64s(), nil
}

func failed(part *batch.Batch, i int, format string, args ...any) error {
	return fmt.Errorf("lifetime: event at %s: %s", stamp(part.Vs[i]), fmt.Sprintf(format, args...))
}
