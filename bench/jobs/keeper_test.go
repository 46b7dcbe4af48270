package jobs

import "github.com/streamscope/streamscope/shuffle/batch"

// keeper keeps the dates of what is written to it.
type keeper struct{ dates []int64 }

func (k *keeper) Write(b *batch.Batch) (bool, error) {
	k.dates = append(k.dates, b.Cols[0].Int64s()...)
	return true, nil
}
