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
	computed     *batch.Schema // of the scratch that vs and ve are computed into
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
	l.computed = &batch.Schema{Fields: []batch.Field{
		{Name: "vs", Kind: batch.Timestamp, Nullable: true}, {Name: "ve", Kind: batch.Timestamp, Nullable: true},
	}}
	if l.veIsDuration {
		l.computed.Fields[1].Kind = batch.Int64
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
	times     *batch.Builder // scratch: what vs and ve give
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
	v := &alterLifetime{lifetime: l, minMoveUs: c.MinMove.Microseconds(), times: batch.NewBuilder(l.computed)}
	if l.vs == nil {
		v.minMoveUs = 0 // nothing moves
	}
	v.take = v.takePart
	return v, nil
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
	v.times.Reset()
	v.times.Vs = append(v.times.Vs, part.Vs...)
	if err := v.compute(v.vs, "vs", part, 0); err != nil {
		return err
	}
	if err := v.compute(v.ve, "ve", part, 1); err != nil {
		return err
	}
	computed := v.times.View()
	rows := v.out.Rows
	for i := range part.N {
		vs, ve, err := v.newLifetime(part, computed, i)
		if err != nil {
			return fmt.Errorf("lifetime: event at %s: %w", stamp(part.Vs[i]), err)
		}
		rows.Vs = append(rows.Vs, vs)
		if v.schema.HasVe {
			rows.Ve = append(rows.Ve, ve)
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

// compute fills a scratch column with the values of p; with nulls if there is no p.
func (v *alterLifetime) compute(p *expr.Program, what string, part *batch.Batch, col int) error {
	c := &v.times.Cols[col]
	if p == nil {
		for range part.N {
			c.AppendNull()
		}
		return nil
	}
	if err := p.Eval(part, c); err != nil {
		return fmt.Errorf("lifetime: %s: %w", what, err)
	}
	return nil
}

func (v *alterLifetime) newLifetime(part, computed *batch.Batch, i int) (vs, ve int64, err error) {
	vs = part.Vs[i]
	if v.vs != nil {
		if computed.Cols[0].Null(i) {
			return 0, 0, fmt.Errorf("new vs is null")
		}
		vs = computed.Cols[0].Int64s()[i]
		if least := addClamped(part.Vs[i], v.minMoveUs); vs < least {
			return 0, 0, fmt.Errorf("new vs %s is below the declared bound: it moves by %d µs, at least %d were promised",
				stamp(vs), vs-part.Vs[i], v.minMoveUs)
		}
	}
	length := part.End(i) - part.Vs[i]
	if v.ve != nil {
		if computed.Cols[1].Null(i) {
			return 0, 0, fmt.Errorf("new ve is null")
		}
		ve = computed.Cols[1].Int64s()[i]
		if !v.veIsDuration {
			if ve <= vs {
				return 0, 0, fmt.Errorf("new ve %s is not after the new vs %s", stamp(ve), stamp(vs))
			}
			return vs, ve, nil
		}
		length = ve
	}
	if length <= 0 {
		return 0, 0, fmt.Errorf("new lifetime is %d µs long, want at least 1", length)
	}
	if ve = vs + length; ve < vs {
		return 0, 0, fmt.Errorf("new ve is beyond all time: %s and %d µs", stamp(vs), length)
	}
	return vs, ve, nil
}
