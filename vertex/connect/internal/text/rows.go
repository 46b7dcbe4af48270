package text

import (
	"errors"
	"io"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// Rows is the one lane of a text file being decoded row by row: what the formats of text share.
type Rows struct {
	In    *connect.Input
	Rows  *batch.Builder // being filled; nil once nobody reads any more
	Bytes int            // of text in Rows, at most
}

// Lanes implements connect.Decoder: a text file is decoded in order.
func (r *Rows) Lanes() int { return 1 }

// Close implements connect.Decoder.
func (r *Rows) Close() error { return nil }

// Decode calls row, which appends a row to Rows or rejects it, until it fails or nobody reads any more; io.EOF from it is the end.
// Batches are passed on when they are large enough, and before a wait for a pipe.
func (r *Rows) Decode(buf *Buffer, out *connect.Lane, row func(out *connect.Lane) error) error {
	r.take(out)
	buf.BeforeRead = func() bool {
		if r.In.Size < 0 && r.Rows.Len() > 0 { // who writes into a pipe may pause: pass on what has come in
			out.Put(r.Rows)
			r.take(out)
		}
		return r.Rows != nil
	}
	for r.Rows != nil {
		if err := row(out); err != nil {
			if r.Rows != nil {
				out.Put(r.Rows)
			}
			return r.final(buf, err)
		}
		if r.Rows.Len() >= connect.ChunkRows || r.Bytes >= connect.ChunkBytes {
			out.Put(r.Rows)
			r.take(out)
		}
	}
	return nil
}

func (r *Rows) take(out *connect.Lane) { r.Rows, r.Bytes = out.Take(), 0 }

// final turns what ended the rows into the lane's error.
func (r *Rows) final(buf *Buffer, err error) error {
	switch {
	case err == io.EOF || err == ErrStopped:
		return nil
	case buf.Err != nil && errors.Is(err, buf.Err):
		return r.In.IOError(err)
	}
	return err
}
