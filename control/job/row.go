package job

import (
	"fmt"
	"strings"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
	"github.com/streamscope/streamscope/vertex/ops"
)

// anywhere is the part of a Spec that operators on single rows share.
type anywhere struct{}

func (anywhere) Need(int) Need      { return Need{Anywhere, nil} }
func (anywhere) Unordered(int) bool { return false }
func (anywhere) Memory() Memory     { return NoMemory }

// sameColumns copies every column of the ports.
func sameColumns(in []*batch.Schema) []Copy {
	var all []Copy
	for port, s := range in {
		for _, f := range s.Fields {
			all = append(all, Copy{port, f.Name, f.Name})
		}
	}
	return all
}

// Filter keeps the events for which the condition is true, neither false nor null.
func (s Stream) Filter(name string, where expr.Expr) Stream {
	return s.job.op(name, filterSpec{c: ops.Filter{Where: where}}, s)
}

type filterSpec struct {
	anywhere
	c ops.Filter
}

func (f filterSpec) Kind() string                                     { return "filter" }
func (f filterSpec) Output(in []*batch.Schema) (*batch.Schema, error) { return f.c.Output(in[0]) }
func (f filterSpec) Copies(in []*batch.Schema) []Copy                 { return sameColumns(in) }
func (f filterSpec) Text() string                                     { return f.c.Where.String() }

func (f filterSpec) New(in []*batch.Schema, _ Env) (vertex.Vertex, error) {
	return ops.NewFilter(in[0], f.c)
}

// Column is a column to be computed. Make one with As, or Keep several as they are.
type Column = ops.Named

// As computes a column.
func As(name string, e expr.Expr) Column { return Column{Name: name, Expr: e} }

// Keep names columns that stay as they are.
func Keep(names ...string) []Column {
	cols := make([]Column, len(names))
	for i, n := range names {
		cols[i] = As(n, expr.Col(n))
	}
	return cols
}

// Project computes the payload columns of its result from each event, and drops all others; lifetimes stay.
func (s Stream) Project(name string, columns ...Column) Stream {
	return s.job.op(name, projectSpec{c: ops.Project{Columns: columns}}, s)
}

type projectSpec struct {
	anywhere
	c ops.Project
}

func (p projectSpec) Kind() string                                     { return "project" }
func (p projectSpec) Output(in []*batch.Schema) (*batch.Schema, error) { return p.c.Output(in[0]) }

func (p projectSpec) New(in []*batch.Schema, _ Env) (vertex.Vertex, error) {
	return ops.NewProject(in[0], p.c)
}

func (p projectSpec) Copies([]*batch.Schema) []Copy {
	var cs []Copy
	for _, c := range p.c.Columns {
		if from, ok := expr.AsColumn(c.Expr); ok {
			cs = append(cs, Copy{0, from, c.Name})
		}
	}
	return cs
}

func (p projectSpec) Text() string { return columnsText(p.c.Columns) }

func columnsText(columns []Column) string {
	var parts []string
	for _, c := range columns {
		part := c.Expr.String()
		if from, ok := expr.AsColumn(c.Expr); !ok || from != c.Name {
			part += " AS " + c.Name
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// Lifetime says which lifetimes events get. What is not given stays: the beginning without Vs, the length without Ve and Duration.
type Lifetime struct {
	Vs       expr.Expr // the new beginning, a timestamp
	Ve       expr.Expr // the new end, a timestamp; not with Duration
	Duration expr.Expr // the new length, an integer of microseconds
	// MinMove bounds new Vs - old Vs from below; negative if events move back in time. The stream's progress moves by it, and a row
	// that breaks the promise fails the job.
	MinMove time.Duration
}

// AlterLifetime gives events other lifetimes; the payload stays.
func (s Stream) AlterLifetime(name string, l Lifetime) Stream {
	return s.job.op(name, lifetimeSpec{c: ops.AlterLifetime(l)}, s)
}

type lifetimeSpec struct {
	anywhere
	c ops.AlterLifetime
}

func (l lifetimeSpec) Kind() string                                     { return "alter-lifetime" }
func (l lifetimeSpec) Output(in []*batch.Schema) (*batch.Schema, error) { return l.c.Output(in[0]) }
func (l lifetimeSpec) Copies(in []*batch.Schema) []Copy                 { return sameColumns(in) }

func (l lifetimeSpec) New(in []*batch.Schema, _ Env) (vertex.Vertex, error) {
	return ops.NewAlterLifetime(in[0], l.c)
}

func (l lifetimeSpec) Text() string {
	var parts []string
	for _, p := range []struct {
		name string
		e    expr.Expr
	}{{"vs", l.c.Vs}, {"ve", l.c.Ve}, {"duration", l.c.Duration}} {
		if !p.e.IsZero() {
			parts = append(parts, p.name+" = "+p.e.String())
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("move >= %v", l.c.MinMove)), ", ")
}

// Union passes the events of this stream and the others, which have the same columns.
func (s Stream) Union(name string, others ...Stream) Stream {
	return s.job.op(name, unionSpec{}, append([]Stream{s}, others...)...)
}

type unionSpec struct{ anywhere }

func (unionSpec) Kind() string                     { return "union" }
func (unionSpec) Copies(in []*batch.Schema) []Copy { return sameColumns(in) }
func (unionSpec) Text() string                     { return "all" }

func (unionSpec) Output(in []*batch.Schema) (*batch.Schema, error) { return ops.Union{}.Output(in...) }

func (unionSpec) New(in []*batch.Schema, _ Env) (vertex.Vertex, error) {
	return ops.NewUnion(ops.Union{}, in...)
}
