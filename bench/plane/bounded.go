package plane

import "github.com/streamscope/streamscope/bench/measure"

// What the collector's workload holds: 8 GiB.
const (
	heldStateBytes = 6 << 30
	heldRingBytes  = 2 << 30
)

// bounded are workloads about limits: what the engine must not take, whatever happens.
func bounded() []measure.Workload {
	return []measure.Workload{
		{
			Name: "collector", Unit: measure.Seconds, Apart: true,
			About: "99th percentile of the garbage collector's pauses, with 8 GiB of state and rings, while shuffle-local runs",
			Open:  openCollector(heldStateBytes, heldRingBytes),
			Require: []measure.Requirement{
				{Of: "pause_p99_ms", Must: 0.5, AtMost: true}, {Of: "gc_share_of_cpu", Must: 0.02, AtMost: true},
				{Of: "allocs_per_frame", Must: 0.001, AtMost: true},
			},
		},
		{
			Name: "stopped-consumer", Unit: measure.Seconds, Apart: true, Whole: true,
			About: "time until a consumer in another process that stood still for a minute has caught up, while a million rows a second come in",
			Open:  openStopped,
			Require: []measure.Requirement{
				{Of: "peak_bytes", Must: 256 << 20, AtMost: true}, {Of: "rows_lost", Must: 0, AtMost: true},
			},
		},
	}
}
