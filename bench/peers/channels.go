package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
)

// localProducers is the number of producers within a process, as in shuffle-local.
const localProducers = 2

// channelRows bounds what is on the way to one task.
const channelRows = 1024

// measureChannels sends slices of size rows through a channel per task.
func measureChannels(size int) measure.Func {
	return func(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
		pool := sync.Pool{New: func() any { return newPacket(size) }}
		var to [tasks]chan *packet
		var sums [tasks]rows.Sums
		var consumers sync.WaitGroup
		for t := range to {
			to[t] = make(chan *packet, max(1, channelRows/size))
			consumers.Go(func() {
				for p := range to[t] {
					addRows(&sums[t], p.rows)
					p.rows = p.rows[:0]
					pool.Put(p)
				}
			})
		}
		send := func(task int, p *packet) (*packet, error) {
			to[task] <- p
			return pool.Get().(*packet), nil
		}
		finish := func() (got rows.Sums, err error) {
			for _, c := range to {
				close(c)
			}
			consumers.Wait()
			for _, s := range sums {
				got = got.Plus(s)
			}
			return got, nil
		}
		return measureLocal(ctx, size, d, func(int) func(int, *packet) (*packet, error) { return send }, finish)
	}
}

// measureLocal runs producers that send with sender(i), then finish, which returns what was read.
func measureLocal(ctx context.Context, size int, d time.Duration, sender func(producer int) func(int, *packet) (*packet, error),
	finish func() (rows.Sums, error)) (sample measure.Sample, err error) {
	var producers [localProducers]*spread
	for i := range producers {
		producers[i] = newSpread(rows.Stream(i), size)
		producers[i].send = sender(i)
	}
	var wg sync.WaitGroup
	errs := make([]error, localProducers)
	cpu, start := measure.ProcessCPU(), time.Now()
	for i, p := range producers {
		wg.Go(func() { errs[i] = p.run(start.Add(d)) })
	}
	wg.Wait()
	got, err := finish()
	took, used := time.Since(start), measure.ProcessCPU()-cpu
	if err = errors.Join(append(errs, err, ctx.Err())...); err != nil {
		return sample, err
	}
	var want rows.Sums
	for _, p := range producers {
		want = want.Plus(p.stream.Want(p.made))
	}
	return measure.Sample{Value: float64(got.Rows) / took.Seconds(), Ratios: measure.Ratios{
		"cpu_ns_per_row": measure.PerRow(used, got.Rows),
	}}, got.Check(want)
}
