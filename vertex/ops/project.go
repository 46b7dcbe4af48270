package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
)

// Named is a column to be computed.
type Named struct {
	Name string
	Expr expr.Expr
}

// Project computes the payload columns of its output from each event; lifetime and diff stay.
type Project struct {
	Columns []Named
}

// Output is the schema of the computed columns. A column is nullable if its expression is.
func (c Project) Output(in *batch.Schema) (*batch.Schema, error) {
	s, _, err := c.compile(in)
	return s, err
}

func (c Project) compile(in *batch.Schema) (*batch.Schema, []*expr.Program, error) {
	s := &batch.Schema{HasVe: in.HasVe, HasDiff: in.HasDiff}
	var ps []*expr.Program
	for _, col := range c.Columns {
		p, err := expr.Compile(col.Expr, in)
		if err != nil {
			return nil, nil, fmt.Errorf("column %q: %w", col.Name, err)
		}
		ps = append(ps, p)
		s.Fields = append(s.Fields, batch.Field{Name: col.Name, Kind: p.Kind(), Nullable: p.Nullable()})
	}
	if err := s.Valid(); err != nil {
		return nil, nil, fmt.Errorf("%w: projection: %w", ErrConfig, err)
	}
	return s, ps, nil
}

type project struct {
	stateless
	columns []*expr.Program
	config  Project
	part    batch.Batch // scratch
	out     *vertex.Outbox
	take    func(part *batch.Batch) error
}

// NewProject returns the vertex for events of the schema in.
func NewProject(in *batch.Schema, c Project) (vertex.Vertex, error) {
	_, ps, err := c.compile(in)
	if err != nil {
		return nil, err
	}
	p := &project{columns: ps, config: c}
	p.take = p.takePart
	return p, nil
}

func (p *project) Execute(_ int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	p.out = out
	return inParts(rows, &p.part, out, p.take)
}

func (p *project) takePart(part *batch.Batch) error {
	p.out.Rows.AppendTimes(part, 0, part.N)
	for i, e := range p.columns {
		if err := e.Eval(part, &p.out.Rows.Cols[i]); err != nil {
			return fmt.Errorf("column %q: %w", p.config.Columns[i].Name, err)
		}
	}
	return nil
}
