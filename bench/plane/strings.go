package plane

import (
	"context"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// texts is a load of rows with two strings, hashed by the first of them.
type texts struct{ sums []*rows.TextSums }

func newTexts() load { return &texts{} }

func (t *texts) schema() (*batch.Schema, []int) { return rows.TextSchema, []int{0} }

func (t *texts) maker(task frame.TaskID) func(*batch.Builder, uint64, int) {
	return rows.Stream(task).AppendText
}

func (t *texts) reader(shuffle.TaskRange) (func(frame.TaskID, *batch.Batch) error, error) {
	s := &rows.TextSums{}
	t.sums = append(t.sums, s)
	return func(_ frame.TaskID, b *batch.Batch) error {
		s.Add(b)
		return nil
	}, nil
}

func (t *texts) check(made []uint64) (uint64, error) {
	var got, want rows.TextSums
	for _, s := range t.sums {
		got = got.Plus(*s)
	}
	for task, n := range made {
		want = want.Plus(rows.Stream(task).WantText(n))
	}
	return got.Rows, got.Check(want)
}

func (t *texts) close() {}

// textShape has fewer and larger rows in a tick than localShape.
func textShape() shape {
	s := localShape(false)
	s.BatchRows, s.TickRows = 512, 5120
	return s
}

// measureStrings measures the bytes of rows with strings, those of offsets not counted.
func measureStrings(ctx context.Context, d time.Duration) (measure.Sample, error) {
	s, err := measureLoad(textShape(), newTexts)(ctx, d)
	s.Value *= rows.TextBytes
	return s, err
}
