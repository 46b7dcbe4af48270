package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Lookup adds columns of a table's row to each event, found by a key. A key that is null or not in the table gives nulls, or with Inner
// drops the event.
type Lookup struct {
	Key     string // column of the stream, of the kind of the table's key
	Table   *Table
	Columns []LookupColumn // of the table
	Inner   bool
}

// LookupColumn is a column taken over from the table, under another name if As is set.
type LookupColumn struct {
	Name, As string
}

func (c LookupColumn) output() string {
	if c.As != "" {
		return c.As
	}
	return c.Name
}

// Output is the schema of the stream followed by the columns of the table, nullable unless Inner.
func (c Lookup) Output(in *batch.Schema) (*batch.Schema, error) {
	s, _, _, err := c.resolve(in)
	return s, err
}

func (c Lookup) resolve(in *batch.Schema) (out *batch.Schema, key int, cols []int, err error) {
	if c.Table == nil {
		return nil, 0, nil, fmt.Errorf("%w: lookup: no table", ErrConfig)
	}
	if key, err = column(in, c.Key); err != nil {
		return nil, 0, nil, fmt.Errorf("lookup: %w", err)
	}
	if want := c.Table.Schema().Fields[c.Table.key]; in.Fields[key].Kind != want.Kind {
		return nil, 0, nil, fmt.Errorf("%w: lookup: %v of the stream cannot be looked up in %v of the table", ErrConfig, in.Fields[key], want)
	}
	s := *in
	s.Fields = append([]batch.Field(nil), in.Fields...)
	for _, lc := range c.Columns {
		i, err := column(c.Table.Schema(), lc.Name)
		if err != nil {
			return nil, 0, nil, fmt.Errorf("lookup: table: %w", err)
		}
		cols = append(cols, i)
		f := c.Table.Schema().Fields[i]
		s.Fields = append(s.Fields, batch.Field{Name: lc.output(), Kind: f.Kind, Nullable: f.Nullable || !c.Inner})
	}
	if err := s.Valid(); err != nil {
		return nil, 0, nil, fmt.Errorf("%w: lookup: %w", ErrConfig, err)
	}
	return &s, key, cols, nil
}

type lookup struct {
	stateless
	table *Table
	inner bool
	key   int
	cols  []int       // of the table
	part  batch.Batch // scratch
	found []int32     // scratch: the table's row for each event that is emitted, -1 for none
	sel   []int32     // scratch: the events that have one
	out   *vertex.Outbox
	take  func(part *batch.Batch) error
}

// NewLookup returns the vertex for events of the schema in.
func NewLookup(in *batch.Schema, c Lookup) (vertex.Vertex, error) {
	_, key, cols, err := c.resolve(in)
	if err != nil {
		return nil, err
	}
	l := &lookup{table: c.Table, inner: c.Inner, key: key, cols: cols}
	l.take = l.takePart
	return l, nil
}

func (l *lookup) Execute(_ int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	l.out = out
	return inParts(rows, &l.part, out, l.take)
}

func (l *lookup) takePart(part *batch.Batch) error {
	l.probe(part)
	rows := l.out.Rows
	if l.inner {
		rows.AppendTimesSel(part, l.sel)
	} else {
		rows.AppendTimes(part, 0, part.N)
	}
	for i := range part.Cols {
		if l.inner {
			rows.Cols[i].AppendSel(&part.Cols[i], l.sel)
		} else {
			rows.Cols[i].AppendRange(&part.Cols[i], 0, part.N)
		}
	}
	for i, col := range l.cols {
		dst, src := &rows.Cols[len(part.Cols)+i], &l.table.rows.Cols[col]
		if len(l.found) == len(l.sel) {
			dst.AppendSel(src, l.found)
		} else {
			l.appendOrNull(dst, src)
		}
	}
	return nil
}

// probe fills found and sel.
func (l *lookup) probe(part *batch.Batch) {
	keys := &part.Cols[l.key]
	l.found, l.sel = l.found[:0], l.sel[:0]
	for i := range part.N {
		row := -1
		if !keys.Null(i) {
			_, row = l.table.probe(keys, i)
		}
		if row >= 0 {
			l.sel = append(l.sel, int32(i))
		} else if l.inner {
			continue
		}
		l.found = append(l.found, int32(row))
	}
}

// appendOrNull appends the values of a column of the table, with nulls for the events whose key is not there.
func (l *lookup) appendOrNull(dst *batch.ColumnBuilder, src *batch.Column) {
	for _, row := range l.found {
		if row >= 0 {
			dst.AppendFrom(src, int(row))
		} else {
			dst.AppendNull()
		}
	}
}
