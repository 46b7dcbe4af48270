package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
)

// Filter keeps the events for which Where is true; where it is false or null they are dropped.
type Filter struct {
	Where expr.Expr
}

// Output checks the condition; the schema stays as it is.
func (c Filter) Output(in *batch.Schema) (*batch.Schema, error) {
	if _, err := c.compile(in); err != nil {
		return nil, err
	}
	return in, nil
}

func (c Filter) compile(in *batch.Schema) (*expr.Program, error) {
	p, err := expr.Compile(c.Where, in)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	if p.Kind() != batch.Bool {
		return nil, fmt.Errorf("%w: filter: %v is %v, want bool", ErrConfig, p, p.Kind())
	}
	return p, nil
}

type filter struct {
	stateless
	where *expr.Program
	part  batch.Batch // scratch
	sel   []int32     // scratch
	out   *vertex.Outbox
	take  func(part *batch.Batch) error
}

// NewFilter returns the vertex for events of the schema in.
func NewFilter(in *batch.Schema, c Filter) (vertex.Vertex, error) {
	p, err := c.compile(in)
	if err != nil {
		return nil, err
	}
	f := &filter{where: p}
	f.take = f.takePart
	return f, nil
}

func (f *filter) Execute(_ int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	f.out = out
	return inParts(rows, &f.part, out, f.take)
}

func (f *filter) takePart(part *batch.Batch) error {
	var err error
	if f.sel, err = f.where.Select(part, f.sel[:0]); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	if len(f.sel) == part.N {
		f.out.Rows.AppendBatch(part, 0, part.N)
	} else {
		f.out.Rows.AppendSel(part, f.sel)
	}
	return nil
}
