package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Union passes the events of all its ports. Within a tick they come port by port.
type Union struct{}

// Output is the common schema: columns of the same names and kinds in the same order. It is nullable where one input is, and has Ve
// or Diff if one input has.
func (Union) Output(ins ...*batch.Schema) (*batch.Schema, error) {
	if len(ins) == 0 {
		return nil, fmt.Errorf("%w: union of nothing", ErrConfig)
	}
	out := &batch.Schema{Fields: append([]batch.Field(nil), ins[0].Fields...)}
	for port, in := range ins {
		if len(in.Fields) != len(out.Fields) {
			return nil, fmt.Errorf("%w: union: port %d has %d columns %v, port 0 has %d %v", ErrConfig, port, len(in.Fields), in, len(out.Fields), ins[0])
		}
		out.HasVe = out.HasVe || in.HasVe
		out.HasDiff = out.HasDiff || in.HasDiff
		for i, f := range in.Fields {
			o := &out.Fields[i]
			if f.Name != o.Name || f.Kind != o.Kind {
				return nil, fmt.Errorf("%w: union: column %d of port %d is %v, of port 0 %v", ErrConfig, i, port, f, ins[0].Fields[i])
			}
			o.Nullable = o.Nullable || f.Nullable
		}
	}
	return out, nil
}

type union struct {
	stateless
}

// NewUnion returns the vertex for inputs of the schemas ins, by port.
func NewUnion(c Union, ins ...*batch.Schema) (vertex.Vertex, error) {
	if _, err := c.Output(ins...); err != nil {
		return nil, err
	}
	return &union{}, nil
}

func (*union) Execute(_ int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	at := 0
	for at < rows.N {
		room := out.Room()
		if room == 0 {
			break
		}
		n := min(room, rows.N-at)
		out.Rows.AppendBatch(rows, at, at+n)
		at += n
	}
	return at, nil
}
