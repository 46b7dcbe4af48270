package parquet

import (
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// fileSchema is the schema of a file that is written with the given columns.
func fileSchema(fields []batch.Field) (*schema.GroupNode, error) {
	var nodes schema.FieldList
	for _, f := range fields {
		repetition := pq.Repetitions.Required
		if f.Nullable {
			repetition = pq.Repetitions.Optional
		}
		logical, physical := typeOf(f.Kind)
		node, err := schema.NewPrimitiveNodeLogical(f.Name, repetition, logical, physical, -1, -1)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	return schema.NewGroupNode("schema", pq.Repetitions.Required, nodes, -1)
}

func typeOf(k batch.Kind) (schema.LogicalType, pq.Type) {
	switch k {
	case batch.Bool:
		return schema.NoLogicalType{}, pq.Types.Boolean
	case batch.Float64:
		return schema.NoLogicalType{}, pq.Types.Double
	case batch.Timestamp:
		return schema.NewTimestampLogicalType(true, schema.TimeUnitMicros), pq.Types.Int64
	case batch.String:
		return schema.StringLogicalType{}, pq.Types.ByteArray
	case batch.Bytes:
		return schema.NoLogicalType{}, pq.Types.ByteArray
	}
	return schema.NoLogicalType{}, pq.Types.Int64
}
