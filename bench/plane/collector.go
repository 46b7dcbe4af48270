package plane

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
)

// collector is a session of the workload of that name: shuffle-local in a process that holds gigabytes of state and rings.
type collector struct{ held *ballast }

// openCollector fills the memory, which takes seconds.
func openCollector(stateBytes, ringBytes int64) func(context.Context, measure.Env) (measure.Session, error) {
	return func(_ context.Context, env measure.Env) (measure.Session, error) {
		env.Say("filling %d MiB of state and rings", (stateBytes+ringBytes)>>20)
		held, err := newBallast(localCores, stateBytes, ringBytes)
		if err != nil {
			return nil, fmt.Errorf("collector: %w", err)
		}
		return &collector{held}, nil
	}
}

// Measure runs the shuffle three times: alone, for what it allocates; beside a goroutine that makes garbage, for what the collector costs, which would
// not run at all without; and while it collects all the time, for its pauses, of which there would be too few. So it does beside threads that do
// nothing but add, for what a pause takes on this machine whoever is paused.
func (c *collector) Measure(ctx context.Context, d time.Duration) (measure.Sample, error) {
	allocs, err := c.allocsPerFrame(ctx, d/4)
	if err != nil {
		return measure.Sample{}, err
	}
	shuffle := measureLocal(localShape(false))
	rate, garbage, err := beside(ctx, d/4, shuffle, makeGarbage)
	if err != nil {
		return measure.Sample{}, err
	}
	_, forced, err := beside(ctx, d/4, shuffle, collectAlways)
	if err != nil {
		return measure.Sample{}, err
	}
	_, bare, err := beside(ctx, d/4, addOnly, collectAlways)
	if err = errors.Join(err, c.held.check()); err != nil {
		return measure.Sample{}, err
	}
	p99 := percentileOf(forced.pauses, 99)
	return measure.Sample{Value: p99, Ratios: measure.Ratios{
		"allocs_per_frame":  allocs,
		"pause_p50_ms":      1e3 * percentileOf(forced.pauses, 50),
		"pause_p99_ms":      1e3 * p99,
		"stop_p50_ms":       1e3 * percentileOf(forced.stops, 50),
		"stop_p99_ms":       1e3 * percentileOf(forced.stops, 99),
		"bare_pause_p50_ms": 1e3 * percentileOf(bare.pauses, 50),
		"bare_pause_p99_ms": 1e3 * percentileOf(bare.pauses, 99),
		"pauses":            float64(countOf(forced.pauses)),
		"gc_share_of_cpu":   garbage.gc / garbage.all,
		"gc_cycles_per_s":   float64(garbage.cycles) / (d / 4).Seconds(),
		"held_bytes":        float64(c.held.bytes()),
		"rows_per_s":        rate,
	}}, nil
}

// allocsPerFrame counts in the middle of a run, when the shuffle is warm.
func (c *collector) allocsPerFrame(ctx context.Context, d time.Duration) (float64, error) {
	s := localShape(false)
	l, err := newLocal(s, newPlain())
	if err != nil {
		return 0, err
	}
	var allocs allocations
	allocs.start() // the first time allocates
	var objects, ticks uint64
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(d / 4)
		from := l.cores[0].consumer.executed.Load()
		allocs.start()
		time.Sleep(d / 2)
		objects = allocs.count()
		ticks = l.cores[0].consumer.executed.Load() - from
	})
	_, err = l.run(d)
	wg.Wait()
	if err == nil {
		_, err = l.check()
	}
	if err = errors.Join(err, l.close(), ctx.Err()); err != nil {
		return 0, err
	}
	perTick := s.Cores * (s.TickRows*rows.Bytes + s.FrameBytes - 1) / s.FrameBytes // DATA frames; CLOSEs come on top
	return float64(objects) / float64(max(1, ticks*uint64(perTick))), nil
}

// beside measures f for d beside a goroutine that does something else, and returns its rate and what the collector did.
func beside(ctx context.Context, d time.Duration, f measure.Func, other func(context.Context)) (rate float64, did collectorTimes, err error) {
	before := readCollector()
	inner, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { other(inner) })
	s, err := f(ctx, d)
	stop()
	wg.Wait()
	after := readCollector()
	return s.Value, after.since(&before), err
}

// addOnly keeps as many threads busy as the shuffle has cores, with sums in their caches, and uses nothing of the engine.
func addOnly(ctx context.Context, d time.Duration) (measure.Sample, error) {
	var wg sync.WaitGroup
	for range localCores {
		wg.Go(func() {
			var c [4][1024]int64
			var sums rows.Sums
			_, _ = timed(func() error {
				measure.Repeat(d, func() { sums.AddColumns(c[0][:], c[1][:], c[2][:], c[3][:]) })
				return nil
			})
		})
	}
	wg.Wait()
	return measure.Sample{}, ctx.Err()
}

// Close gives the memory back.
func (c *collector) Close() error { return c.held.close() }
