package parquet

import (
	"fmt"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// leaf is a column of the file that is wanted: as a field, as the time, or as both.
type leaf struct {
	name     string
	index    int // column of the file
	kind     batch.Kind
	field    int // of the schema, or -1
	nullable bool
	isTime   bool
	unit     unit
	unsigned int  // bits of an unsigned integer, else 0
	optional bool // the file may hold nulls
}

// unit says how a file's number becomes microseconds.
type unit uint8

const (
	micros unit = iota
	millis
	nanos
	days
)

func findLeaves(s *schema.Schema, want *connect.Wanted) ([]leaf, error) {
	var leaves []leaf
	for i, f := range want.Schema.Fields {
		l, err := findLeaf(s, f.Name, f.Kind)
		if err != nil {
			return nil, err
		}
		l.field, l.nullable = i, f.Nullable
		if f.Name == want.Time && f.Kind == batch.Timestamp {
			l.isTime = true
		}
		leaves = append(leaves, l)
	}
	if want.Time == "" {
		return leaves, nil
	}
	for i := range leaves {
		if leaves[i].isTime {
			return leaves, nil
		}
	}
	l, err := findLeaf(s, want.Time, batch.Timestamp)
	if err != nil {
		return nil, err
	}
	l.field, l.isTime = -1, true
	return append(leaves, l), nil
}

func findLeaf(s *schema.Schema, name string, kind batch.Kind) (leaf, error) {
	node := s.Root().FieldIndexByName(name)
	if node < 0 {
		return leaf{}, fmt.Errorf("%s: no such column, the file has %s", name, columnNames(s))
	}
	field := s.Root().Field(node)
	prim, ok := field.(*schema.PrimitiveNode)
	if !ok || field.RepetitionType() == pq.Repetitions.Repeated {
		return leaf{}, fmt.Errorf("%s: got a nested column, want %s", name, connect.KindName(kind))
	}
	l := leaf{name: name, index: s.ColumnIndexByNode(field), kind: kind}
	l.optional = field.RepetitionType() == pq.Repetitions.Optional
	if !l.accepts(prim) {
		return leaf{}, fmt.Errorf("%s: got %s, want %s", name, typeName(prim), connect.KindName(kind))
	}
	return l, nil
}

// accepts checks the type of the file's column and remembers how it is to be converted.
func (l *leaf) accepts(p *schema.PrimitiveNode) bool {
	switch logical := p.LogicalType().(type) {
	case schema.TimestampLogicalType:
		l.unit = map[schema.TimeUnitType]unit{
			schema.TimeUnitMillis: millis, schema.TimeUnitMicros: micros, schema.TimeUnitNanos: nanos,
		}[logical.TimeUnit()]
		return l.kind == batch.Timestamp && p.PhysicalType() == pq.Types.Int64
	case schema.DateLogicalType:
		l.unit = days
		return l.kind == batch.Timestamp && p.PhysicalType() == pq.Types.Int32
	case schema.IntLogicalType:
		if !logical.IsSigned() {
			l.unsigned = int(logical.BitWidth())
		}
	case schema.DecimalLogicalType, schema.TimeLogicalType, schema.IntervalLogicalType, schema.UUIDLogicalType, schema.Float16LogicalType:
		return false
	}
	switch p.PhysicalType() {
	case pq.Types.Boolean:
		return l.kind == batch.Bool
	case pq.Types.Int32:
		return l.kind == batch.Int64 || l.kind == batch.Float64
	case pq.Types.Int64:
		return l.kind == batch.Int64
	case pq.Types.Int96:
		return l.kind == batch.Timestamp
	case pq.Types.Float, pq.Types.Double:
		return l.kind == batch.Float64
	case pq.Types.ByteArray:
		return l.kind == batch.String || l.kind == batch.Bytes
	}
	return false
}

func typeName(p *schema.PrimitiveNode) string {
	name := p.PhysicalType().String()
	if lt := p.LogicalType(); lt != nil && lt.IsValid() && !lt.IsNone() {
		name += " " + lt.String()
	}
	return name
}

func columnNames(s *schema.Schema) string {
	var names []string
	for i := range s.Root().NumFields() {
		names = append(names, s.Root().Field(i).Name())
	}
	return connect.QuoteNames(names)
}
