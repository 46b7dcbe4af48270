package latency

import (
	"context"
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// shape is what the job looks like.
type shape struct {
	cores     int
	sources   int
	consumers int
	tick      time.Duration
	peer      bool // keeps the records of the sources
}

// Measure runs a repetition with ticks of the given length: a quarter of d at full speed, the rest at half of it; and another quarter of bare threads.
func Measure(tick time.Duration) measure.Func {
	return shape{cores: 2, sources: 2, consumers: 64, tick: tick}.measure()
}

// MeasureAtPeer is Measure with ticks that are closed only once a peer has their records.
func MeasureAtPeer(tick time.Duration) measure.Func {
	return shape{cores: 2, sources: 2, consumers: 64, tick: tick, peer: true}.measure()
}

func (s shape) measure() measure.Func {
	return func(ctx context.Context, d time.Duration) (measure.Sample, error) {
		top, err := s.run(ctx, d/4, 0)
		if err != nil {
			return measure.Sample{}, err
		}
		half, err := s.run(ctx, d-d/4, top.rate/2)
		if err != nil {
			return measure.Sample{}, err
		}
		bare := s.bare(ctx, d/4)
		if err := ctx.Err(); err != nil {
			return measure.Sample{}, err
		}
		ms := func(percentile float64) float64 { return float64(half.us.ValueAtPercentile(percentile)) / 1e3 }
		return measure.Sample{Value: ms(99) / 1e3, Ratios: measure.Ratios{
			"p50_ms": ms(50), "p90_ms": ms(90), "p99_ms": ms(99), "p999_ms": ms(99.9), "max_ms": ms(100),
			"top_rows_per_s": top.rate,
			"bare_p50_ms":    float64(bare.ValueAtPercentile(50)) / 1e3,
			"bare_p99_ms":    float64(bare.ValueAtPercentile(99)) / 1e3,
			"rows_per_s":     half.rate,
			"cpu_ns_per_row": measure.PerRow(half.cpu, half.rows),
		}}, nil
	}
}

// result is what a run found.
type result struct {
	rows uint64
	rate float64 // rows per second, from the start until the last one was read
	cpu  time.Duration
	us   *hdrhistogram.Histogram
	// images is how many marks were passed of which all images were saved.
	images int
}

// begin makes the two ends of a run of about length, at a rate in rows per second, 0: as fast as it goes. Rows that are due before from are not counted.
func (s shape) begin(length time.Duration, rate float64, from time.Duration) (*plan, *source, []*counts) {
	p := &plan{length: length}
	if rate > 0 {
		p.nsPerRow = 1e9 * float64(s.sources) / rate
	}
	src := newSource(p, s.sources)
	all := make([]*counts, s.cores)
	for i := range all {
		all[i] = newCounts(p)
		all[i].from = int64(from)
	}
	return p, src, all
}

// run runs the job for about length, at a rate in rows per second, 0: as fast as it goes.
func (s shape) run(ctx context.Context, length time.Duration, rate float64) (r result, err error) {
	p, src, all := s.begin(length, rate, 0)
	var recovery *runtime.Recovery
	var keeper *peer
	if s.peer {
		if keeper, err = newPeer(); err != nil {
			return r, err
		}
		defer keeper.close()
		recovery = keeper.recovery()
	}
	node, err := runtime.NewNode(runtime.NodeConfig{
		Plan: s.plan(src, all), JobID: 1, Nodes: 1, Cores: s.cores, Incarnation: 1,
		Schedule:   runtime.Schedule{Length: s.tick, StartNs: time.Now().UnixNano()},
		Admission:  runtime.Admission{Ticks: 64, Bytes: 64 << 20},
		FrameBytes: 256 << 10, SegmentBytes: 1 << 20, CreditBytes: 1 << 20, ArenaBytes: 256 << 20,
		Pages: func(int) state.Pages { return state.NewHeapPages(0) }, Recovery: recovery,
	})
	if err != nil {
		return r, err
	}
	if keeper != nil {
		if err := keeper.connect(); err != nil {
			return r, errors.Join(err, node.Stop())
		}
	}
	cpu := measure.ProcessCPU()
	p.start = time.Now()
	src.alarm.run()
	node.Start()
	err = node.Wait(ctx)
	took := time.Since(p.start)
	src.alarm.stop()
	r.cpu = measure.ProcessCPU() - cpu
	if err = errors.Join(err, node.Stop()); err != nil {
		return r, err
	}
	return r, r.check(src, all, took)
}

// check compares what was read with what was made.
func (r *result) check(src *source, all []*counts, took time.Duration) error {
	var got, want rows.Sums
	for i := range src.made {
		want = want.Plus(rows.Stream(i).Want(src.made[i].Load()))
	}
	r.us = all[0].us
	for _, c := range all {
		got = got.Plus(c.sums)
		if c.us != r.us {
			r.us.Merge(c.us)
		}
	}
	r.rows, r.rate = got.Rows, float64(got.Rows)/took.Seconds()
	return got.Check(want)
}

// plan is sources, a shuffle by the key, and consumers.
func (s shape) plan(src vertex.Source, all []*counts) *runtime.Plan {
	tasks := shuffle.TaskRange{First: frame.TaskID(s.sources), Count: s.consumers}
	consumer := func(env runtime.Env) (vertex.Vertex, error) {
		core := 0
		for core < s.cores-1 && !tasks.Part(core, s.cores).Contains(env.Task) {
			core++
		}
		return probe{all[core]}, nil
	}
	return &runtime.Plan{
		Job: "latency",
		Stages: []runtime.Stage{
			{Name: "paced", SourceName: "paced", Tasks: s.sources, Source: src},
			{Name: "probe", Tasks: s.consumers, FirstTask: tasks.First, Ops: []runtime.Op{
				{Name: "probe", Schema: rows.Schema, Inputs: []runtime.Input{{Kind: runtime.FromEdge}}, New: consumer},
			}},
		},
		Edges: []runtime.Edge{{From: 0, FromOp: runtime.OpSource, To: 1, Schema: rows.Schema, Keys: []int{0}, Unordered: true}},
	}
}
