package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/extent"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Options shape a run. The zero value is a good choice for finite input.
type Options struct {
	Tasks    int              // of every keyed stage; default twice the cores
	Cores    int              // default GOMAXPROCS
	Tick     runtime.Schedule // default a tick per MiB of rows and source; with a Length, StartNs is set by Run
	Lateness time.Duration    // a row is late if it is older than the newest row before it in its split by more than this
	Rate     float64          // rows per second over all sources; 0: as fast as can be

	ArenaBytes   int64  // memory for rings, taken on demand; default 1 GiB, or a quarter of what the machine has available if that is less
	StateBytes   int64  // memory for keyed state, taken on demand; default 64 GiB: what the machine has
	SegmentBytes int    // of the rings; default 1 MiB
	FrameBytes   int    // greatest frame; default 256 KiB. A row must fit one
	SpillDir     string // where rings go that do not fit; default the system's folder for temporary files
}

func (o *Options) setDefaults() error {
	def(&o.Cores, goruntime.GOMAXPROCS(0))
	def(&o.Tasks, 2*o.Cores)
	def(&o.SegmentBytes, 1<<20)
	def(&o.FrameBytes, 256<<10)
	def(&o.StateBytes, 64<<30)
	if o.SpillDir == "" {
		o.SpillDir = os.TempDir()
	}
	if o.Tick.Bytes == 0 && o.Tick.Length == 0 {
		o.Tick.Bytes = 1 << 20
	}
	if o.Tick.Length > 0 {
		o.Tick.StartNs = time.Now().UnixNano()
	}
	if o.ArenaBytes == 0 {
		m, err := ringlog.AvailableMemory()
		if err != nil {
			return err
		}
		o.ArenaBytes = min(1<<30, m.Bytes/4)
	}
	var errs []error
	if o.Cores < 1 || o.Tasks < 1 {
		errs = append(errs, fmt.Errorf("%d cores and %d tasks, want at least 1", o.Cores, o.Tasks))
	}
	if o.Tick.Bytes < 0 || o.Tick.Length < 0 || (o.Tick.Bytes > 0 && o.Tick.Length > 0) {
		errs = append(errs, fmt.Errorf("ticks of %d bytes and %v, want one of them above 0", o.Tick.Bytes, o.Tick.Length))
	}
	if o.Lateness < 0 || o.Rate < 0 {
		errs = append(errs, fmt.Errorf("lateness %v and rate %v, want 0 or more", o.Lateness, o.Rate))
	}
	return errors.Join(errs...)
}

func def[T int | int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// ticksInFlight is how many ticks sources may be ahead of what is drained.
const ticksInFlight = 64

// Run executes the graph to its end and commits its output. It returns what was counted, also after an error.
func Run(ctx context.Context, g *job.Graph, o Options) (stats runtime.Stats, err error) {
	if err := o.setDefaults(); err != nil {
		return stats, fmt.Errorf("%s: %w", g.Name, err)
	}
	p, err := plan.Build(g, plan.Options{Tasks: o.Tasks, Fuse: true})
	if err != nil {
		return stats, err
	}
	memory := extent.NewArena(o.StateBytes)
	pages := make([]*extent.Pages, o.Cores)
	for c := range pages {
		pages[c] = memory.NewPages()
		defer pages[c].Close()
	}
	node, err := runtime.NewNode(runtime.NodeConfig{
		Plan: p.Runtime, JobID: plan.Fingerprint(p), Nodes: 1, Cores: o.Cores, Incarnation: 1, Schedule: o.Tick,
		Admission: runtime.Admission{Ticks: ticksInFlight, Bytes: 64 << 20}, Lateness: o.Lateness, Rate: o.Rate,
		FrameBytes: o.FrameBytes, SegmentBytes: o.SegmentBytes, CreditBytes: o.FrameBytes, ArenaBytes: o.ArenaBytes, SpillDir: o.SpillDir,
		Pages: func(core int) state.Pages { return pages[core] },
	})
	if err != nil {
		return stats, errors.Join(err, abort(g))
	}
	node.Start()
	err = node.Wait(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	stats = node.Worker().Stats()
	if err != nil {
		node.Worker().Abort()
	}
	if err = errors.Join(err, node.Stop()); err != nil {
		return stats, errors.Join(err, abort(g))
	}
	return stats, commit(g)
}

// commit makes all output visible, diverted rows first, so that a result never stands without them.
func commit(g *job.Graph) error {
	for _, c := range g.Committers() {
		if err := c.Commit(); err != nil {
			return errors.Join(err, abort(g))
		}
	}
	return nil
}

func abort(g *job.Graph) error {
	var errs []error
	for _, c := range g.Committers() {
		errs = append(errs, c.Abort())
	}
	return errors.Join(errs...)
}
