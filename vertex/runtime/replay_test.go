package runtime

import (
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// A source that cuts again what its last life cut goes by the journal: the ends of those ticks have passed, and a core that took one for a deadline would not
// sleep while the reader fetches rows.
func TestReplayHasNoDeadline(t *testing.T) {
	s := &sourceTask{schedule: Schedule{Length: time.Millisecond}, tick: 3, replay: []journal.Record{{First: 3, Last: 3}}}
	now := int64(time.Hour)
	if d := s.deadline(now); d != 0 {
		t.Errorf("replaying at %d: deadline %d, want none", now, d)
	}
	s.replay = nil
	if got, want := s.deadline(now), s.schedule.endNs(3); got != want {
		t.Errorf("behind the journal: deadline %d, want %d", got, want)
	}
}

// What a source says of a split that it cannot open is told as it is: it names the split itself.
func TestSplitThatCannotBeOpened(t *testing.T) {
	src := &vertextest.MemorySource{Rows: []*batch.Batch{batch.NewBuilder(rowSchema).View()}}
	var position, image vertex.ImageWriter
	position.Uint64(4)
	for _, v := range []uint64{7, 5, 1, 1, 0, 0, 7, 0} { // CTI, rows, late ones, splits; of the split: id, largest Vs, CTI, whether it has ended
		image.Uint64(v)
	}
	image.Bytes(position.Image())
	s := &sourceTask{f: &fused{stats: &stageStats{}}, splits: []*splitState{{Split: vertex.Split{Name: "split-0"}}}}
	err := s.load(vertex.NewImageReader(image.Image()), src, func() {})
	if want := "split-0: its position is behind row 4, but it has 0"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
