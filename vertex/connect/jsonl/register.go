package jsonl

import (
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
)

func init() {
	connect.Register(&connect.Format{Name: "jsonl", Endings: []string{".jsonl", ".ndjson", ".json"}, Open: open, NewSink: newSink})
}

func newSink(out *connect.Output, cols *connect.Columns, _ []byte, wake func()) (vertex.Sink, error) {
	return connect.NewTextSink(out, cols, newEncoder(cols.Fields), wake), nil
}
