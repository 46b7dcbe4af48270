package plane

import (
	"context"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// checksums is a session of the workload of that name: shuffle-tcp whose frames carry sums that the receiver verifies, and without.
type checksums struct{ tcp }

func openChecksums(_ context.Context, env measure.Env) (measure.Session, error) {
	c := &checksums{*newTCP(tcpShape(false), env)}
	return measure.Func(c.measure), nil
}

// measure runs without, with, with and without sums, a quarter of d each: what drifts meanwhile meets both alike.
func (c *checksums) measure(ctx context.Context, d time.Duration) (measure.Sample, error) {
	var rate, cpu [2]float64
	for _, with := range []int{0, 1, 1, 0} {
		c.shape.Sums = with == 1
		s, err := c.shuffle(ctx, d/4)
		if err != nil {
			return s, err
		}
		rate[with] += s.Value / 2
		cpu[with] += (s.Ratios["sender_cpu_ns_per_row"] + s.Ratios["receiver_cpu_ns_per_row"]) / 2
	}
	return measure.Sample{Value: rate[1], Ratios: measure.Ratios{
		"of_without":              rate[1] / rate[0],
		"without_rows_per_s":      rate[0],
		"cpu_ns_per_row":          cpu[1],
		"without_cpu_ns_per_row":  cpu[0],
		"cpu_ns_per_row_for_sums": cpu[1] - cpu[0],
		"of_without_by_cpu_time":  cpu[0] / cpu[1],
	}}, nil
}
