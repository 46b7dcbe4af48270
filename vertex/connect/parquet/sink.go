package parquet

import (
	"errors"
	"fmt"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

const (
	groupRows  = 122_880
	groupBytes = 32 << 20 // a row group of wide rows ends earlier
	sinkDepth  = 1        // row groups waiting, besides the one collected and the one written
)

// sink collects rows in row groups, which the goroutine of its queue encodes and writes.
type sink struct {
	out   *connect.Output
	cols  *connect.Columns
	queue *connect.Queue[*batch.Builder]
	free  chan *batch.Builder
	group *batch.Builder // nil, or being filled

	// Of the queue's goroutine.
	file   *file.Writer
	column columnWriter
}

func newSink(out *connect.Output, cols *connect.Columns, wake func()) (*sink, error) {
	if out.Temp == "" {
		out.Remove()
		return nil, fmt.Errorf("%s: Parquet needs a file", out.Final)
	}
	root, err := fileSchema(cols.Fields)
	if err != nil {
		out.Remove()
		return nil, fmt.Errorf("%s: %w", out.Final, err)
	}
	props := pq.NewWriterProperties(
		pq.WithCompression(compress.Codecs.Zstd), pq.WithCreatedBy("streamscope"), pq.WithVersion(pq.V2_LATEST))
	s := &sink{out: out, cols: cols, free: make(chan *batch.Builder, sinkDepth+2)}
	for range cap(s.free) {
		s.free <- nil
	}
	if s.file, err = file.NewParquetWriterWithError(whole{out}, root, file.WithWriterProps(props)); err != nil {
		out.Remove()
		return nil, fmt.Errorf("%s: %w", out.Final, err)
	}
	s.queue = connect.NewQueue(sinkDepth, wake, s.writeGroup, func(b *batch.Builder) { s.free <- b }, s.finishFile)
	return s, nil
}

// whole writes through an Output, but does not close it with the Parquet writer.
type whole struct{ out *connect.Output }

func (w whole) Write(p []byte) (int, error) { return w.out.Write(p) }

// Write copies the rows of b, see vertex.Sink.
func (s *sink) Write(b *batch.Batch) (accepted bool, err error) {
	if err := s.queue.Err(); err != nil {
		return false, err
	}
	if full(s.group) && !s.push() {
		return false, nil
	}
	if s.group == nil {
		s.group = s.fresh()
	}
	view := batch.Batch{N: b.N, Vs: b.Vs, Cols: s.cols.View(b)}
	s.group.AppendBatch(&view, 0, b.N)
	if full(s.group) {
		s.push()
	}
	return true, nil
}

func full(g *batch.Builder) bool {
	return g != nil && (g.Len() >= groupRows || g.Bytes() >= groupBytes)
}

// fresh returns an empty builder. There is always one: those not free are at most sinkDepth in the queue and one being written.
func (s *sink) fresh() *batch.Builder {
	g := <-s.free
	if g == nil {
		return batch.NewBuilder(&batch.Schema{Fields: s.cols.Fields})
	}
	g.Reset()
	return g
}

func (s *sink) push() bool {
	if !s.queue.Room() {
		return false
	}
	s.queue.Put(s.group)
	s.group = nil
	return true
}

// Finish ends the file, see vertex.Sink.
func (s *sink) Finish() (done bool, err error) {
	if s.group != nil && !s.push() {
		return false, s.queue.Err()
	}
	return s.queue.End()
}

// Checkpoint answers that it cannot, see vertex.Sink.
func (s *sink) Checkpoint(done func([]byte, error)) { done(nil, errors.ErrUnsupported) }

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

// finishFile writes the footer and makes the file durable.
func (s *sink) finishFile() (err error) {
	defer s.failed(&err)
	if err := s.file.Close(); err != nil {
		return err
	}
	return s.out.Close()
}

// failed names the file in errors and panics of arrow-go; those of the output name it already.
func (s *sink) failed(err *error) {
	if p := recover(); p != nil {
		e, ok := p.(error)
		if !ok {
			e = fmt.Errorf("%v", p)
		}
		*err = e
	}
	if *err == nil {
		return
	}
	if w := (*connect.WriteError)(nil); errors.As(*err, &w) {
		*err = w
		return
	}
	*err = fmt.Errorf("%s: cannot write: %w", s.out.Final, *err)
}

// writeGroup writes one row group, column by column.
func (s *sink) writeGroup(g *batch.Builder, _ <-chan struct{}) (err error) {
	defer s.failed(&err)
	rows, err := s.file.AppendRowGroupChecked()
	if err != nil {
		return err
	}
	view := g.View()
	for i := range view.Cols {
		w, err := rows.NextColumn()
		if err != nil {
			return err
		}
		if err := s.column.write(w, &view.Cols[i]); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return rows.Close()
}
