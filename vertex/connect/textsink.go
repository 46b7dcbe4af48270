package connect

import (
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
	queue *Queue[textUnit]
	buf   *bytebufferpool.ByteBuffer // nil, or being filled
	least int                        // bytes that make a buffer go
	at    uint64                     // the position behind all that was put in the queue and, on standard output, in buf
}

// textUnit is text to be written and then, if done is set, to be made durable.
type textUnit struct {
	buf  *bytebufferpool.ByteBuffer // nil if there is nothing to write
	at   uint64                     // behind buf
	done func(position []byte, err error)
}

// NewTextSink returns a sink of lines. Rows for standard output go on their way at once, those for files in larger buffers. An
// output that is continued has its header.
func NewTextSink(out *Output, cols *Columns, enc TextEncoder, wake func()) vertex.Sink {
	s := &textSink{out: out, cols: cols, enc: enc, least: textBytes}
	if out.Temp == "" {
		s.least = 1
	}
	s.queue = NewQueue(textDepth, wake, Work[textUnit]{Do: s.do, Drop: s.drop, Finish: out.Close})
	kept, again := out.Continued()
	if s.at = kept; !again {
		s.buf = textBuffers.Get()
		s.buf.B = enc.AppendHeader(s.buf.B)
	}
	return s
}

// do runs in the queue's goroutine.
func (s *textSink) do(u textUnit, stop <-chan struct{}) error {
	if u.buf != nil {
		if err := s.out.WriteUntil(u.buf.B, stop); err != nil {
			return err
		}
	}
	if u.done != nil {
		return s.out.Sync()
	}
	return nil
}

// drop runs in the queue's goroutine.
func (s *textSink) drop(u textUnit, err error) {
	if u.buf != nil {
		textBuffers.Put(u.buf)
	}
	switch {
	case u.done == nil:
	case err != nil:
		u.done(nil, err)
	default:
		u.done(s.out.Position(u.at, nil), nil)
	}
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
	if s.out.Temp == "" {
		s.at += uint64(b.N)
	}
	if len(s.buf.B) >= s.least {
		s.put(nil)
	}
	return true, nil
}

// put hands on the text collected so far.
func (s *textSink) put(done func([]byte, error)) {
	if s.buf != nil && s.out.Temp != "" {
		s.at += uint64(len(s.buf.B))
	}
	s.queue.Put(textUnit{s.buf, s.at, done})
	s.buf = nil
}

// Checkpoint puts the text collected so far into the queue, whether it has room or not, see vertex.Sink.
func (s *textSink) Checkpoint(done func(position []byte, err error)) { s.put(done) }

// Finish ends the output, see vertex.Sink.
func (s *textSink) Finish() (done bool, err error) {
	if s.buf != nil {
		if !s.queue.Room() {
			return false, s.queue.Err()
		}
		s.put(nil)
	}
	return s.queue.End()
}

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
