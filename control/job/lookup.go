package job

import (
	"fmt"
	"strings"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/ops"
)

// Table is a read-only table for Lookup, the same in every task. Make one with NewTable.
type Table = ops.Table

// NewTable indexes rows by a column. It takes the builder over. A key that stands there twice is an *ops.DuplicateKeyError.
func NewTable(rows *batch.Builder, key string) (*Table, error) { return ops.NewTable(rows, key) }

// LookupColumn is a column to take over from a table, under another name if As is set.
type LookupColumn = ops.LookupColumn

// Lookup adds columns of the table's row whose key equals the key column; nulls where there is none.
func (s Stream) Lookup(name, key string, t *Table, columns ...LookupColumn) Stream {
	return s.job.op(name, lookupSpec{c: ops.Lookup{Key: key, Table: t, Columns: columns}}, s)
}

// LookupInner is Lookup that drops the events for which the table has no row.
func (s Stream) LookupInner(name, key string, t *Table, columns ...LookupColumn) Stream {
	return s.job.op(name, lookupSpec{c: ops.Lookup{Key: key, Table: t, Columns: columns, Inner: true}}, s)
}

type lookupSpec struct {
	anywhere
	c ops.Lookup
}

func (l lookupSpec) Kind() string                                     { return "lookup" }
func (l lookupSpec) Output(in []*batch.Schema) (*batch.Schema, error) { return l.c.Output(in[0]) }
func (l lookupSpec) Copies(in []*batch.Schema) []Copy                 { return sameColumns(in) }

func (l lookupSpec) New(in []*batch.Schema, _ Env) (vertex.Vertex, error) {
	return ops.NewLookup(in[0], l.c)
}

func (l lookupSpec) Text() string {
	var names []string
	for _, c := range l.c.Columns {
		name := c.Name
		if c.As != "" {
			name += " AS " + c.As
		}
		names = append(names, name)
	}
	text := fmt.Sprintf("%s by %s in %d rows %v", strings.Join(names, ", "), l.c.Key, l.c.Table.Len(), l.c.Table.Schema())
	if l.c.Inner {
		text += ", inner"
	}
	return text
}
