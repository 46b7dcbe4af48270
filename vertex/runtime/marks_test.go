package runtime

import (
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// A mark that a source task has cut across before it came was missed, although that task has not opened a tick behind it yet.
func TestMarkBehindACut(t *testing.T) {
	w := &Worker{}
	w.opened.Store(61)
	w.cut.Store(96)
	for _, c := range []struct{ mark, missed frame.Tick }{{97, 0}, {96, 96}} {
		w.Mark(c.mark)
		if got := w.Progress().Missed; got != c.missed {
			t.Errorf("mark %d: missed %d, want %d", c.mark, got, c.missed)
		}
	}
}
