package plane

import (
	"context"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/plane/latency"
	"github.com/streamscope/streamscope/bench/plane/staged"
	"github.com/streamscope/streamscope/bench/rows"
)

// Workloads are the measurements of the data plane by name.
func Workloads() []measure.Workload {
	return append([]measure.Workload{
		{
			Name: "ringlog", Unit: measure.RowsPerSecond,
			About:   "one writer, one reader of a ring log, 128 KiB frames of 32-byte rows",
			Open:    always(measureLog),
			Kernels: []string{"fill", "sum"}, Relate: ofSlower, Beside: "of_slower_kernel",
			// Aeron's IPC moves 46 to 49 M messages of 32 bytes a second: two and a half times that.
			Require: []measure.Requirement{{Must: 122.5e6}, {Of: "of_slower_kernel", Must: 0.60, Stretch: 0.75}},
		},
		{
			Name: "shuffle-local", Unit: measure.RowsPerSecond,
			About:   "two cores, each a producer and half of 64 destination tasks, unordered",
			Open:    always(measureLocal(localShape(false))),
			Kernels: []string{"fill", "scatter", "sum"}, Relate: ofBound, Beside: "of_bound",
			Points:  []measure.Point{tasksPoint(64)},
			Require: []measure.Requirement{{Must: 60e6, Stretch: 80e6}, {Of: "of_bound", Must: 0.65}},
		},
		{
			Name: "shuffle-local-ordered", Unit: measure.RowsPerSecond,
			About:   "shuffle-local with rows in canonical order per tick",
			Open:    always(measureLocal(localShape(true))),
			Kernels: []string{"fill", "scatter", "sum"}, Relate: ofBound, Beside: "of_bound",
		},
		{
			Name: "netio", Unit: measure.BytesPerSecond,
			About: "128 KiB frames of 32-byte rows from a ring through a link to another process, beside net.Buffers idle, and with the same rows made and summed",
			Open:  openLink, Beside: "of_net_buffers",
			Require: []measure.Requirement{{Of: "of_net_buffers", Must: 0.85, Stretch: 0.95}, {Of: "of_busy_net_buffers", Must: 0.85, Stretch: 0.95}},
		},
		{
			Name: "shuffle-local-1024", Unit: measure.RowsPerSecond,
			About:   "shuffle-local to 1,024 tasks, and to 64 in the same repetition",
			Open:    always(measureMany),
			Points:  []measure.Point{tasksPoint(manyTasks)},
			Require: []measure.Requirement{{Of: "of_64_tasks", Must: 0.70, Stretch: 0.85}},
		},
		{
			Name: "count-local", Unit: measure.RowsPerSecond,
			About:   "shuffle-local into a keyed count of 65,536 keys, by the window operator",
			Open:    always(measureLoad(localShape(false), newCounting)),
			Require: []measure.Requirement{{Must: 45e6, Stretch: 60e6}},
		},
		{
			Name: "strings", Unit: measure.BytesPerSecond,
			About:   "shuffle-local of 100-byte rows with two strings, hashed by one of them",
			Open:    always(measureStrings),
			Require: []measure.Requirement{{Must: 1.2e9, Stretch: 2e9}},
		},
		{
			Name: "tasks", Unit: measure.RowsPerSecond,
			About: "a job of four stages in 3,000 tasks of one process, the same in 16 and 256, and 3,000 tasks with nothing to do",
			Open:  always(staged.MeasureTasks),
			Points: []measure.Point{
				{By: measure.ByTasks, At: 16, Of: "rows_per_s_16"}, {By: measure.ByTasks, At: 256, Of: "rows_per_s_256"},
				{By: measure.ByTasks, At: 3000, Of: "rows_per_s_3000"},
			},
			Require: []measure.Requirement{
				{Of: "of_16_tasks", Must: 0.60, Stretch: 0.80}, {Of: "idle_share_of_core", Must: 0.02, Stretch: 0.005, AtMost: true},
			},
		},
		{
			Name: "wide", Unit: measure.RowsPerSecond,
			About:   "a job of 1,000 source tasks and 1,000 that each of them sends to, in a process of its own",
			Open:    openWide,
			Require: []measure.Requirement{{Must: 20e6, Stretch: 35e6}, {Of: "peak_bytes", Must: 512 << 20, AtMost: true}},
		},
		{
			Name: "shuffle-tcp", Unit: measure.RowsPerSecond,
			About: "one producer to 64 tasks of another process over loopback, unordered, checksummed",
			Open:  openTCP(tcpShape(false)), Beside: "of_net_buffers",
			Kernels: []string{"fill", "scatter", "sum", "checksum", "buffers"}, Relate: ofLinkBound,
			Require: []measure.Requirement{
				{Must: 32e6, Stretch: 48e6}, {Of: "of_net_buffers", Must: 0.60, Stretch: 0.70},
			},
		},
		{
			Name: "shuffle-tcp-ordered", Unit: measure.RowsPerSecond,
			About: "shuffle-tcp with rows in canonical order per tick",
			Open:  openTCP(tcpShape(true)), Beside: "of_net_buffers",
		},
		{
			Name: "checksums", Unit: measure.RowsPerSecond,
			About:   "shuffle-tcp with the sums of frames made and verified, beside the same without",
			Open:    openChecksums,
			Require: []measure.Requirement{{Of: "of_without", Must: 0.88, Stretch: 0.92}},
		},
		{
			Name: "latency", Unit: measure.Seconds,
			About: "99th percentile from an event's creation until a consumer may read it, at half the top rate, in ticks of 5 ms",
			Open:  always(latency.Measure(5 * time.Millisecond)),
			Require: []measure.Requirement{
				{Of: "p50_ms", Must: 6, Stretch: 3, AtMost: true}, {Of: "p99_ms", Must: 15, Stretch: 7.5, AtMost: true},
				{Of: "p999_ms", Must: 30, Stretch: 15, AtMost: true},
			},
			Points: percentiles("ticks of 5 ms"),
		},
		{
			Name: "latency-peer", Unit: measure.Seconds,
			About: "latency with each tick closed only once a peer has the records of its sources",
			Open:  always(latency.MeasureAtPeer(5 * time.Millisecond)),
			Require: []measure.Requirement{
				{Of: "p50_ms", Must: 6, Stretch: 3, AtMost: true}, {Of: "p99_ms", Must: 15, Stretch: 7.5, AtMost: true},
				{Of: "p999_ms", Must: 30, Stretch: 15, AtMost: true},
			},
			Points: percentiles("records at a peer"),
		},
		{
			Name: "latency-retain", Unit: measure.Seconds, Apart: true,
			About:   "latency on two nodes with journals and images every 2 s on disk and logs that are kept (retain), beside the same with reliability off",
			Open:    always(latency.MeasureRetained(5 * time.Millisecond)),
			Require: []measure.Requirement{{Of: "p99_of_off", Must: 1.2, AtMost: true}},
		},
		{
			Name: "latency-1ms", Unit: measure.Seconds,
			About:   "latency in ticks of 1 ms",
			Open:    always(latency.Measure(time.Millisecond)),
			Require: []measure.Requirement{{Of: "p99_ms", Must: 5, Stretch: 2.5, AtMost: true}},
			Points:  percentiles("ticks of 1 ms"),
		},
		{
			Name: "shuffle-shm", Unit: measure.RowsPerSecond,
			About:   "two processes of one core, each with a producer for the other's half of 64 tasks, through shared ring segments, unordered",
			Open:    openShm(shmShape(false)),
			Require: []measure.Requirement{{Of: "of_local", Must: 0.85, Stretch: 0.95}},
		},
		{
			Name: "shuffle-shm-ordered", Unit: measure.RowsPerSecond,
			About: "shuffle-shm with rows in canonical order per tick",
			Open:  openShm(shmShape(true)),
		},
	}, append(variants(), bounded()...)...)
}

