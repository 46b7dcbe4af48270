package main

import (
	"context"
	"errors"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
)

// sender is the producing end of a measurement between processes, connected.
type sender interface {
	// run makes and sends stream 0 until then, and returns the rows made.
	run(until time.Time) (made uint64, err error)
	close() error
}

// transport is a peer between two processes.
type transport struct {
	receive func(size int) (receiver, error)
	// send connects. wire counts the bytes that its connections write.
	send func(ctx context.Context, addr string, size int, wire *wireCount) (sender, error)
}

// transports by the names that stand in tasks of children.
var transports = map[string]transport{
	"nats":   {natsReceive, natsSend},
	"grpc":   {grpcReceive, grpcSend},
	"flight": {flightReceive, flightSend},
}

// measureRemote sends messages of size rows to a child process.
func measureRemote(name string, size int) func(context.Context, measure.Env) (measure.Session, error) {
	return func(_ context.Context, env measure.Env) (measure.Session, error) {
		return measure.Func(func(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
			c, err := start(ctx, env.Exe, task{Transport: name, Size: size})
			if err != nil {
				return sample, err
			}
			defer func() { err = c.end(errors.Join(err, ctx.Err())) }()
			var wire wireCount
			s, err := transports[name].send(ctx, c.addr, size, &wire)
			if err != nil {
				return sample, err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			return exchange(s, c, d, &wire)
		}), nil
	}
}

// exchange is a repetition: it is over when the child has said what it read.
func exchange(s sender, c *child, d time.Duration, wire *wireCount) (sample measure.Sample, err error) {
	cpu, start := measure.ProcessCPU(), time.Now()
	made, err := s.run(start.Add(d))
	used := measure.ProcessCPU() - cpu
	if err != nil {
		return sample, err
	}
	r, err := c.result()
	if err != nil {
		return sample, err
	}
	took := time.Since(start)
	return measure.Sample{Value: float64(made) / took.Seconds(), Ratios: measure.Ratios{
		"link_bytes_per_row":      float64(wire.bytes.Load()) / float64(made),
		"sender_cpu_ns_per_row":   measure.PerRow(used, made),
		"receiver_cpu_ns_per_row": measure.PerRow(r.CPU, made),
	}}, r.Sums.Check(rows.Stream(0).Want(made))
}
