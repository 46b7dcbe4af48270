package connect

import (
	"errors"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/valyala/bytebufferpool"
)

// TextEncoder turns rows into text. It belongs to one goroutine.
type TextEncoder interface {
	// AppendHeader appends what stands before the first row.
	AppendHeader(dst []byte) []byte
	// AppendRows appends n rows of the given columns.
	AppendRows(dst []byte, n int, cols []batch.Column) []byte
}

const (
	textBytes = 64 << 10 // a buffer of a file is written when it holds this much
	textDepth = 4        // buffers on their way
)

var textBuffers bytebufferpool.Pool

// textSink encodes in Write and writes the buffers in the goroutine of its queue.
type textSink struct {
	out   *Output
	cols  *Columns
	enc   TextEncoder
	queue *Queue[*bytebufferpool.ByteBuffer]
	buf   *bytebufferpool.ByteBuffer // nil, or being filled
	least int                        // bytes that make a buffer go
}

// NewTextSink returns a sink of lines. Rows for standard output go on their way at once, those for files in larger buffers.
func NewTextSink(out *Output, cols *Columns, enc TextEncoder, wake func()) vertex.Sink {
	s := &textSink{out: out, cols: cols, enc: enc, least: textBytes}
	if out.Temp == "" {
		s.least = 1
	}
	write := func(b *bytebufferpool.ByteBuffer, stop <-chan struct{}) error { return out.WriteUntil(b.B, stop) }
	s.queue = NewQueue(textDepth, wake, write, textBuffers.Put, out.Close)
	s.buf = textBuffers.Get()
	s.buf.B = enc.AppendHeader(s.buf.B)
	return s
}

// Write encodes all rows of b, see vertex.Sink.
func (s *textSink) Write(b *batch.Batch) (accepted bool, err error) {
	if err := s.queue.Err(); err != nil {
		return false, err
	}
	if !s.queue.Room() {
		return false, nil
	}
	if s.buf == nil {
		s.buf = textBuffers.Get()
	}
	s.buf.B = s.enc.AppendRows(s.buf.B, b.N, s.cols.View(b))
	if len(s.buf.B) >= s.least {
		s.queue.Put(s.buf)
		s.buf = nil
	}
	return true, nil
}

// Finish ends the output, see vertex.Sink.
func (s *textSink) Finish() (done bool, err error) {
	if s.buf != nil {
		if !s.queue.Room() {
			return false, s.queue.Err()
		}
		s.queue.Put(s.buf)
		s.buf = nil
	}
	return s.queue.End()
}

// Checkpoint answers that it cannot, see vertex.Sink.
func (s *textSink) Checkpoint(done func([]byte, error)) { done(nil, errors.ErrUnsupported) }

// Leave lets go of the output, see vertex.Sink.
func (s *textSink) Leave() {
	s.queue.Stop()
	s.out.Leave()
}

// Abort drops the output, see vertex.Sink.
func (s *textSink) Abort() {
	s.queue.Stop()
	s.out.Remove()
}
