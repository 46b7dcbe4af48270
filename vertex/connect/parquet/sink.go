package parquet

import (
	"fmt"

	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
)

// limits end a row group: with the row that reaches one of them, however rows came in.
type limits struct{ rows, bytes int }

var groupLimits = limits{rows: 122_880, bytes: 32 << 20}

// sink has rows collected in row groups, encoded and written by the goroutine of its queue. The position of a checkpoint has the tables of the row groups
// written so far and the rows of the one begun, so that the file does not depend on checkpoints.
type sink struct {
	*connect.RowQueue
	out *connect.Output
}

func newSink(of limits) func(out *connect.Output, cols *connect.Columns, own []byte, wake func()) (vertex.Sink, error) {
	return func(out *connect.Output, cols *connect.Columns, own []byte, wake func()) (vertex.Sink, error) {
		if out.Temp == "" {
			out.GiveUp()
			return nil, fmt.Errorf("%s: Parquet needs a file", out.Final)
		}
		w, err := newWriter(of, out, cols.Fields, own)
		if err != nil {
			out.GiveUp()
			return nil, err
		}
		return &sink{connect.NewRowQueue(cols, wake, connect.RowWork{Add: w.add, Checkpoint: w.checkpoint, Finish: w.finish}), out}, nil
	}
}

// Leave lets go of the output, see vertex.Sink.
func (s *sink) Leave() {
	s.Stop()
	s.out.Leave()
}

// Abort drops the output, see vertex.Sink.
func (s *sink) Abort() {
	s.Stop()
	s.out.Remove()
}
