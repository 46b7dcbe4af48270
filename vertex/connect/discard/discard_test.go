package discard

import (
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
)

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
