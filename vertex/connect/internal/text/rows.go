package text

import (
	"errors"
	"fmt"
	"io"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// Rows is the one lane of a text file being decoded row by row: what the formats of text share.
type Rows struct {
	In    *connect.Input
	Rows  *batch.Builder // being filled; nil once nobody reads any more
	Bytes int            // of text in Rows, at most
	Lines *int           // the decoder's count of lines, for its messages
	begun bool
	from  int64 // place of Rows
}

// Lanes implements connect.Decoder: a text file is decoded in order.
func (r *Rows) Lanes() int { return 1 }

// Close implements connect.Decoder.
func (r *Rows) Close() error { return nil }

// Decode goes to a place and calls row, which appends a row to Rows or rejects it, until it fails or nobody reads any more; io.EOF from it is
// the end. Batches are passed on when they are large enough, and before a wait for a pipe.
func (r *Rows) Decode(buf *Buffer, from connect.Place, out *connect.Lane, row func(out *connect.Lane) error) error {
	if err := r.seek(buf, from); err != nil {
		return err
	}
	r.take(buf, out)
	buf.BeforeRead = func() bool {
		// Who writes into a pipe may pause: pass on what has come in. Of a tape that is also what has no rows.
		if r.Rows.Len() > 0 && r.In.Size < 0 || r.In.Tape != nil && buf.Offset() > r.from {
			r.put(buf, out)
			r.take(buf, out)
		}
		return r.Rows != nil
	}
	buf.NoSkip = out.Fails() || r.In.Tape != nil
	for r.Rows != nil {
		at := buf.Offset()
		err := row(out)
		if err == nil && buf.Stuck {
			err = fmt.Errorf("%s:%d: a row of more than 4 MiB: on standard input with a data directory it cannot be left out", r.In.Name, *r.Lines)
		}
		if err != nil {
			if r.Rows != nil { // what is behind it does not count as taken: it may be given right later
				out.End(uint64(at))
				out.Put(r.Rows)
			}
			return r.final(buf, err)
		}
		if r.Rows.Len() >= connect.ChunkRows || r.Bytes >= connect.ChunkBytes {
			r.put(buf, out)
			r.take(buf, out)
		}
	}
	return nil
}

func (r *Rows) put(buf *Buffer, out *connect.Lane) {
	out.End(uint64(buf.Offset()))
	out.Put(r.Rows)
}

// seek goes to a place other than the first row; one that lies behind a line's end.
func (r *Rows) seek(buf *Buffer, from connect.Place) error {
	if r.In.Tape != nil {
		r.wind(buf, from)
		return nil
	}
	if from == (connect.Place{}) {
		return nil
	}
	var before [1]byte
	if _, err := r.In.File.ReadAt(before[:], int64(from.Byte)-1); err != nil {
		return r.In.IOError(err)
	}
	if before[0] != '\n' {
		return fmt.Errorf("%s: its position is byte %d, but no line begins there: the file has changed", r.In.Name, from.Byte)
	}
	if _, err := r.In.File.Seek(int64(from.Byte), io.SeekStart); err != nil {
		return r.In.IOError(err)
	}
	buf.Restart(int64(from.Byte))
	*r.Lines = int(from.Line)
	r.begun = true
	return nil
}

// wind goes to the place of a tape, which has been read up to there, or has only been read up to its first row.
func (r *Rows) wind(buf *Buffer, from connect.Place) {
	if from == (connect.Place{}) {
		r.In.Tape.Header(buf.Offset())
		return
	}
	buf.Rebase(int64(from.Byte))
	*r.Lines = int(from.Line)
	r.begun = true
}

// take begins a batch and tells its place; that of the first row is 0.
func (r *Rows) take(buf *Buffer, out *connect.Lane) {
	r.Rows, r.Bytes = out.Take(), 0
	var at connect.Place
	if r.begun {
		at = connect.Place{Byte: uint64(buf.Offset()), Line: uint64(*r.Lines)}
	}
	r.begun, r.from = true, int64(at.Byte)
	out.Mark(at)
}

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
