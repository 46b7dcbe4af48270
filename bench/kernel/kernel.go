package kernel

import (
	"context"
	"errors"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// blockRows is what a kernel works on: 128 KiB of rows, the size of a frame, which stays in a core's cache.
const blockRows = 128 << 10 / rows.Bytes

// copyBytes is what `copy` moves at a time: far beyond the caches.
const copyBytes = 64 << 20

// Workloads are the kernels by name.
func Workloads() []measure.Workload {
	return []measure.Workload{
		{Name: "fill", Unit: measure.RowsPerSecond, About: "kernel: make 32-byte rows in cache, one core", Open: open(fill)},
		{Name: "sum", Unit: measure.RowsPerSecond, About: "kernel: sum every column of 32-byte rows in cache, one core", Open: open(sum)},
		{Name: "scatter", Unit: measure.RowsPerSecond, About: "kernel: hash the key and sort rows to 64 destinations, one core", Open: open(scatter)},
		{Name: "copy", Unit: measure.BytesPerSecond, About: "kernel: copy 64 MiB in memory, one core", Open: open(memcopy)},
		{Name: "checksum", Unit: measure.BytesPerSecond, About: "kernel: the sum of a frame of 128 KiB in cache, one core", Open: open(checksum)},
		{Name: "buffers", Unit: measure.BytesPerSecond, About: "kernel: net.Buffers of 1 MiB over loopback, not paced, within this process, all cores", Open: openBuffers},
	}
}

// open makes a session of a function that prepares a kernel and returns its step and what a step does, in the workload's unit.
func open(prepare func() (step func(), units float64)) func(context.Context, measure.Env) (measure.Session, error) {
	return func(context.Context, measure.Env) (measure.Session, error) {
		step, units := prepare()
		step() // warm
		return measure.Func(func(ctx context.Context, d time.Duration) (measure.Sample, error) {
			n, took := measure.Repeat(d, step)
			return measure.Sample{Value: float64(n) * units / took.Seconds()}, ctx.Err()
		}), nil
	}
}

// columns is a block of rows.
type columns struct{ key, vs, ve, value []int64 }

func newColumns(n int) columns {
	all := make([]int64, 4*n)
	return columns{all[:n:n], all[n : 2*n : 2*n], all[2*n : 3*n : 3*n], all[3*n:]}
}

func fill() (step func(), units float64) {
	c := newColumns(blockRows)
	s, at := rows.Stream(1), uint64(0)
	return func() {
		s.Fill(c.key, c.vs, c.ve, c.value, at)
		at += blockRows
	}, blockRows
}

func sum() (step func(), units float64) {
	c := newColumns(blockRows)
	rows.Stream(1).Fill(c.key, c.vs, c.ve, c.value, 0)
	var total rows.Sums
	return func() { total.AddColumns(c.key, c.vs, c.ve, c.value) }, blockRows
}

func memcopy() (step func(), units float64) {
	from, to := make([]byte, copyBytes), make([]byte, copyBytes)
	for i := range from {
		from[i] = byte(i)
	}
	return func() { copy(to, from) }, copyBytes
}

func checksum() (step func(), units float64) {
	b := make([]byte, blockRows*rows.Bytes)
	for i := range b {
		b[i] = byte(i)
	}
	seed := uint64(0)
	return func() {
		seed = frame.ChecksumAs(seed, b)
	}, float64(len(b))
}

// Rate opens one kernel, measures it for d and returns the value.
func Rate(ctx context.Context, w measure.Workload, env measure.Env, d time.Duration) (v float64, err error) {
	s, err := w.Open(ctx, env)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	sample, err := s.Measure(ctx, d)
	return sample.Value, err
}
