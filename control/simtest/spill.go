package simtest

import (
	"errors"
	"io"
)

// errNoSpace is what a full disk says.
var errNoSpace = errors.New("no space left on device")

// spillFile is the spill file of a life, in memory: it goes with it.
type spillFile struct {
	w *worker
	b []byte
}

func (f *spillFile) WriteAt(b []byte, off int64) (int, error) {
	if s := f.w.sim; s.harms != nil && s.steps < s.harms[f.w.node].full || s.cfg.Broken == A5 {
		return 0, errNoSpace
	}
	if need := int(off) + len(b); need > len(f.b) {
		f.b = append(f.b, make([]byte, need-len(f.b))...)
	}
	return copy(f.b[off:], b), nil
}

func (f *spillFile) ReadAt(b []byte, off int64) (int, error) {
	if off > int64(len(f.b)) {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(b, f.b[off:])
	if n < len(b) {
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

func (f *spillFile) Truncate(size int64) error {
	f.b = f.b[:min(size, int64(len(f.b)))]
	return nil
}

func (f *spillFile) Close() error { return nil }
