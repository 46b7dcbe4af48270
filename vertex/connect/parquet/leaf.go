package parquet

import (
	"fmt"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// leaf is a column of the file that is wanted.
type leaf struct {
	connect.Target
	index    int // column of the file
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
	for _, t := range want.Targets() {
		l, err := findLeaf(s, t)
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, l)
	}
	return leaves, nil
}

func findLeaf(s *schema.Schema, t connect.Target) (leaf, error) {
	node := s.Root().FieldIndexByName(t.Name)
	if node < 0 {
		return leaf{}, fmt.Errorf("%s: no such column, the file has %s", t.Name, columnNames(s))
	}
	field := s.Root().Field(node)
	prim, ok := field.(*schema.PrimitiveNode)
	if !ok || field.RepetitionType() == pq.Repetitions.Repeated {
		return leaf{}, fmt.Errorf("%s: got a nested column, want %s", t.Name, connect.KindName(t.Kind))
	}
	l := leaf{Target: t, index: s.ColumnIndexByNode(field)}
	l.optional = field.RepetitionType() == pq.Repetitions.Optional
	if !l.accepts(prim) {
		return leaf{}, fmt.Errorf("%s: got %s, want %s", t.Name, typeName(prim), connect.KindName(t.Kind))
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
		return l.Kind == batch.Timestamp && p.PhysicalType() == pq.Types.Int64
	case schema.DateLogicalType:
		l.unit = days
		return l.Kind == batch.Timestamp && p.PhysicalType() == pq.Types.Int32
	case schema.IntLogicalType:
		if !logical.IsSigned() {
			l.unsigned = int(logical.BitWidth())
		}
	case schema.DecimalLogicalType, schema.TimeLogicalType, schema.IntervalLogicalType, schema.UUIDLogicalType, schema.Float16LogicalType:
		return false
	}
	switch p.PhysicalType() {
	case pq.Types.Boolean:
		return l.Kind == batch.Bool
	case pq.Types.Int32:
		return l.Kind == batch.Int64 || l.Kind == batch.Float64
	case pq.Types.Int64:
		return l.Kind == batch.Int64
	case pq.Types.Int96:
		return l.Kind == batch.Timestamp
	case pq.Types.Float, pq.Types.Double:
		return l.Kind == batch.Float64
	case pq.Types.ByteArray:
		return l.Kind == batch.String || l.Kind == batch.Bytes
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
