package simtest

import (
	"math/rand/v2"
	"time"

	"github.com/streamscope/streamscope/vertex/runtime"
)

// Limits are the sizes a simulated cluster works with.
type Limits struct {
	Nodes, Cores int
	SegmentBytes int
	ArenaBytes   int64
	FrameBytes   int
	CreditBytes  int
	Schedule     runtime.Schedule
	Admission    runtime.Admission
}

// Degenerate draws limits that are legal and mostly far too small: wrap-around, spilling, splitting and waiting happen in every run.
// Rows of at most 1 KiB fit.
func Degenerate(rng *rand.Rand) Limits {
	l := Limits{
		Nodes: 1 + rng.IntN(3), Cores: 1 + rng.IntN(2),
		SegmentBytes: 64 << 10,
		ArenaBytes:   int64(20+rng.IntN(40)) * 64 << 10,
		FrameBytes:   4096 + rng.IntN(28<<10),
		CreditBytes:  1 + rng.IntN(64<<10),
		Schedule:     runtime.Schedule{Bytes: 256 << rng.IntN(10)},
		Admission:    runtime.Admission{Ticks: 1 + rng.IntN(8), Bytes: 1 + rng.IntN(256<<10)},
	}
	if rng.IntN(2) == 0 {
		l.Schedule = runtime.Schedule{Length: time.Duration(1+rng.IntN(50)) * time.Microsecond, StartNs: startNs}
	}
	return l
}
