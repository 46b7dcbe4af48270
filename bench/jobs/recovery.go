package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/control"
)

const (
	recoveryWorkers  = 3
	recoveryMonths   = 12
	recoveryLoad     = 0.5 // of what the same workers can do
	recoveryInterval = 2 * time.Second
	// oneSilent of so many faults is a process that stands still instead of dying.
	oneSilent = 5
)

// recovering is a session of the workload recovery.
type recovering struct {
	runs
	env    measure.Env
	rng    *rand.Rand
	rate   float64 // events per second
	want   []byte
	rounds int
	found  findings
	shape  drillShape
}

// drillShape is what is hurt, and how the run is to take it.
type drillShape struct {
	victims []int
	args    []string
}

var (
	// A gap is seen through reports: it begins and ends up to one interval late.
	anyWorker = drillShape{victims: []int{0, 1, 2}, args: []string{"--report-interval", "20ms"}}
	// Worker 0 has the source and the sink, which are there once.
	instances = drillShape{victims: []int{1, 2}, args: []string{"--stage-strategy", "pairs=replica", "--report-interval", "2ms"}}
)

func (shape drillShape) open(ctx context.Context, env measure.Env) (measure.Session, error) {
	r, err := openOnce(env)
	if err != nil {
		return nil, err
	}
	s := &recovering{runs: *r, env: env, rng: rand.New(rand.NewPCG(1, 0)), shape: shape}
	if err = s.repeat(ctx, env, recoveryMonths); err == nil {
		err = s.calibrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// calibrate finds out what the workers can do, and what the output is.
func (s *recovering) calibrate(ctx context.Context) error {
	sample, err := s.once(ctx, s.reliable()...)
	if err != nil {
		return err
	}
	s.rate = recoveryLoad * sample.Ratios["rows_per_s"]
	s.env.Say("recovery: %.0f events/s, half of what %d workers can do", s.rate, recoveryWorkers)
	s.want, err = os.ReadFile(s.out())
	return err
}

// reliable are the arguments of a run over a data directory of its own.
func (s *recovering) reliable() []string {
	s.rounds++
	return append([]string{
		"--workers", fmt.Sprint(recoveryWorkers), "--snapshot-interval", recoveryInterval.String(),
		"--data-dir", filepath.Join(s.dir, fmt.Sprintf("data-%d", s.rounds)),
	}, s.shape.args...)
}

// Measure runs the job through faults for d, at least once. Its sample is about all faults since the session was opened.
func (s *recovering) Measure(ctx context.Context, d time.Duration) (measure.Sample, error) {
	var err error
	measure.Repeat(d, func() {
		if err == nil {
			err = s.round(ctx)
		}
	})
	if err == nil && len(s.found.gaps) == 0 {
		err = errors.New("the job was over before anything could be killed")
	}
	if err != nil {
		return measure.Sample{}, err
	}
	return s.found.sample(), nil
}

// round runs the job once, and compares what it leaves.
func (s *recovering) round(ctx context.Context) error {
	args := append(s.args(), s.reliable()...)
	dr := drill{found: &s.found, rng: s.rng, victims: s.shape.victims}
	if err := dr.run(ctx, s.exe, append(args, "--rate", fmt.Sprintf("%.0f", s.rate))); err != nil {
		return err
	}
	got, err := os.ReadFile(s.out())
	if err == nil && !bytes.Equal(got, s.want) {
		err = fmt.Errorf("after %d faults the output differs from that of a run without: %d bytes, want %d", len(dr.faults), len(got), len(s.want))
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(s.dir, fmt.Sprintf("data-%d", s.rounds))))
}

// findings are what was seen of all faults.
type findings struct {
	gaps       []float64 // of the output after a kill, in seconds
	silentGaps []float64 // after a process stopped
	steady     []float64 // between two reports that the output has gone on, without faults
	elsewhere  []float64 // ticks that the tasks of others executed in a gap
	stood      int       // gaps in which they executed none
	rolledBack int       // tasks of others that went back, or lost their process
}

func (f *findings) sample() measure.Sample {
	ms := func(values []float64, q float64) float64 { return 1e3 * measure.Quantile(values, q) }
	lease := time.Duration(control.DefaultLeaseNs).Seconds()
	r := measure.Ratios{
		"kills": float64(len(f.gaps)), "gap_p50_ms": ms(f.gaps, 0.5), "gap_p99_ms": ms(f.gaps, 0.99),
		"steady_gap_p50_ms": ms(f.steady, 0.5), "steady_gap_p99_ms": ms(f.steady, 0.99),
		"elsewhere_ticks": measure.Median(f.elsewhere), "elsewhere_stood": float64(f.stood), "rolled_back": float64(f.rolledBack),
	}
	if len(f.silentGaps) > 0 {
		r["silent"] = float64(len(f.silentGaps))
		r["silent_gap_p50_ms"], r["silent_gap_p99_ms"] = ms(f.silentGaps, 0.5), ms(f.silentGaps, 0.99)
		r["silent_beyond_lease_p50_ms"] = ms(f.silentGaps, 0.5) - 1e3*lease
		r["silent_beyond_lease_p99_ms"] = ms(f.silentGaps, 0.99) - 1e3*lease
	}
	return measure.Sample{Value: measure.Quantile(f.gaps, 0.5), Ratios: r}
}
