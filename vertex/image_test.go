package vertex

import (
	"bytes"
	"errors"
	"testing"
)

func TestImageRoundTrip(t *testing.T) {
	var w ImageWriter
	w.Uint64(1 << 63)
	w.Bytes([]byte("abc"))
	w.Bytes(nil)
	w.Uint64(2)
	r := NewImageReader(w.Image())
	if a, b, c, d := r.Uint64(), r.Bytes(), r.Bytes(), r.Uint64(); a != 1<<63 || string(b) != "abc" || len(c) != 0 || d != 2 || r.End() != nil {
		t.Fatalf("got %d %q %q %d, %v", a, b, c, d, r.End())
	}
}

// Every prefix of an image is found out, and so is what follows it.
func TestImageCut(t *testing.T) {
	var w ImageWriter
	w.Bytes([]byte("some bytes"))
	w.Uint64(7)
	whole := bytes.Clone(w.Image())
	for n := range len(whole) {
		r := NewImageReader(whole[:n])
		r.Bytes()
		r.Uint64()
		if !errors.Is(r.End(), ErrImage) {
			t.Errorf("%d of %d bytes: got %v", n, len(whole), r.End())
		}
	}
	r := NewImageReader(append(whole, 0))
	r.Bytes()
	r.Uint64()
	if !errors.Is(r.End(), ErrImage) {
		t.Errorf("a byte too many: got %v", r.End())
	}
	w.Reset()
	w.Uint64(1 << 40)
	if r := NewImageReader(w.Image()); r.Count(8) != 0 || r.Err() == nil {
		t.Error("a count beyond the image was believed")
	}
}
