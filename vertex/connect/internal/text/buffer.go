package text

import (
	"bytes"
	"errors"
	"io"
)

// RowMaxBytes bounds a row of text. ReadBytes is what is read at once.
const (
	RowMaxBytes = 4 << 20
	ReadBytes   = 256 << 10
)

// ErrStopped says that nobody reads the rows any more.
var ErrStopped = errors.New("stopped")

// Mark is the byte order mark that may stand before text in UTF-8.
var Mark = []byte("\xef\xbb\xbf")

// Buffer holds a part of an input that is being cut into rows.
//
// Invariant: 0 <= Start <= At <= End <= len(B); [Start, At) is the row cut last, [At, End) is read but not yet cut.
type Buffer struct {
	B              []byte
	Start, At, End int
	EOF            bool
	// Err is what ended the reading, if not the end of the input. It counts once all before it is cut.
	Err error
	// BeforeRead is called before a read, which may wait; false means that nobody wants more.
	BeforeRead func() bool
	// NoSkip has Line leave the rest of a line that is too long where it is, and set Stuck: no more can be read.
	NoSkip, Stuck bool
	r             io.Reader
	base          int64 // place of B[0] in the input
}

// NewBuffer returns an empty buffer over r.
func NewBuffer(r io.Reader) Buffer {
	return Buffer{B: make([]byte, ReadBytes), BeforeRead: func() bool { return true }, r: r}
}

// More reads on behind End, moving the row to the front and growing the buffer as needed. It returns when a line end came in, the
// buffer is full, or the input ended. Its only error is ErrStopped.
func (b *Buffer) More() error {
	if !b.BeforeRead() {
		return ErrStopped
	}
	if b.Start > 0 {
		copy(b.B, b.B[b.Start:b.End])
		b.base += int64(b.Start)
		b.At -= b.Start
		b.End -= b.Start
		b.Start = 0
	}
	if b.End == len(b.B) {
		b.B = append(b.B, make([]byte, len(b.B))...)
	}
	for b.End < len(b.B) {
		n, err := b.r.Read(b.B[b.End:])
		got := b.B[b.End : b.End+n]
		b.End += n
		if err != nil {
			b.EOF = true
			if err != io.EOF {
				b.Err = err
			}
			return nil
		}
		if bytes.IndexByte(got, '\n') >= 0 {
			return nil
		}
	}
	return nil
}

// Final is the error behind the last row: that of reading, or io.EOF.
func (b *Buffer) Final() error {
	if b.Err != nil {
		return b.Err
	}
	return io.EOF
}

// Offset is the place in the input of the row to come.
func (b *Buffer) Offset() int64 { return b.base + int64(b.At) }

// Restart goes on as if the input were at a place, which the reader below has been moved to.
func (b *Buffer) Restart(offset int64) {
	b.base, b.Start, b.At, b.End, b.EOF, b.Err = offset, 0, 0, 0, false, nil
}

// Rebase says that the row to come is the one at a place.
func (b *Buffer) Rebase(offset int64) { b.base = offset - int64(b.At) }

// SkipMark passes a byte order mark at the beginning of the input.
func (b *Buffer) SkipMark() {
	if bytes.HasPrefix(b.B[:b.End], Mark) {
		b.At += len(Mark)
	}
}

// Line cuts the next line and returns it without its end, borrowed until the next call. Of one that is longer than RowMaxBytes it returns the
// beginning, tooLong, and drops the rest, unless NoSkip. Behind the last line the error is Final.
func (b *Buffer) Line() (line []byte, tooLong bool, err error) {
	b.Start = b.At
	seen := b.Start // no line end before
	for {
		if i := bytes.IndexByte(b.B[seen:b.End], '\n'); i >= 0 {
			b.At = seen + i + 1
			return TrimEnd(b.B[b.Start:b.At]), false, nil
		}
		if b.EOF {
			b.At = b.End
			if b.Start == b.End {
				return nil, false, b.Final()
			}
			return TrimEnd(b.B[b.Start:b.End]), false, nil
		}
		if b.End-b.Start >= RowMaxBytes {
			line = bytes.Clone(b.B[b.Start:b.End])
			if b.Stuck = b.NoSkip; b.Stuck {
				return line, true, nil
			}
			return line, true, b.skipLine()
		}
		seen = b.End - b.Start // More moves the row to the front
		if err := b.More(); err != nil {
			return nil, false, err
		}
	}
}

// skipLine drops what is left of a line.
func (b *Buffer) skipLine() error {
	for {
		b.base += int64(b.End)
		b.Start, b.At, b.End = 0, 0, 0
		if b.EOF {
			return nil
		}
		if err := b.More(); err != nil {
			return err
		}
		if i := bytes.IndexByte(b.B[:b.End], '\n'); i >= 0 {
			b.At = i + 1
			return nil
		}
	}
}

// TrimEnd takes a line feed, and a carriage return before it, off the end.
func TrimEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
