package staged

import (
	"context"
	"time"
)

// wideTasks are on either side of `wide`: a million channels.
const wideTasks = 1000

func wideShape(tasks int) shape {
	return shape{tasks: tasks, tickBytes: 4 << 20, ahead: 2}
}

// Result is what a repetition of a job found.
type Result struct {
	Rows      uint64 // that the sources made, all of them read
	Took, CPU time.Duration
}

// Rate is rows per second.
func (r Result) Rate() float64 { return float64(r.Rows) / r.Took.Seconds() }

// RunWide runs 1,000 source tasks that each send to 1,000 tasks, in this process.
func RunWide(ctx context.Context, d time.Duration) (Result, error) {
	return newJob(wideShape(wideTasks)).run(ctx, d)
}
