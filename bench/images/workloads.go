package images

import "github.com/streamscope/streamscope/bench/measure"

// large is 4 GiB of joins and half a GiB that changes at random.
var large = shape{joins: 2, joinBytes: 2 << 30, scattered: 512 << 20, turnover: 5, keys: 4096}

// Workloads are the measurements of images by name.
func Workloads() []measure.Workload {
	return []measure.Workload{{
		Name: "snapshot", Unit: measure.Seconds, Apart: true, Whole: true,
		About: "time for a core to change a quarter of 4 GiB of join state while an image of it is written, beside the same without; restore of 512 MiB",
		Open:  open(large),
		Require: []measure.Requirement{
			{Of: "kept", Must: 0.93}, {Of: "dirty_share", Must: 0.25, AtMost: true}, {Of: "pause_ms_per_gib", Must: 1, AtMost: true},
			{Of: "written_of_dirty", Must: 1.1, AtMost: true}, {Of: "restore_bytes_per_s", Must: 500e6},
		},
	}}
}
