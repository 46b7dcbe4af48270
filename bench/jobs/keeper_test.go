package jobs

import "github.com/streamscope/streamscope/shuffle/batch"

// keeper is a sink that keeps the dates of what it takes.
type keeper struct{ dates []int64 }

func (k *keeper) Write(b *batch.Batch) (bool, error) {
	k.dates = append(k.dates, b.Cols[0].Int64s()...)
	return true, nil
}

func (k *keeper) Finish() (bool, error) { return true, nil }
func (k *keeper) Abort()                {}
