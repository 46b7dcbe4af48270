package parquet

import (
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
)

// limits end a row group: with the row that reaches one of them, however rows came in.
type limits struct{ rows, bytes int }

var groupLimits = limits{rows: 122_880, bytes: 32 << 20}

// sinkDepth bounds the chunks waiting, besides the one collected and the one worked on: about a row group, which takes long to write.
const sinkDepth = 32

// sink copies rows into chunks, which the goroutine of its queue collects in row groups, encodes and writes.
type sink struct {
	out   *connect.Output
	cols  *connect.Columns
	queue *connect.Queue[portion]
	free  chan *batch.Builder
	chunk *batch.Builder // nil, or being filled
	w     *writer        // of the queue's goroutine
}

// portion is rows to be written and then, if done is set, to be made durable.
type portion struct {
	rows *batch.Builder // nil if there are none
	done *checkpoint
}

type checkpoint struct {
	position []byte
	done     func(position []byte, err error)
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
		s := &sink{out: out, cols: cols, free: make(chan *batch.Builder, sinkDepth+2), w: w}
		s.queue = connect.NewQueue(sinkDepth, wake, connect.Work[portion]{Do: s.do, Drop: s.drop, Finish: w.finish})
		return s, nil
	}
}

// Write copies the rows of b, see vertex.Sink.
func (s *sink) Write(b *batch.Batch) (accepted bool, err error) {
	if err := s.queue.Err(); err != nil {
		return false, err
	}
	if !s.queue.Room() {
		return false, nil
	}
	if s.chunk == nil {
		s.chunk = s.fresh()
	}
	view := batch.Batch{N: b.N, Vs: b.Vs, Cols: s.cols.View(b)}
	s.chunk.AppendBatch(&view, 0, b.N)
	if connect.Full(s.chunk) {
		s.put(nil)
	}
	return true, nil
}

// fresh returns an empty builder, a used one if there is one.
func (s *sink) fresh() *batch.Builder {
	select {
	case b := <-s.free:
		b.Reset()
		return b
	default:
		return batch.NewBuilder(s.w.schema)
	}
}

func (s *sink) put(c *checkpoint) {
	s.queue.Put(portion{s.chunk, c})
	s.chunk = nil
}

// do runs in the queue's goroutine.
func (s *sink) do(u portion, _ <-chan struct{}) error {
	if u.rows != nil {
		if err := s.w.add(u.rows.View()); err != nil {
			return err
		}
	}
	if u.done == nil {
		return nil
	}
	var err error
	u.done.position, err = s.w.checkpoint()
	return err
}

// drop runs in the queue's goroutine.
func (s *sink) drop(u portion, err error) {
	if u.rows != nil {
		select {
		case s.free <- u.rows:
		default: // there were more than usual, for checkpoints
		}
	}
	switch {
	case u.done == nil:
	case err != nil:
		u.done.done(nil, err)
	default:
		u.done.done(u.done.position, nil)
	}
}

// Checkpoint puts the rows collected so far into the queue, whether it has room or not, see vertex.Sink. The position has the tables of the
// row groups written so far and the rows of the one begun, so that the file does not depend on checkpoints.
func (s *sink) Checkpoint(done func(position []byte, err error)) { s.put(&checkpoint{done: done}) }

// Finish ends the file, see vertex.Sink.
func (s *sink) Finish() (done bool, err error) {
	if s.chunk != nil {
		if !s.queue.Room() {
			return false, s.queue.Err()
		}
		s.put(nil)
	}
	return s.queue.End()
}

// Leave lets go of the output, see vertex.Sink.
func (s *sink) Leave() {
	s.queue.Stop()
	s.out.Leave()
}

// Abort drops the output, see vertex.Sink.
func (s *sink) Abort() {
	s.queue.Stop()
	s.out.Remove()
}