// percentiles place the ratios of a latency on a plot.
func percentiles(line string) []measure.Point {
	var out []measure.Point
	for _, p := range []struct {
		at float64
		of string
	}{{50, "p50_ms"}, {90, "p90_ms"}, {99, "p99_ms"}, {99.9, "p999_ms"}, {100, "max_ms"}} {
		out = append(out, measure.Point{By: measure.ByPercentile, At: p.at, Of: p.of, Line: line})
	}
	return out
}

// tasksPoint places the rate of a shuffle on the plot of tasks.
func tasksPoint(tasks float64) measure.Point {
	return measure.Point{By: measure.ByTasks, At: tasks, Line: "shuffle-local"}
}

func always(f measure.Func) func(context.Context, measure.Env) (measure.Session, error) {
	return func(context.Context, measure.Env) (measure.Session, error) { return f, nil }
}

// ofSlower relates a pipeline of two cores to the slower of its ends.
func ofSlower(median float64, k map[string]float64) measure.Ratios {
	return measure.Ratios{"of_slower_kernel": median / min(k["fill"], k["sum"])}
}

// ofLinkBound relates a shuffle over loopback to what two cores could do if, besides what bare net.Buffers do with both of them, they made,
// scattered, summed up and summed rows, and nothing else.
func ofLinkBound(median float64, k map[string]float64) measure.Ratios {
	link := rows.Bytes / k["buffers"]
	work := 1/k["fill"] + 1/k["scatter"] + 2*rows.Bytes/k["checksum"] + 1/k["sum"]
	bound := 1 / (link + work/2)
	return measure.Ratios{"of_bound": median / bound, "bound_rows_per_s": bound}
}

// ofBound relates a shuffle on two cores to what they could do if making, scattering and summing rows were all there is to do.
func ofBound(median float64, k map[string]float64) measure.Ratios {
	bound := localCores / (1/k["fill"] + 1/k["scatter"] + 1/k["sum"])
	return measure.Ratios{"of_bound": median / bound, "bound_rows_per_s": bound}
}
