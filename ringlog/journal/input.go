package journal

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/vfs"
)

// InputMaxBytes bounds the bytes of one Input.
const InputMaxBytes = 1 << 20

// Input is a piece of a split that cannot be read again: bytes as they were read.
type Input struct {
	Split uint32 // vertex.Split.ID
	// At is the place of the first byte among all of the split.
	At uint64
	// More says that rows of the piece end in the next one: without that, this one counts for nothing.
	More bool
	// End says that the split ends behind the piece.
	End bool

	bytes []byte
	n     int
	file  place // of what Open found; no path: bytes has them
}

// place is where the record of an Input lies.
type place struct {
	path   string
	at     int64
	n      int
	number uint64
}

// NewInput is for a record to be appended; b is borrowed until it is.
func NewInput(split uint32, at uint64, b []byte) *Input {
	return &Input{Split: split, At: at, bytes: b, n: len(b)}
}

// Len is the number of bytes.
func (in *Input) Len() int { return in.n }

// Load returns the bytes, which the caller may keep and must not change. They are read from disk if they lie there, and checked once more.
func (in *Input) Load() ([]byte, error) {
	if in.file.path == "" {
		return in.bytes, nil
	}
	f, err := vfs.Open(in.file.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, in.file.n)
	if _, err := f.ReadAt(b, in.file.at); err != nil {
		return nil, fmt.Errorf("%s: record %d: %w", in.file.path, in.file.number, err)
	}
	r, _, err := parseRecord(b, in.file.number)
	if err == nil && (r.Input == nil || r.Input.At != in.At || r.Input.n != in.n) {
		err = fmt.Errorf("%w: record %d is another than when the journal was opened", ErrDamaged, in.file.number)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.file.path, err)
	}
	return r.Input.bytes, nil
}

// elsewhere forgets the bytes of what a file has; nil stays nil.
func (in *Input) elsewhere() *Input {
	if in != nil {
		in.bytes = nil
	}
	return in
}

// valid reports what cannot be written.
func (r *Record) valid() error {
	switch {
	case len(r.Runs) > maxRuns:
		return fmt.Errorf("journal: a tick of %d runs, want at most %d", len(r.Runs), maxRuns)
	case r.Input != nil && r.Input.n > InputMaxBytes:
		return fmt.Errorf("journal: %d bytes of input in one record, want at most %d", r.Input.n, InputMaxBytes)
	}
	return nil
}

func (in *Input) append(b []byte) []byte {
	flags := uint32(0)
	if in.More {
		flags |= flagMore
	}
	if in.End {
		flags |= flagEnd
	}
	b = le.AppendUint32(b, in.Split)
	b = le.AppendUint32(b, flags)
	b = le.AppendUint64(b, in.At)
	return append(b, in.bytes...)
}

// parseInput reads what append wrote; b is at least inputLen long.
func parseInput(b []byte) (*Input, error) {
	flags := le.Uint32(b[4:])
	if unknown := flags &^ (flagMore | flagEnd); unknown != 0 || len(b)-inputLen > InputMaxBytes {
		return nil, fmt.Errorf("%d bytes of input with flags %#x, want at most %d, and %#x", len(b)-inputLen, flags, InputMaxBytes, flagMore|flagEnd)
	}
	return &Input{
		Split: le.Uint32(b), At: le.Uint64(b[8:]), More: flags&flagMore != 0, End: flags&flagEnd != 0, bytes: b[inputLen:], n: len(b) - inputLen,
	}, nil
}
