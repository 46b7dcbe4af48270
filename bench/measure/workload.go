package measure

import (
	"context"
	"io"
	"time"
)

// Unit is the base unit of a value.
type Unit string

// The units.
const (
	RowsPerSecond  Unit = "rows/s"
	BytesPerSecond Unit = "bytes/s"
	Seconds        Unit = "s"
)

// Units are all of them.
var Units = []Unit{RowsPerSecond, BytesPerSecond, Seconds}

// LessIsBetter tells a cost from a rate.
func (u Unit) LessIsBetter() bool { return u == Seconds }

// Ratios are numbers beside a value, by name.
type Ratios map[string]float64

// Sample is what one repetition found.
type Sample struct {
	Value  float64
	Ratios Ratios
}

// Session measures one workload again and again.
type Session interface {
	// Measure runs one repetition of about d and checks its result.
	Measure(ctx context.Context, d time.Duration) (Sample, error)
	io.Closer
}

// Workload is something that can be measured, by name.
type Workload struct {
	Name  string
	Unit  Unit
	About string // one line
	// Require is what the median and the ratios must reach, all of it.
	Require []Requirement
	// Points place the median and the ratios on plots.
	Points []Point
	// Beside is the ratio that sets the median against kernels of the same minutes, if there is one: when it has not moved, the machine has.
	Beside string
	// Size is the ratio that says how large the work was, if that is not the same everywhere: another size cannot be compared.
	Size string
	// PeerOf is the workload of ours that a peer's is measured beside; empty: it is ours.
	PeerOf string
	// Open prepares repetitions.
	Open func(ctx context.Context, env Env) (Session, error)
	// Kernels are names of workloads to measure in the same run, as denominators.
	Kernels []string
	// Relate makes ratios of the median and the medians of the kernels.
	Relate func(median float64, kernels map[string]float64) Ratios
	// Apart from the standard set: it takes minutes, or most of a machine's memory.
	Apart bool
	// Whole repetitions have a length of their own, so that a short duration makes them no shorter; there is no warm-up.
	Whole bool
}

// Env is what workloads know of the world.
type Env struct {
	Exe   string // this program, for workloads that start processes of it
	Cores int    // GOMAXPROCS
	// Say tells the user what is going on.
	Say func(format string, args ...any)
}

// Func is a Session without state.
type Func func(ctx context.Context, d time.Duration) (Sample, error)

// Measure calls f.
func (f Func) Measure(ctx context.Context, d time.Duration) (Sample, error) { return f(ctx, d) }

// Close does nothing.
func (f Func) Close() error { return nil }
