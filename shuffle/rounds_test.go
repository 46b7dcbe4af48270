package shuffle

import (
	"errors"
	"io"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestHalfAnEndIsNoRound: a writer's end comes in two entries, which may travel in frames of their own. A reader that has had the first
// only must neither make a round of it nor go on counting rounds when the second comes.
func TestHalfAnEndIsNoRound(t *testing.T) {
	s := openAll(t, 1, Config{Schema: testSchema, Keys: []string{"key"}, Ordered: true, Writers: 1, Readers: 1, Partitions: 2})[0]
	w, r := s.Writer(0), s.Reader(0)
	if ok, err := w.TryEndRound(7); !ok || err != nil {
		t.Fatal(ok, err)
	}
	p, ok, err := r.TryNext()
	if !ok || err != nil || p.Round != 1 || !p.EndOfRound || p.CTI != 7 {
		t.Fatal(p, ok, err)
	}
	half := func(first, last frame.Tick) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.close(first, last, frame.MaxCTI)
		w.flush()
	}
	half(2, 2)
	if p, ok, err := r.TryNext(); ok || err != nil {
		t.Fatalf("after half an end: %+v %v", p, err)
	}
	half(3, frame.MaxTick)
	w.mu.Lock()
	w.mu.ended = true
	w.mu.Unlock()
	if p, ok, err := r.TryNext(); ok || !errors.Is(err, io.EOF) {
		t.Fatalf("after the end: %+v %v", p, err)
	}
}
