package runtime

import (
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

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
