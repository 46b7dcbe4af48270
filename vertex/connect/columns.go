package connect

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// What Column.From may name besides the fields of the schema.
const (
	FromVs   = "@vs"   // beginning of the lifetime, a time
	FromVe   = "@ve"   // end of the lifetime, a time
	FromDiff = "@diff" // +1 or -1, an integer
)

// Column is one column of an output.
type Column struct {
	Name string // in the file
	From string // a field of the schema, FromVs, FromVe or FromDiff; empty: the field called Name
}

// Columns maps batches of a schema to the columns of an output. It belongs to one goroutine.
type Columns struct {
	Fields []batch.Field // of the output, in order
	from   []int         // index of a field, or one of the constants below
	view   []batch.Column
	ends   []int64
	ones   []int64
}

const (
	fromVs = -1 - iota
	fromVe
	fromDiff
)

// NewColumns resolves columns against a schema; without any, the fields of the schema are the output.
func NewColumns(s *batch.Schema, columns []Column) (*Columns, error) {
	if columns == nil {
		for _, f := range s.Fields {
			columns = append(columns, Column{Name: f.Name})
		}
	}
	if len(columns) == 0 {
		return nil, errors.New("an output needs at least one column")
	}
	m := &Columns{view: make([]batch.Column, len(columns))}
	seen := map[string]bool{}
	for _, c := range columns {
		if c.Name == "" || seen[c.Name] {
			return nil, fmt.Errorf("output column %q has no name or is there twice", c.Name)
		}
		seen[c.Name] = true
		if err := m.add(s, c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Columns) add(s *batch.Schema, c Column) error {
	f := batch.Field{Name: c.Name, Kind: batch.Timestamp}
	from := fromVs
	switch c.From {
	case FromVs:
	case FromVe:
		from = fromVe
	case FromDiff:
		from, f.Kind = fromDiff, batch.Int64
	default:
		name := c.From
		if name == "" {
			name = c.Name
		}
		if from = s.Index(name); from < 0 {
			return fmt.Errorf("output column %q comes from %q, which is not in %v", c.Name, name, s)
		}
		f.Kind, f.Nullable = s.Fields[from].Kind, s.Fields[from].Nullable
	}
	m.Fields = append(m.Fields, f)
	m.from = append(m.from, from)
	return nil
}

// View returns the columns of a batch, borrowed as the batch is and until the next View.
func (m *Columns) View(b *batch.Batch) []batch.Column {
	for i, from := range m.from {
		switch from {
		case fromVs:
			m.view[i] = batch.MakeFixed(batch.Timestamp, b.Vs)
		case fromVe:
			m.view[i] = batch.MakeFixed(batch.Timestamp, m.endsOf(b))
		case fromDiff:
			m.view[i] = batch.MakeFixed(batch.Int64, m.diffsOf(b))
		default:
			m.view[i] = b.Cols[from]
		}
	}
	return m.view
}

func (m *Columns) endsOf(b *batch.Batch) []int64 {
	if b.Ve != nil {
		return b.Ve
	}
	m.ends = m.ends[:0]
	for i := range b.N {
		m.ends = append(m.ends, b.End(i))
	}
	return m.ends
}

func (m *Columns) diffsOf(b *batch.Batch) []int64 {
	if b.Diff != nil {
		return b.Diff
	}
	for len(m.ones) < b.N {
		m.ones = append(m.ones, 1)
	}
	return m.ones[:b.N]
}
