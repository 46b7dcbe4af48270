package latency

import (
	"context"
	"errors"
	"os"
	goruntime "runtime"
	"sync"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/runtime/datadir"
)

const (
	pairJob = 1
	// pairArena is enough for what is kept of two intervals.
	pairArena = 2 << 30
	// imageEvery is the time between two marks, and markAhead how far one lies ahead of what is opened.
	imageEvery = 2 * time.Second
	markAhead  = 250 * time.Millisecond
)

// uncounted is the share of a turn in which rows fall due that are not counted. Logs take new memory until those of two intervals are kept, for 4.3 s,
// which a machine that has to find it first takes for longer: turns of 9 s are the least that say what is there all the time.
const uncounted = 0.625

// MeasureRetained is Measure of a job on two nodes, of one core each, over loopback: half of its rows cross. A repetition finds the top rate with
// reliability, in a tenth of d, and then takes turns at half of it, without and with: journals and images on disk, and logs that keep what a lost node would
// ask for. Rows due at the beginning of a turn (uncounted), when the rings are touched for the first time, are not counted.
func MeasureRetained(tick time.Duration) measure.Func {
	s := shape{cores: 2, sources: 2, consumers: 64, tick: tick}
	return func(ctx context.Context, d time.Duration) (measure.Sample, error) {
		top, err := s.runPair(ctx, d/10, 0, true)
		if err != nil {
			return measure.Sample{}, err
		}
		off, err := s.runPair(ctx, 9*d/20, top.rate/2, false)
		if err != nil {
			return measure.Sample{}, err
		}
		kept, err := s.runPair(ctx, 9*d/20, top.rate/2, true)
		if err != nil {
			return measure.Sample{}, err
		}
		ms := func(r result, percentile float64) float64 { return float64(r.us.ValueAtPercentile(percentile)) / 1e3 }
		return measure.Sample{Value: ms(kept, 99) / 1e3, Ratios: measure.Ratios{
			"p50_ms": ms(kept, 50), "p99_ms": ms(kept, 99), "p999_ms": ms(kept, 99.9), "off_p50_ms": ms(off, 50), "off_p99_ms": ms(off, 99), "off_p999_ms": ms(off, 99.9),
			"p50_of_off": ms(kept, 50) / ms(off, 50), "p99_of_off": ms(kept, 99) / ms(off, 99),
			"top_rows_per_s": top.rate, "rows_per_s": kept.rate, "images": float64(kept.images),
			"cpu_ns_per_row": measure.PerRow(kept.cpu, kept.rows), "off_cpu_ns_per_row": measure.PerRow(off.cpu, off.rows),
		}}, nil
	}
}

// pair is two nodes of one job.
type pair struct {
	plan  *runtime.Plan
	nodes []*runtime.Node
	dirs  []*datadir.Dir // empty: reliability is off
	kept  []frame.Tick   // marks of which all images are saved
	tick  time.Duration
	at    string // the folder of all, removed at the end
}

// runPair runs the job on two nodes for about length, at a rate in rows per second, 0: as fast as it goes.
func (s shape) runPair(ctx context.Context, length time.Duration, rate float64, keep bool) (r result, err error) {
	p, src, all := s.begin(length, rate, time.Duration(uncounted*float64(length)))
	goruntime.GC() // what the run before has left is not this one's
	pair, err := s.openPair(src, all, keep)
	if err != nil {
		return r, err
	}
	cpu := measure.ProcessCPU()
	p.start = time.Now()
	src.alarm.run()
	err = pair.run(ctx)
	took := time.Since(p.start)
	src.alarm.stop()
	r.cpu, r.images = measure.ProcessCPU()-cpu, len(pair.kept)
	if err = errors.Join(err, pair.close()); err != nil {
		return r, err
	}
	return r, r.check(src, all, took)
}

