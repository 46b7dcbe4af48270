package csv

import (
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
)

func init() {
	connect.Register(&connect.Format{Name: "csv", Endings: []string{".csv"}, Open: open, NewSink: newSink})
}

func newSink(out *connect.Output, cols *connect.Columns, _ []byte, wake func()) (vertex.Sink, error) {
	return connect.NewTextSink(out, cols, &encoder{fields: cols.Fields}, wake), nil
}
