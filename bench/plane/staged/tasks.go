package staged

import (
	"context"
	"fmt"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// tasksShape is the same work, to the byte of a tick, in so many tasks, in four stages.
func tasksShape(tasks int) shape {
	return shape{turns: 2, tasks: tasks / 4, tickBytes: 8 << 20, ahead: 2}
}

// The numbers of tasks that `tasks` compares.
const (
	fewTasks  = 16
	someTasks = 256
	manyTasks = 3000
)

// MeasureTasks measures the same work in 16, 256 and 3,000 tasks, and what 3,000 tasks cost while there is nothing to do.
func MeasureTasks(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	sample.Ratios = measure.Ratios{}
	var rates [3]float64
	for i, n := range []int{fewTasks, someTasks, manyTasks} {
		r, err := newJob(tasksShape(n)).run(ctx, d/4)
		if err != nil {
			return sample, fmt.Errorf("%d tasks: %w", n, err)
		}
		rates[i] = r.Rate()
		sample.Ratios[fmt.Sprintf("rows_per_s_%d", n)] = r.Rate()
		sample.Ratios[fmt.Sprintf("cpu_ns_per_row_%d", n)] = measure.PerRow(r.CPU, r.Rows)
	}
	sample.Value = rates[2]
	sample.Ratios["of_16_tasks"] = rates[2] / rates[0]
	// A job counts as idle once nothing has happened for a quarter of a second: the first half of the run is for that.
	idle := tasksShape(manyTasks)
	idle.idle = true
	r, err := newJob(idle).run(ctx, max(d/4, idleLeast))
	if err != nil {
		return sample, fmt.Errorf("%d idle tasks: %w", manyTasks, err)
	}
	sample.Ratios["idle_share_of_core"] = float64(r.CPU) / float64(r.Took)
	return sample, nil
}
