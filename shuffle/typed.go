package shuffle

import (
	"context"
	"fmt"
	"io"
	"iter"
	"reflect"
	"unsafe"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// Of is a Shuffle of rows that are Go structs. The exported fields of T are the columns, named in snake_case or by the tag
// `shuffle:"name=…"`; `shuffle:"key"` marks those whose hash chooses the partition, `shuffle:"time"` the row's time (time.Time, or int64
// microseconds; without one, rows have the time 0), `shuffle:"-"` leaves one out. A field is a bool, a number of at most 64 signed or 32 unsigned
// bits, a string, a []byte or a time.Time, which keeps microseconds.
type Of[T any] struct {
	*Shuffle
	ctx   context.Context
	codec *codec
}

// OpenOf is Open for rows of type T, whose fields say what Schema and Keys would: the Config must leave those out.
func OpenOf[T any](ctx context.Context, cfg Config) (*Of[T], error) {
	c, err := newCodec(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	if cfg.Schema != nil || cfg.Keys != nil {
		return nil, fmt.Errorf("shuffle: a Schema or Keys for rows of %v, which say that themselves", reflect.TypeFor[T]())
	}
	cfg.Schema, cfg.Keys = c.schema, c.keys
	s, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Of[T]{s, ctx, c}, nil
}

// WriterOf writes rows one by one; what Writer says of goroutines, order and errors holds. Its methods wait for room until the context
// of OpenOf ends.
type WriterOf[T any] struct {
	w     *Writer
	ctx   context.Context
	codec *codec
}

// Writer returns a writer of this process. It takes the place of the Shuffle's Writer of that number: use one or the other.
func (s *Of[T]) Writer(i int) *WriterOf[T] { return &WriterOf[T]{s.Shuffle.Writer(i), s.ctx, s.codec} }

// Write copies v. It waits while there is no room.
func (w *WriterOf[T]) Write(v T) error {
	for {
		ok, err := w.w.takeOne(w.codec, unsafe.Pointer(&v))
		if ok || err != nil {
			return err
		}
		if err := w.push(); err != nil {
			return err
		}
	}
}

// TryWrite is Write that does not wait: false means that the shuffle is full, and v was not taken.
func (w *WriterOf[T]) TryWrite(v T) (bool, error) { return w.w.takeOne(w.codec, unsafe.Pointer(&v)) }

// push waits until the rows that came one by one are in the log, and the writer takes more.
func (w *WriterOf[T]) push() error {
	return w.w.wait(w.ctx, func() (bool, error) {
		w.w.mu.Lock()
		defer w.w.mu.Unlock()
		if ready, err := w.w.ready(); !ready {
			return false, err
		}
		return w.w.pushTyped()
	})
}

// Flush sends what was written so far without waiting for more.
func (w *WriterOf[T]) Flush() error { return w.w.Flush() }

// Advance is Writer.Advance, after the rows written before.
func (w *WriterOf[T]) Advance(cti CTI) error {
	return w.w.wait(w.ctx, func() (bool, error) { return w.w.advance(cti) })
}

// Idle is Writer.Idle, after the rows written before.
func (w *WriterOf[T]) Idle() error { return w.w.wait(w.ctx, w.w.tryIdle) }

// EndRound is Writer.EndRound, after the rows written before.
func (w *WriterOf[T]) EndRound(cti CTI) error { return w.w.EndRound(w.ctx, cti) }

// Close ends the writer, after the rows written before, for which it may wait.
func (w *WriterOf[T]) Close() error {
	err := w.push()
	if err == ErrWriterClosed {
		return nil
	}
	if err != nil {
		return err
	}
	return w.w.Close()
}

// takeOne appends the struct at row to the rows that came one by one; false when they must be pushed first and found no room.
func (w *Writer) takeOne(c *codec, row unsafe.Pointer) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.typed == nil {
		w.mu.typed = batch.NewBuilder(c.schema)
	}
	b := w.mu.typed
	if b.Bytes() >= w.s.stage.bytes {
		if ok, err := w.pushTyped(); !ok {
			return false, err
		}
	}
	if b.Len() == 0 || w.mu.idle || w.mu.ended || w.s.hasFailed() {
		if ready, err := w.ready(); !ready {
			return false, err
		}
	}
	if vs := c.time.integer(row); w.mu.cti > NoCTI && vs < int64(w.mu.cti) {
		return false, fmt.Errorf("shuffle: vs %d: %w: %d", vs, ErrLate, w.mu.cti)
	}
	if !w.s.stage.fixed {
		if n := c.bytes(row) + c.schema.FixedRowBytes(); n > w.s.stage.rowBytes {
			return false, fmt.Errorf("shuffle: %w: %d bytes, want at most %d in a frame of the configured size", ErrTooLarge, n, w.s.stage.rowBytes)
		}
	}
	c.append(b, row)
	if b.Len() == 1 {
		w.s.wakeDriver()
	}
	return true, nil
}

// ReaderOf reads rows one by one. Reader is what it reads with: Next and Rows together give what All leaves out.
type ReaderOf[T any] struct {
	*Reader
	ctx   context.Context
	codec *codec
	text  text
	err   error
}

// Reader returns a reader of this process.
func (s *Of[T]) Reader(i int) *ReaderOf[T] {
	return &ReaderOf[T]{Reader: s.Shuffle.Reader(i), ctx: s.ctx, codec: s.codec}
}

// All yields all rows until the end of the stream, or until something fails, which Err then tells.
func (r *ReaderOf[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			p, err := r.Next(r.ctx)
			if err != nil {
				if err != io.EOF {
					r.err = err
				}
				return
			}
			if p.Rows == nil {
				continue
			}
			for v := range r.Rows(p) {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// Rows yields the rows of a piece that Next returned. Strings of a piece share memory of their own; they may be kept.
func (r *ReaderOf[T]) Rows(p Piece) iter.Seq[T] {
	return func(yield func(T) bool) {
		if p.Rows == nil {
			return
		}
		r.text = r.codec.text(r.text, p.Rows)
		for i := range p.Rows.N {
			var v T
			r.codec.read(unsafe.Pointer(&v), p.Rows, r.text, i)
			if !yield(v) {
				return
			}
		}
	}
}

// Err is what ended All early; nil after the end of the stream.
func (r *ReaderOf[T]) Err() error { return r.err }