func (s shape) openPair(src *source, all []*counts, keep bool) (p *pair, err error) {
	p = &pair{plan: s.plan(src, all), tick: s.tick}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.at, err = os.MkdirTemp("", "streamscope-latency-"); err != nil {
		return p, err
	}
	var peers []netio.Peer
	start := time.Now().UnixNano()
	for i := range frame.NodeID(s.cores) {
		var recovery *runtime.Recovery
		if keep {
			var dir *datadir.Dir
			cfg := datadir.Config{Dir: p.at, Job: pairJob, Plan: p.plan, Node: i, Nodes: s.cores, Incarnation: 1}
			if dir, recovery, err = datadir.Open(cfg, make([]frame.Tick, len(p.plan.Stages))); err != nil {
				return p, err
			}
			p.dirs = append(p.dirs, dir)
		}
		n, err := runtime.NewNode(runtime.NodeConfig{
			Plan: p.plan, JobID: pairJob, Node: i, Nodes: s.cores, Cores: 1, Incarnation: 1,
			Schedule:   runtime.Schedule{Length: s.tick, StartNs: start},
			Admission:  runtime.Admission{Ticks: 64, Bytes: 64 << 20},
			FrameBytes: 256 << 10, SegmentBytes: 4 << 20, CreditBytes: 1 << 20, ArenaBytes: pairArena, SpillDir: p.at,
			Pages: func(int) state.Pages { return state.NewHeapPages(0) }, Recovery: recovery,
			Listen: "127.0.0.1:0", Token: "here", Sums: true,
		})
		if err != nil {
			return p, err
		}
		p.nodes = append(p.nodes, n)
		peers = append(peers, netio.Peer{Node: i, Incarnation: 1, Addr: n.Addr()})
	}
	for _, n := range p.nodes {
		if err := n.Connect(peers); err != nil {
			return p, err
		}
	}
	return p, nil
}

// run runs both to their ends, and has images taken meanwhile.
func (p *pair) run(ctx context.Context) error {
	errs := make([]error, len(p.nodes))
	managing, end := context.WithCancel(ctx)
	var managed, done sync.WaitGroup
	for i, n := range p.nodes {
		n.Start()
		done.Go(func() { errs[i] = n.Wait(ctx) })
	}
	var manageErr error
	if len(p.dirs) > 0 {
		managed.Go(func() { manageErr = p.manage(managing) })
	}
	done.Wait()
	end()
	managed.Wait()
	return errors.Join(append(errs, manageErr)...)
}

// manage does what a manager would: it marks ticks, and once all have images of one, nobody will ask for what lies up to the one before.
func (p *pair) manage(ctx context.Context) error {
	every := time.NewTicker(imageEvery / 100)
	defer every.Stop()
	mark, next := frame.Tick(0), time.Now().Add(imageEvery)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		switch {
		case mark == 0 && time.Now().Before(next):
		case mark == 0:
			next = next.Add(imageEvery)
			mark = p.opened() + frame.Tick(markAhead/p.tick)
			for _, n := range p.nodes {
				n.Worker().Mark(mark)
			}
		case p.missed() >= mark:
			mark = 0
		case p.saved(mark):
			if n := len(p.kept); n > 0 {
				if err := p.trim(p.kept[n-1]); err != nil {
					return err
				}
			}
			p.kept, mark = append(p.kept, mark), 0
		}
	}
}

func (p *pair) opened() (t frame.Tick) {
	for _, n := range p.nodes {
		t = max(t, n.Worker().Progress().Opened)
	}
	return t
}

func (p *pair) missed() (t frame.Tick) {
	for _, n := range p.nodes {
		t = max(t, n.Worker().Progress().Missed)
	}
	return t
}

// saved reports whether all images after a tick count.
func (p *pair) saved(t frame.Tick) bool {
	for _, d := range p.dirs {
		images := 0
		for _, s := range d.Saved() {
			if s.Tick == t && s.Err == nil {
				images++
			}
		}
		if images < len(p.plan.Stages) {
			return false
		}
	}
	return true
}

func (p *pair) trim(t frame.Tick) error {
	needs := make([][]frame.Tick, len(p.plan.Stages))
	for i := range needs {
		for range p.nodes {
			needs[i] = append(needs[i], t)
		}
	}
	for i, n := range p.nodes {
		p.dirs[i].Trim(needs)
		if err := n.Worker().Trim(needs); err != nil {
			return err
		}
	}
	return nil
}

func (p *pair) close() error {
	var errs []error
	for _, n := range p.nodes {
		errs = append(errs, n.Stop())
	}
	for _, d := range p.dirs {
		errs = append(errs, d.Close())
	}
	if p.at != "" {
		errs = append(errs, os.RemoveAll(p.at))
	}
	return errors.Join(errs...)
}
