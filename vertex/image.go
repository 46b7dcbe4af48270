package vertex

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrImage wraps complaints about bytes that no ImageWriter of the same version wrote.
var ErrImage = errors.New("damaged image")

// ImageWriter is a SnapshotWriter into memory: integers of 8 bytes, bytes with their length before them. The zero value is empty.
type ImageWriter struct{ b []byte }

// Uint64 appends an integer.
func (w *ImageWriter) Uint64(v uint64) { w.b = binary.LittleEndian.AppendUint64(w.b, v) }

// Bytes appends bytes; they are copied.
func (w *ImageWriter) Bytes(b []byte) {
	w.Uint64(uint64(len(b)))
	w.b = append(w.b, b...)
}

// Raw appends what another ImageWriter wrote, as if it had been written here.
func (w *ImageWriter) Raw(image []byte) { w.b = append(w.b, image...) }

// Image is what was written, the writer's own until it is used again.
func (w *ImageWriter) Image() []byte { return w.b }

// Reset empties the writer and keeps its memory.
func (w *ImageWriter) Reset() { w.b = w.b[:0] }

// ImageReader reads what an ImageWriter wrote. What it reads may come from anywhere: the first fault is remembered, and everything after it
// reads as zero.
type ImageReader struct {
	b    []byte
	from int // bytes in all
	err  error
}

// NewImageReader reads b, which stays the caller's.
func NewImageReader(b []byte) *ImageReader { return &ImageReader{b: b, from: len(b)} }

// Uint64 reads an integer.
func (r *ImageReader) Uint64() uint64 {
	if len(r.b) < 8 {
		r.fault("8 bytes of an integer", 8)
		return 0
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

// Bytes reads bytes; they lie in the image.
func (r *ImageReader) Bytes() []byte {
	n := r.Uint64()
	if n > uint64(len(r.b)) {
		r.fault("bytes", n)
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// Count reads a number of things that take at least size bytes each, so that whoever makes room for them is not made to make too much.
func (r *ImageReader) Count(size int) int {
	n := r.Uint64()
	if n > uint64(len(r.b)/size) {
		r.fault("entries", n)
		return 0
	}
	return int(n)
}

// Err is the first fault.
func (r *ImageReader) Err() error { return r.err }

// End is the first fault, or that something is left.
func (r *ImageReader) End() error {
	if r.err == nil && len(r.b) > 0 {
		return fmt.Errorf("%w: %d bytes behind its end at %d", ErrImage, len(r.b), r.from-len(r.b))
	}
	return r.err
}

func (r *ImageReader) fault(what string, n uint64) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: at %d: want %d %s, %d bytes are left", ErrImage, r.from-len(r.b), n, what, len(r.b))
	}
	r.b = nil
}
