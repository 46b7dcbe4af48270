package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/streamscope/streamscope/bench/live"
	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/control/events"
)

const (
	// Of three workers the last one has no tasks when keyed stages have two: it holds all copies, and does nothing else.
	copyHolder = recoveryWorkers - 1
	// A slow holder stands still for slowStop of every slowEvery.
	slowStop  = 100 * time.Millisecond
	slowEvery = 125 * time.Millisecond
)

// The runs that replica compares: the same job, with a holder of copies that is treated in one way or another.
var holders = []struct {
	name  string
	args  []string
	treat func(ctx context.Context, pid func() int)
}{
	{"running", []string{"--reliability", "replicate=1"}, nil},
	{"retain", []string{"--reliability", "retain"}, nil}, // it gets none
	{"slow", []string{"--reliability", "replicate=1"}, slowDown},
	{"stopped", []string{"--reliability", "replicate=1"}, standStill},
}

// slowDown stops a process again and again.
func slowDown(ctx context.Context, pid func() int) {
	every := time.NewTicker(slowEvery)
	defer every.Stop()
	for {
		signal(pid(), syscall.SIGSTOP)
		on := time.NewTimer(slowStop)
		select {
		case <-on.C:
		case <-ctx.Done():
			on.Stop()
		}
		signal(pid(), syscall.SIGCONT)
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// standStill stops a process, and each that takes its place when its lease is over.
func standStill(ctx context.Context, pid func() int) {
	every := time.NewTicker(drillLook)
	defer every.Stop()
	for stopped := 0; ; {
		if p := pid(); p != stopped {
			signal(p, syscall.SIGSTOP)
			stopped = p
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			signal(stopped, syscall.SIGCONT)
			return
		}
	}
}

func signal(pid int, s syscall.Signal) {
	if pid != 0 {
		_ = syscall.Kill(pid, s) // it may be gone already
	}
}

// holding is a session of the workload replica.
type holding struct {
	runs
	rounds int
}

func openReplica(ctx context.Context, env measure.Env) (measure.Session, error) {
	r, err := openOnce(env)
	if err != nil {
		return nil, err
	}
	s := &holding{runs: *r}
	if err := s.repeat(ctx, env, recoveryMonths); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Measure runs all, in turns, as often as d allows; the sample is the medians.
func (s *holding) Measure(ctx context.Context, d time.Duration) (measure.Sample, error) {
	rates := map[string][]float64{}
	var failed error
	measure.Repeat(d, func() {
		for _, h := range holders {
			if failed == nil {
				var rate float64
				rate, failed = s.run(ctx, h.args, h.treat)
				rates[h.name] = append(rates[h.name], rate)
			}
		}
	})
	if failed != nil {
		return measure.Sample{}, failed
	}
	running, retain := measure.Median(rates["running"]), measure.Median(rates["retain"])
	slow, stopped := measure.Median(rates["slow"]), measure.Median(rates["stopped"])
	return measure.Sample{Value: stopped, Ratios: measure.Ratios{
		"running_rows_per_s": running, "retain_rows_per_s": retain, "slow_rows_per_s": slow,
		"slow_of_running": slow / running, "stopped_of_running": stopped / running, "slow_of_retain": slow / retain, "stopped_of_retain": stopped / retain,
	}}, nil
}

// follower follows a run, and finds out how fast its sources read: from the first report of rows until the last one that had some, so that the ends
// of processes are not in the figure.
type follower struct {
	mu          sync.Mutex
	workers     live.Workers
	first, last time.Time
	rows        uint64 // since first
}

func (f *follower) hear(h events.Happening) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, rows := f.workers.Hear(h)
	switch {
	case rows == 0:
	case f.first.IsZero():
		f.first = time.Now()
	default:
		f.rows, f.last = f.rows+rows, time.Now()
	}
}

// holder is the process of the worker that holds copies, once rows are read; 0 before, and while there is none.
func (f *follower) holder() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first.IsZero() {
		return 0
	}
	return f.workers[copyHolder].PID
}

// run runs the job once, and returns rows per second.
func (s *holding) run(ctx context.Context, args []string, treat func(context.Context, func() int)) (float64, error) {
	s.rounds++
	data := filepath.Join(s.dir, fmt.Sprintf("data-%d", s.rounds))
	args = append(append(s.args(), args...), "--data-dir", data, "--snapshot-interval", recoveryInterval.String(), "--workers", fmt.Sprint(recoveryWorkers), "--tasks", "2")
	f := &follower{workers: make(live.Workers, recoveryWorkers)}
	r, err := live.Start(ctx, s.exe, args, f.hear)
	if err != nil {
		return 0, err
	}
	treating, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	if treat != nil {
		done.Go(func() { treat(treating, f.holder) })
	}
	rowsRead := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return !f.last.IsZero() && time.Since(f.last) > time.Second
	}
	look := time.NewTicker(drillLook)
	defer look.Stop()
	for running := true; running; {
		select {
		case <-r.Exited():
			running = false
		case <-look.C:
			if rowsRead() { // the holder has to end, too
				stop()
			}
		}
	}
	stop()
	done.Wait()
	if err := r.Err(); err != nil {
		return 0, err
	}
	if f.rows == 0 {
		return 0, errors.New("the run was over before anything was heard of it")
	}
	return float64(f.rows) / f.last.Sub(f.first).Seconds(), os.RemoveAll(data)
}
