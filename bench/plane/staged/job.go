package staged

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// shape is what a job looks like.
type shape struct {
	turns     int // stages between the sources and the last one: an even number, so that keys and values end as they began
	tasks     int // of every stage
	tickBytes int // of rows, over all sources
	ahead     int // ticks that sources may be ahead of what is drained
	idle      bool
}

const cores = 2

// frameBytes is large, so that a frame has dozens of rows for each of a thousand tasks: those of 256 KiB have ten.
const frameBytes = 2 << 20

// job is one repetition.
type job struct {
	shape  shape
	source *source
	sums   []*sum
}

func newJob(s shape) *job {
	return &job{shape: s, source: &source{splits: s.tasks, idle: s.idle}}
}

func (j *job) plan() *runtime.Plan {
	s := j.shape
	p := &runtime.Plan{Job: "staged"}
	stage := func(name string, op func() vertex.Vertex) {
		st := runtime.Stage{Name: name, Tasks: s.tasks, FirstTask: frame.TaskID(len(p.Stages) * s.tasks)}
		if n := len(p.Stages); n > 0 {
			e := runtime.Edge{ID: frame.EdgeID(n - 1), From: n - 1, To: n, Schema: rows.Schema, Keys: []int{0}, Unordered: true}
			if n == 1 {
				e.FromOp = runtime.OpSource
			}
			p.Edges = append(p.Edges, e)
			st.Ops = []runtime.Op{{Name: name, Schema: rows.Schema, Inputs: []runtime.Input{{Kind: runtime.FromEdge, Index: n - 1}},
				New: func(runtime.Env) (vertex.Vertex, error) { return op(), nil }}}
		}
		p.Stages = append(p.Stages, st)
	}
	stage("source", nil)
	p.Stages[0].Source, p.Stages[0].SourceName = j.source, "source"
	for i := range s.turns {
		stage(fmt.Sprintf("turn %d", i), func() vertex.Vertex { return turn{} })
	}
	stage("sum", func() vertex.Vertex {
		v := &sum{}
		j.sums = append(j.sums, v)
		return v
	})
	return p
}

// idleTick is the length of the ticks of an idle job: the default of `run` for input without an end.
const idleTick = 5 * time.Millisecond

// idleLeast is how long an idle job runs at least.
const idleLeast = time.Second

func (j *job) node() (*runtime.Node, error) {
	s := j.shape
	schedule := runtime.Schedule{Bytes: max(1, s.tickBytes/s.tasks)}
	if s.idle {
		schedule = runtime.Schedule{Length: idleTick, StartNs: time.Now().UnixNano()}
	}
	return runtime.NewNode(runtime.NodeConfig{
		Plan: j.plan(), JobID: 1, Nodes: 1, Cores: cores, Incarnation: 1, Schedule: schedule,
		Admission:  runtime.Admission{Ticks: s.ahead, Bytes: s.ahead * s.tickBytes},
		FrameBytes: frameBytes, SegmentBytes: 4 * frameBytes, CreditBytes: frameBytes, ArenaBytes: 256 << 20,
		Pages: func(int) state.Pages { return nil },
	})
}

// run makes rows for d, and returns when the last one is summed and the sums are checked.
func (j *job) run(ctx context.Context, d time.Duration) (r Result, err error) {
	n, err := j.node()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, n.Stop()) }()
	cpu, start := measure.ProcessCPU(), time.Now()
	j.source.until.Store(start.Add(d).UnixNano())
	n.Start()
	if j.shape.idle { // what the start took is not what idleness takes
		if err := pause(ctx, d/2); err != nil {
			return r, err
		}
		cpu, start = measure.ProcessCPU(), time.Now()
		defer time.AfterFunc(d/2, j.source.end).Stop()
	}
	if err := n.Wait(ctx); err != nil {
		return r, err
	}
	r.Took, r.CPU = time.Since(start), measure.ProcessCPU()-cpu
	r.Rows = j.got().Rows
	return r, j.check()
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// got is what the last stage has read. The job must have ended.
func (j *job) got() (all rows.Sums) {
	for _, s := range j.sums {
		all = all.Plus(s.all)
	}
	return all
}

func (j *job) check() error { return j.got().Check(j.source.want()) }
