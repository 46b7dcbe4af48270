package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"time"

	"github.com/streamscope/streamscope/bench/kernel"
	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

// Options say how to measure.
type Options struct {
	Names    []string
	Duration time.Duration // of one repetition
	Runs     int           // repetitions
	Env      measure.Env
	Out      io.Writer // the results as text
	// Progress, if any, is told what is measured, on the goroutine that measures.
	Progress func(Progress)
}

// othersCPU is the ratio that every run has: the share of the processors that others used meanwhile.
const othersCPU = "others_cpu"

// What is noise, as fractions.
const (
	noisySpread = 0.15
	noisyOthers = 0.05
)

// Parts of Options.Duration that are not repetitions. A workload has at most three kernels, the machine four: together less than two.
const (
	kernelPart = 8
	warmPart   = 4
	longest    = 500 * time.Millisecond // of a kernel or a warm-up
)

// Measure runs the workloads of the catalogue that o names. What was measured before an error is in the report.
func Measure(ctx context.Context, o Options) (*Report, error) {
	workloads, err := Select(o.Names)
	if err != nil {
		return nil, err
	}
	return MeasureThese(ctx, o, workloads)
}

// MeasureThese runs workloads one after the other, of the catalogue or not; their kernels are. It does not read o.Names.
func MeasureThese(ctx context.Context, o Options, workloads []measure.Workload) (*Report, error) {
	r := &Report{Machine: machine.Read(), Runs: []Run{}}
	m := newMeter(&o, workloads)
	m.now(0)
	if err := measureMachine(ctx, o, &r.Machine); err != nil {
		return r, err
	}
	m.did(o.machineTime())
	PrintMachine(o.Out, r.Machine)
	for _, w := range workloads {
		m.next(w.Name)
		run, others, err := measureOne(ctx, o, w, m)
		if err != nil {
			return r, fmt.Errorf("bench %s: %w", w.Name, err)
		}
		r.Machine.OtherCPU = max(r.Machine.OtherCPU, others)
		r.Machine.Noisy = r.Machine.Noisy || run.Noisy
		run.Print(o.Out)
		r.Runs = append(r.Runs, *run)
	}
	if r.Machine.Noisy {
		fmt.Fprintf(o.Out, "the machine was noisy (others used up to %.0f %% of the processors): figures marked NOISY are not worth recording\n", 100*r.Machine.OtherCPU)
	}
	return r, nil
}

func measureMachine(ctx context.Context, o Options, f *machine.Facts) error {
	for name, to := range map[string]*float64{
		"copy": &f.CopyBytesPerS, "buffers": &f.LoopbackBytesPerS, "fill": &f.FillRowsPerS, "sum": &f.SumRowsPerS,
	} {
		v, err := kernel.Rate(ctx, find(name), o.Env, o.part(kernelPart))
		if err != nil {
			return fmt.Errorf("bench: the machine's %s: %w", name, err)
		}
		*to = v
	}
	return nil
}

// part is a fraction of the duration, within bounds.
func (o *Options) part(of int) time.Duration { return min(o.Duration/time.Duration(of), longest) }

func measureOne(ctx context.Context, o Options, w measure.Workload, m *meter) (run *Run, others float64, err error) {
	s, err := w.Open(ctx, o.Env)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if !w.Whole {
		if _, err := s.Measure(ctx, o.part(warmPart)); err != nil {
			return nil, 0, err
		}
	}
	watch := machine.StartWatch()
	before, err := measureKernels(ctx, o, w)
	if err != nil {
		return nil, 0, err
	}
	var samples []measure.Sample
	var values []float64
	for i := range o.Runs {
		m.now(i + 1)
		sample, err := s.Measure(ctx, o.Duration)
		if err != nil {
			return nil, 0, err
		}
		if !finite(sample.Value) {
			return nil, 0, fmt.Errorf("repetition %d: got %v %s", i+1, sample.Value, w.Unit)
		}
		samples = append(samples, sample)
		values = append(values, sample.Value)
		m.did(o.Duration)
	}
	after, err := measureKernels(ctx, o, w)
	if err != nil {
		return nil, 0, err
	}
	m.did(o.prepareTime(&w))
	others = watch.Others()
	run = &Run{
		Name: w.Name, About: w.About, PeerOf: w.PeerOf, At: time.Now().UTC().Truncate(time.Second), Unit: w.Unit, Beside: w.Beside, Size: w.Size, Points: w.Points,
		Median: measure.Median(values), Spread: measure.Spread(values),
		Ratios: measure.MedianRatios(samples), Samples: values,
	}
	run.Noisy = run.Spread > noisySpread || others > noisyOthers
	run.Ratios[othersCPU] = others
	if w.Relate != nil {
		for name := range before {
			before[name] = (before[name] + after[name]) / 2
		}
		maps.Copy(run.Ratios, w.Relate(run.Median, before))
	}
	maps.DeleteFunc(run.Ratios, func(_ string, v float64) bool { return !finite(v) }) // to nothing: JSON has no word for it
	run.Hold(w.Require)
	return run, others, nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// measureKernels measures a workload's denominators, half of their time before its repetitions, half after.
func measureKernels(ctx context.Context, o Options, w measure.Workload) (map[string]float64, error) {
	out := map[string]float64{}
	for _, name := range w.Kernels {
		v, err := kernel.Rate(ctx, find(name), o.Env, o.part(2*kernelPart))
		if err != nil {
			return nil, fmt.Errorf("kernel %s: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}
