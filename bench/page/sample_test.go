package page

import (
	"time"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

// sampleRun has five repetitions around a median.
func sampleRun(name string, unit measure.Unit, median, spread float64) bench.Run {
	var samples []float64
	for _, at := range []float64{0, -0.5, 0.5, 0.2, -0.1} {
		samples = append(samples, median*(1+at*spread))
	}
	return bench.Run{
		Name: name, About: "about " + name, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Unit: unit, Median: median, Spread: spread,
		Samples: samples, Noisy: spread > 0.15, Ratios: measure.Ratios{"cpu_ns_per_row": 12.3, "others_cpu": 0.01},
	}
}

// sample is a report that has everything.
func sample() *bench.Report {
	log := sampleRun("ringlog", measure.RowsPerSecond, 545e6, 0.40)
	log.Ratios["of_slower_kernel"] = 0.70
	log.Hold([]measure.Requirement{{Must: 122.5e6}, {Of: "of_slower_kernel", Must: 0.60, Stretch: 0.75}})
	local := sampleRun("shuffle-local", measure.RowsPerSecond, 162e6, 0.12)
	local.Ratios["of_bound"] = 0.62
	local.Hold([]measure.Requirement{{Must: 60e6, Stretch: 80e6}, {Of: "of_bound", Must: 0.65}, {Of: "of_nothing", Must: 1}})
	local.Points = []measure.Point{{By: measure.ByTasks, At: 64}, {By: measure.ByTasks, At: 1024, Of: "wide_rows_per_s"}}
	local.Ratios["wide_rows_per_s"] = 120e6
	tcp := sampleRun("shuffle-tcp", measure.RowsPerSecond, 24.7e6, 0.08)
	tcp.Hold([]measure.Requirement{{Must: 32e6, Stretch: 48e6}})
	tasks := sampleRun("tasks", measure.RowsPerSecond, 70e6, 0.1)
	tasks.Points = []measure.Point{{By: measure.ByTasks, At: 16}, {By: measure.ByTasks, At: 3000, Of: "tasks_3000_rows_per_s"}, {By: measure.ByTasks, At: 256, Of: "tasks_256_rows_per_s"}}
	tasks.Ratios["tasks_256_rows_per_s"], tasks.Ratios["tasks_3000_rows_per_s"] = 66e6, 51e6
	strings := sampleRun("strings", measure.BytesPerSecond, 1.4e9, 0.05)
	strings.Hold([]measure.Requirement{{Must: 1.2e9, Stretch: 2e9}})
	latency := sampleRun("latency", measure.Seconds, 11e-3, 0.02)
	latency.Ratios["p50_ms"], latency.Ratios["p99_ms"], latency.Ratios["p999_ms"] = 4.8, 11, 34
	latency.Ratios["max_ms"] = 61
	latency.Hold([]measure.Requirement{
		{Of: "p50_ms", Must: 6, Stretch: 3, AtMost: true}, {Of: "p99_ms", Must: 15, Stretch: 7.5, AtMost: true}, {Of: "p999_ms", Must: 30, AtMost: true},
	})
	latency.Points = []measure.Point{
		{By: measure.ByPercentile, At: 50, Of: "p50_ms"}, {By: measure.ByPercentile, At: 99, Of: "p99_ms"}, {By: measure.ByPercentile, At: 99.9, Of: "p999_ms"},
		{By: measure.ByPercentile, At: 100, Of: "max_ms"},
	}
	flights := sampleRun("flights", measure.Seconds, 0.655, 0.06)
	flights.Hold([]measure.Requirement{{Must: 1, AtMost: true}})
	flight := sampleRun("flight-8192", measure.RowsPerSecond, 18.7e6, 0.05)
	flight.PeerOf = "shuffle-tcp"
	grpc := sampleRun("grpc-8192", measure.RowsPerSecond, 32.6e6, 0.1)
	grpc.PeerOf = "shuffle-tcp"
	return &bench.Report{
		Machine: machine.Facts{
			CPU: "AMD EPYC", Cores: 2, Kernel: "Linux 6.18", Arch: "amd64", Go: "go1.26.8", MemoryBytes: 25e9, Load1: 0.1,
			CopyBytesPerS: 14.5e9, LoopbackBytesPerS: 2.6e9, FillRowsPerS: 730e6, SumRowsPerS: 740e6, OtherCPU: 0.03, Noisy: true,
		},
		Runs: []bench.Run{log, local, tcp, tasks, strings, latency, flights, flight, grpc},
	}
}

// compared is sample beside one in which things were otherwise.
func compared() *bench.Report {
	r, base := sample(), sample()
	base.Machine.Go = "go1.26.0"
	for i := range base.Runs {
		factor := []float64{1, 0.8, 1.3, 1.02}[i%4]
		for j := range base.Runs[i].Samples {
			base.Runs[i].Samples[j] *= factor
		}
		base.Runs[i].Median *= factor
	}
	base.Runs = base.Runs[:7]
	r.Comparison = bench.Compare(base, r, "base.json")
	return r
}
