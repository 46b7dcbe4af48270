package plane

import (
	"context"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// manyTasks is the number of destination tasks of shuffle-local-1024.
const manyTasks = 1024

// manyShape has larger frames than localShape, so that one has more than a few rows for each task.
func manyShape() shape {
	s := localShape(false)
	s.Tasks, s.TickRows, s.FrameBytes, s.SegmentBytes = manyTasks, 30720, 512<<10, 2<<20
	return s
}

// measureMany measures the shuffle to many tasks, and before and after it, for a quarter of d each, the one to 64, so that the two are compared
// in the same conditions.
func measureMany(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	few := measureLocal(localShape(false))
	before, err := few(ctx, d/4)
	if err != nil {
		return sample, err
	}
	if sample, err = measureLocal(manyShape())(ctx, d/2); err != nil {
		return sample, err
	}
	after, err := few(ctx, d/4)
	if err != nil {
		return sample, err
	}
	sample.Ratios["of_64_tasks"] = 2 * sample.Value / (before.Value + after.Value)
	return sample, nil
}
