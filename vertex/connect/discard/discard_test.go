package discard

import (
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
)

func TestGoesOn(t *testing.T) {
	var position []byte
	for life, want := range []uint64{3, 6} {
		s, err := Open(position)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(&batch.Batch{N: 3}); err != nil {
			t.Fatal(err)
		}
		s.Checkpoint(func(p []byte, err error) {
			if position = p; err != nil {
				t.Error(err)
			}
		})
		s.Leave()
		if s.Rows() != want {
			t.Errorf("life %d: got %d rows, want %d", life, s.Rows(), want)
		}
	}
	if _, err := Open([]byte("x")); err == nil || err.Error() != "discard: got a position of 1 bytes, want 8" {
		t.Errorf("got %v", err)
	}
}

func TestCounts(t *testing.T) {
	var s Sink
	for n := range 4 {
		if ok, err := s.Write(&batch.Batch{N: n}); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if done, err := s.Finish(); !done || err != nil || s.Rows() != 6 {
		t.Fatalf("done %v, error %v, %d rows, want 6", done, err, s.Rows())
	}
}
