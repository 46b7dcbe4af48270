package plane

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// The shape of the ring log's measurement: eight frames fill a segment, so that little of it is left over, and all segments fit into the cache
// that the cores share. Four of them in place of eight were slower by a quarter.
const (
	logFrameRows    = 4000
	logFrameBytes   = frame.HeaderLen + logFrameRows*rows.Bytes
	logSegmentBytes = 1 << 20
	logSegments     = 8
)

var logChain = frame.Chain{Edge: 1, Node: 1}

// logRun is one repetition: a writer and a reader of one log.
type logRun struct {
	log    *ringlog.Log
	writer spinner
	reader spinner
	ended  atomic.Bool // the writer has committed its last frame
	failed atomic.Bool
	made   uint64
	read   rows.Sums
}

func measureLog(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: logSegmentBytes, LimitBytes: logSegments * logSegmentBytes})
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, arena.Close()) }()
	for arena.Step() { // all memory is populated before
	}
	r := &logRun{writer: newSpinner(), reader: newSpinner()}
	if r.log, err = arena.NewLog(ringlog.LogConfig{Job: 1, Node: 1, Incarnation: 1, Wake: r.writer.wake}); err != nil {
		return sample, err
	}
	start := time.Now()
	var readerCPU time.Duration
	read := make(chan error, 1)
	go func() {
		cpu, err := timed(r.readAll)
		readerCPU = cpu
		if err != nil {
			r.failed.Store(true)
			r.writer.wake()
		}
		read <- err
	}()
	writerCPU, err := timed(func() error { return r.writeAll(start.Add(d)) })
	if err != nil {
		r.failed.Store(true)
	}
	r.ended.Store(true)
	r.reader.wake()
	if err = errors.Join(err, <-read, ctx.Err()); err != nil {
		return sample, err
	}
	took := time.Since(start)
	if err := r.read.Check(rows.Stream(1).Want(r.made)); err != nil {
		return sample, err
	}
	return measure.Sample{Value: float64(r.made) / took.Seconds(), Ratios: measure.Ratios{
		"writer_cpu_ns_per_row": measure.PerRow(writerCPU, r.made),
		"reader_cpu_ns_per_row": measure.PerRow(readerCPU, r.made),
	}}, nil
}

func (r *logRun) writeAll(until time.Time) error {
	tick := frame.Tick(0)
	for time.Now().Before(until) && !r.failed.Load() {
		b, _, err := r.log.Claim(logFrameBytes)
		if errors.Is(err, ringlog.ErrNoSegment) {
			r.writer.wait(nil)
			continue
		}
		if err != nil {
			return err
		}
		c := columnsOf(b)
		rows.Stream(1).Fill(c[0], c[1], c[2], c[3], r.made)
		tick++
		r.log.Commit(frame.Header{Type: frame.Mark, Tick: tick, Edge: logChain.Edge, Node: logChain.Node})
		r.made += logFrameRows
		r.reader.wake()
	}
	return r.log.Err()
}

func (r *logRun) readAll() error {
	reader := r.log.Reader(0)
	tick := frame.Tick(0)
	for !r.failed.Load() {
		ended := r.ended.Load()
		n := reader.Poll(4, func(_ frame.Pos, b []byte) bool {
			c := columnsOf(b)
			r.read.AddColumns(c[0], c[1], c[2], c[3])
			tick++
			return true
		})
		if reader.Err() != nil {
			return reader.Err()
		}
		if n > 0 {
			r.log.Trim(logChain, tick)
			continue
		}
		if ended {
			return nil
		}
		r.reader.wait(nil)
	}
	return nil
}

// columnsOf are the four columns of a frame.
func columnsOf(b []byte) (c [4][]int64) {
	all := unsafe.Slice((*int64)(unsafe.Pointer(&b[frame.HeaderLen])), 4*logFrameRows)
	for i := range c {
		c[i] = all[i*logFrameRows : (i+1)*logFrameRows]
	}
	return c
}

// timed runs f on a thread of its own and returns the processor time that it took.
func timed(f func() error) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := measure.ThreadCPU()
	err := f()
	return measure.ThreadCPU() - before, err
}
