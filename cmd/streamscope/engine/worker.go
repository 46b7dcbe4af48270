package engine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/cmd/streamscope/report"
	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/agent"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	vruntime "github.com/streamscope/streamscope/vertex/runtime"
)

// workers makes the workers of this process, one after the other.
type workers struct {
	jobs Definitions
	log  *slog.Logger
	job  Job // of the plan built last
}

func (w *workers) build(m rpc.Job) (*plan.Plan, error) {
	j, err := decode(m)
	if err != nil {
		return nil, err
	}
	w.job = j
	g, err := w.jobs.graph(m.Name, j)
	if err != nil {
		return nil, err
	}
	return plan.Build(g, plan.Options{Tasks: m.Tasks, Fuse: m.Fuse})
}

// incarnation of all nodes of a run: each lives once.
const incarnation frame.Incarnation = 1

// Admission: how far sources may be ahead of what is drained.
const (
	ticksInFlight    = 64
	bytesInFlightMax = 64 << 20
)

func (w *workers) newWorker(p *plan.Plan, a control.Assignment, limits rpc.Limits) (agent.Worker, error) {
	n := &worker{plan: p, pages: &pageSet{}}
	listen := ""
	if a.Nodes > 1 {
		listen = "127.0.0.1:0"
	}
	// A quarter of the arena: what is in flight passes several logs.
	inFlight := int(min(max(limits.ArenaBytes/4, 1), bytesInFlightMax))
	node, err := vruntime.NewNode(vruntime.NodeConfig{
		Plan: p.Runtime, JobID: xxhash.Sum64String(w.job.Token), Node: a.Node, Nodes: a.Nodes, Cores: a.Cores, Incarnation: incarnation,
		Schedule: schedule(a.Schedule), Admission: vruntime.Admission{Ticks: ticksInFlight, Bytes: inFlight},
		Lateness: time.Duration(limits.LatenessUs) * time.Microsecond, Rate: limits.RatePerS,
		FrameBytes: limits.FrameBytes, SegmentBytes: limits.SegmentBytes, CreditBytes: limits.CreditBytes,
		ArenaBytes: limits.ArenaBytes, SpillDir: limits.SpillDir, Token: w.job.Token, Listen: listen, Sums: a.Nodes > 1,
		Pages: n.pages.forCore, LinkEvents: w.linkEvents(),
	})
	if err != nil {
		return nil, errors.Join(err, n.pages.close())
	}
	n.node = node
	return n, nil
}

// schedule hands on the entry from tick 1; a run has no other.
func schedule(s control.Schedule) vruntime.Schedule {
	e := s.Entries[0]
	return vruntime.Schedule{Bytes: int(e.LimitByte), Length: time.Duration(e.LengthNs), StartNs: int64(e.StartNs)}
}

// linkEvents logs what is wrong with a peer. Connections that end, or are tried again because the peer is not ready, are ordinary.
func (w *workers) linkEvents() netio.Events {
	return netio.Events{
		Down: func(_ *netio.Link, _ uint64, err error) {
			switch cause := netio.CauseOf(err); cause {
			case netio.CauseBye, netio.CauseLost, netio.CauseClosed, netio.CauseReplaced:
			default:
				w.log.Warn("a link was cut", "cause", cause, "error", err)
			}
		},
		Refused: func(_ *netio.Link, remote string, reason wire.Reason, err error) {
			if reason.Final() || reason == wire.Welcome {
				w.log.Warn("a peer was refused", "remote", remote, "error", err)
			}
		},
	}
}

// worker is a node behind an agent.
type worker struct {
	plan     *plan.Plan
	node     *vruntime.Node
	pages    *pageSet
	complete atomic.Bool
	stopped  bool
}

var _ agent.Worker = (*worker)(nil)

// Addr implements agent.Worker.
func (w *worker) Addr() string { return w.node.Addr() }

// Connect implements agent.Worker. Links are made in the background and dialled again until they stand.
func (w *worker) Connect(_ context.Context, peers map[frame.NodeID]string) error {
	if len(peers) == 0 {
		return nil
	}
	return w.node.Connect(peers)
}

// Start implements agent.Worker.
func (w *worker) Start() { w.node.Start() }

// Wait implements agent.Worker.
func (w *worker) Wait(ctx context.Context) error {
	err := w.node.Wait(ctx)
	if err == nil {
		w.complete.Store(true)
	}
	return err
}

// Stop implements agent.Worker.
func (w *worker) Stop() {
	if w.stopped {
		return
	}
	w.stopped = true
	// What cannot be freed any more ends with the process.
	_ = w.node.Stop()
	if !w.complete.Load() {
		w.node.Worker().Abort()
	}
	_ = w.pages.close()
}

// Stats implements agent.Worker.
func (w *worker) Stats() control.WorkerStats {
	s := w.node.Worker().Stats()
	in, out := w.node.LinkBytes()
	t := control.WorkerStats{
		PID: os.Getpid(), EventsIn: s.EventsIn, EventsOut: s.EventsOut, Late: s.Late, Skipped: s.Skipped + s.Diverted,
		RowsIn: s.LinkRows, BytesIn: in, BytesOut: out, PeakBytes: report.OwnPeak(), Ticks: s.Ticks,
	}
	for _, o := range s.Ops {
		t.Stages = append(t.Stages, control.StageCount{Name: o.Name, RowsIn: o.RowsIn, RowsOut: o.RowsOut, BusyNs: int64(o.BusyNs)})
	}
	return t
}
