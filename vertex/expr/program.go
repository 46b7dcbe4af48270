package expr

import (
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// Program is an expression checked against a schema, ready to run. It has scratch memory of a few KiB per operator, grown as blocks
// need it, and belongs to one goroutine.
type Program struct {
	schema *batch.Schema
	root   *inst
	x      block // here, since a local one would be allocated per block
}

// Compile checks e against the columns of s. Its errors wrap ErrType and say what is there and what was expected.
func Compile(e Expr, s *batch.Schema) (*Program, error) {
	c := compiler{schema: s}
	root, err := c.compile(e, 0)
	if err != nil {
		return nil, err
	}
	return &Program{schema: s, root: root}, nil
}

// Kind is the kind of the values.
func (p *Program) Kind() batch.Kind { return p.root.kind }

// Nullable tells whether a value may be null, as far as the schema and the operators tell.
func (p *Program) Nullable() bool { return p.root.nullable }

// String is the expression's text.
func (p *Program) String() string { return p.root.expr.String() }

// Eval appends the values of the expression for all rows of in to out, a builder of the program's kind that is nullable if the
// program is. After an error, which is a RowError unless the caller mixed up schemas, out holds some of them.
func (p *Program) Eval(in *batch.Batch, out *batch.ColumnBuilder) error {
	if out.Kind != p.Kind() || p.Nullable() && !out.Nullable {
		return fmt.Errorf("%w: %v gives %v (nullable %v), the column takes %v (nullable %v)", ErrType, p, p.Kind(), p.Nullable(), out.Kind, out.Nullable)
	}
	if err := p.check(in); err != nil {
		return err
	}
	if p.root.expr.n.op == opCol && p.root.args == nil {
		out.AppendRange(&in.Cols[p.root.col], 0, in.N)
		return nil
	}
	for from := 0; from < in.N; from += blockRows {
		n := min(blockRows, in.N-from)
		if err := p.block(in, from, n); err != nil {
			return err
		}
		p.root.appendTo(out, n)
	}
	return nil
}

// Select appends the rows of in for which the expression, of kind Bool, is true: neither false nor null.
func (p *Program) Select(in *batch.Batch, sel []int32) ([]int32, error) {
	if p.Kind() != batch.Bool {
		return sel, fmt.Errorf("%w: %v is %v, want bool", ErrType, p, p.Kind())
	}
	if err := p.check(in); err != nil {
		return sel, err
	}
	for from := 0; from < in.N; from += blockRows {
		n := min(blockRows, in.N-from)
		if err := p.block(in, from, n); err != nil {
			return sel, err
		}
		sel = p.root.selectTrue(sel, int32(from), n)
	}
	return sel, nil
}

// check compares the batch's schema with the one that was compiled against.
func (p *Program) check(in *batch.Batch) error {
	if in.Schema == p.schema {
		return nil
	}
	if in.Schema == nil || !in.Schema.Equal(p.schema) {
		return fmt.Errorf("%w: %v got a batch of %v, want %v", ErrType, p, in.Schema, p.schema)
	}
	p.schema = in.Schema // equal, and quicker to compare next time
	return nil
}

func (p *Program) block(in *batch.Batch, from, n int) error {
	p.x = block{b: in, vs: in.Vs[from : from+n], from: from, n: n}
	err := p.root.eval(&p.x, nil)
	p.x.b, p.x.vs = nil, nil // borrowed
	return err
}

// appendTo appends the n values of the last eval; a null's value is the zero value.
func (in *inst) appendTo(out *batch.ColumnBuilder, n int) {
	switch in.kind {
	case batch.Bool:
		if in.valid != nil {
			in.masks[0] = grow(in.masks[0], n)
			v := in.masks[0]
			for i := range v {
				v[i] = in.b[i] & in.valid[i]
			}
			out.AppendBools(v)
		} else {
			out.AppendBools(in.b[:n])
		}
	case batch.Float64:
		out.F64 = append(out.F64, in.f64[:n]...)
		if in.valid != nil {
			zeroNulls(out.F64[len(out.F64)-n:], in.valid)
		}
	case batch.String, batch.Bytes:
		for i := range n {
			if in.valid == nil || in.valid[i] != 0 {
				out.AppendBytes(in.bytes(i))
			} else {
				out.AppendBytes(nil)
			}
		}
	default:
		out.I64 = append(out.I64, in.i64[:n]...)
		if in.valid != nil {
			zeroNulls(out.I64[len(out.I64)-n:], in.valid)
		}
	}
	out.SetValids(n, in.valid)
}

func zeroNulls[T int64 | float64](v []T, valid []uint8) {
	valid = valid[:len(v)]
	for i := range v {
		if valid[i] == 0 {
			v[i] = 0
		}
	}
}

// selectTrue appends the rows that are true, without a branch on the data.
func (in *inst) selectTrue(sel []int32, from int32, n int) []int32 {
	k := len(sel)
	if cap(sel)-k < n {
		sel = append(sel, make([]int32, n)...)
	} else {
		sel = sel[:k+n]
	}
	out := sel[k:]
	b := in.b[:n]
	at := 0
	if in.valid == nil {
		for i := range b {
			out[at] = from + int32(i)
			at += int(b[i])
		}
		return sel[:k+at]
	}
	valid := in.valid[:n]
	for i := range b {
		out[at] = from + int32(i)
		at += int(b[i] & valid[i])
	}
	return sel[:k+at]
}
