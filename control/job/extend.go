package job

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
	"github.com/streamscope/streamscope/vertex/ops"
)

// extension computes expressions behind the columns of an operator's input, without copying those: so that an aggregate can take an
// expression where the operator takes a column.
type extension struct {
	in       *batch.Schema
	schema   *batch.Schema // in, and the computed columns
	programs []*expr.Program
	texts    []string // of programs; equal expressions are computed once
}

func newExtension(in *batch.Schema) *extension { return &extension{in: in, schema: in} }

// column returns where the expression's value stands in schema.
func (x *extension) column(e expr.Expr) (int, error) {
	if name, ok := expr.AsColumn(e); ok {
		if i := x.in.Index(name); i >= 0 {
			return i, nil
		}
		return 0, noColumn(x.in, name)
	}
	text := e.String()
	for i, t := range x.texts {
		if t == text {
			return len(x.in.Fields) + i, nil
		}
	}
	p, err := expr.Compile(e, x.in)
	if err != nil {
		return 0, err
	}
	s := *x.schema
	at := len(s.Fields)
	// Operators find columns by position: the name only stands in messages.
	s.Fields = append(s.Fields[:at:at], batch.Field{Name: fmt.Sprintf("#%d", at), Kind: p.Kind(), Nullable: p.Nullable()})
	x.schema = &s
	x.programs, x.texts = append(x.programs, p), append(x.texts, text)
	return at, nil
}

// recentFolder is what an extension stands before.
type recentFolder interface {
	ops.Folder
	vertex.Horizon
}

// wrap puts the extension before a folder. It is used for one vertex only, since programs have scratch memory.
func (x *extension) wrap(inner recentFolder) vertex.Vertex {
	if len(x.programs) == 0 {
		return inner
	}
	s := &batch.Schema{Fields: x.schema.Fields[len(x.in.Fields):]}
	return &extended{recentFolder: inner, x: x, computed: batch.NewBuilder(s)}
}

// extended is a vertex behind an extension. State, ticks and output are the inner one's.
type extended struct {
	recentFolder
	x        *extension
	computed *batch.Builder // scratch
	view     batch.Batch    // scratch
}

// extend returns the rows with the computed columns, valid until the next call.
func (v *extended) extend(rows *batch.Batch) (*batch.Batch, error) {
	v.computed.Reset()
	v.computed.Vs = append(v.computed.Vs, rows.Vs...)
	for i, p := range v.x.programs {
		if err := p.Eval(rows, &v.computed.Cols[i]); err != nil {
			return nil, err
		}
	}
	cols := append(v.view.Cols[:0], rows.Cols...)
	v.view = *rows
	v.view.Schema, v.view.Cols = v.x.schema, append(cols, v.computed.View().Cols...)
	return &v.view, nil
}

// Execute implements vertex.Vertex.
func (v *extended) Execute(port int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	wide, err := v.extend(rows)
	if err != nil {
		return 0, err
	}
	return v.recentFolder.Execute(port, wide, out)
}

// Fold implements ops.Folder.
func (v *extended) Fold(tick frame.Tick, port int, rows *batch.Batch) error {
	wide, err := v.extend(rows)
	if err != nil {
		return err
	}
	return v.recentFolder.Fold(tick, port, wide)
}
