package plane

import (
	"context"
	"fmt"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// frameSizes are those of frame-sizes, in KiB. The greatest holds all that a producer makes in a tick.
var frameSizes = []int{8, 32, 128, 512}

// mostCores is how far `scaling` goes where there are as many.
const mostCores = 64

// variants are shuffle-local along one quantity each: every repetition measures all of its values, one after the other.
func variants() []measure.Workload {
	sizes := measure.Workload{
		Name: "frame-sizes", Unit: measure.RowsPerSecond,
		About: "shuffle-local in frames of 8 to 512 KiB; the median is that of the greatest",
		Open:  always(measureFrameSizes),
	}
	for _, kib := range frameSizes {
		sizes.Points = append(sizes.Points, measure.Point{By: measure.ByFrameBytes, At: float64(kib << 10), Of: frameRatio(kib), Line: "shuffle-local"})
	}
	scaling := measure.Workload{
		Name: "scaling", Unit: measure.RowsPerSecond,
		About: "shuffle-local on 1, 2, 4, … cores; the median is that of the most",
		Open: func(_ context.Context, env measure.Env) (measure.Session, error) {
			return measureScaling(env.Cores), nil
		},
	}
	for n := 1; n <= mostCores; n *= 2 {
		scaling.Points = append(scaling.Points, measure.Point{By: measure.ByCores, At: float64(n), Of: coresRatio(n), Line: "shuffle-local"})
	}
	return []measure.Workload{sizes, scaling}
}

func frameRatio(kib int) string { return fmt.Sprintf("frames_%dk_rows_per_s", kib) }

func coresRatio(n int) string { return fmt.Sprintf("cores_%d_rows_per_s", n) }

func measureFrameSizes(ctx context.Context, d time.Duration) (measure.Sample, error) {
	out := measure.Sample{Ratios: measure.Ratios{}}
	for _, kib := range frameSizes {
		s := localShape(false)
		s.FrameBytes = kib << 10
		v, err := measureLocal(s)(ctx, d/time.Duration(len(frameSizes)))
		if err != nil {
			return out, fmt.Errorf("frames of %d KiB: %w", kib, err)
		}
		out.Value = v.Value
		out.Ratios[frameRatio(kib)] = v.Value
	}
	return out, nil
}

// measureScaling goes up to the greatest power of two that is at most cores.
func measureScaling(cores int) measure.Func {
	var steps []int
	for n := 1; n <= min(cores, mostCores); n *= 2 {
		steps = append(steps, n)
	}
	return func(ctx context.Context, d time.Duration) (measure.Sample, error) {
		out := measure.Sample{Ratios: measure.Ratios{}}
		for _, n := range steps {
			s := localShape(false)
			s.Cores, s.ArenaBytes = n, s.ArenaBytes/localCores*int64(n)
			v, err := measureLocal(s)(ctx, d/time.Duration(len(steps)))
			if err != nil {
				return out, fmt.Errorf("%d cores: %w", n, err)
			}
			out.Value = v.Value
			out.Ratios[coresRatio(n)] = v.Value
		}
		out.Ratios["of_linear"] = out.Value / (out.Ratios[coresRatio(1)] * float64(steps[len(steps)-1]))
		return out, nil
	}
}
