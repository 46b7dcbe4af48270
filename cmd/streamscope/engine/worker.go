package engine

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
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
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/extent"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex/connect"
	vruntime "github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/runtime/datadir"
)

// workers makes the workers of this process, one after the other.
type workers struct {
	jobs Definitions
	log  *slog.Logger
	host string // where links are taken
	// stdin is standard input as a run with a data directory has it.
	stdin func() (connect.Feed, error)
	job   Job                           // of the plan built last
	node  atomic.Pointer[vruntime.Node] // the newest
}

func (w *workers) build(m rpc.Job) (*plan.Plan, error) {
	j, err := decode(m)
	if err != nil {
		return nil, err
	}
	if m.Limits.DataDir != "" {
		j.Stdin = w.stdin
	}
	w.job = j
	g, err := w.jobs.graph(m.Name, j)
	if err != nil {
		return nil, err
	}
	return plan.Build(g, plan.Options{Tasks: m.Tasks, Fuse: m.Fuse, Reliability: m.Reliability})
}

// firstLife is the incarnation of all nodes of a run without recovery: each lives once.
const firstLife frame.Incarnation = 1

// Admission: how far sources may be ahead of what is drained.
const (
	ticksInFlight    = 64
	bytesInFlightMax = 64 << 20
)

func (w *workers) newWorker(p *plan.Plan, a control.Assignment, limits rpc.Limits) (agent.Worker, error) {
	budget, imageBytes, err := budgets(a.Nodes, limits)
	if err != nil {
		return nil, err
	}
	n := &worker{plan: p, self: a.Node, state: extent.NewArena(budget), wishes: make(chan struct{}, 1)}
	listen := ""
	if a.Nodes > 1 {
		listen = net.JoinHostPort(w.host, "0")
	}
	// A quarter of the arena: what is in flight passes several logs.
	inFlight := int(min(max(limits.ArenaBytes/4, 1), bytesInFlightMax))
	recovery, images, err := n.recover(w, a, limits)
	if err != nil {
		return nil, err
	}
	if images != nil {
		images.MaxBytes = imageBytes
	}
	var warn func(error)
	var streams snapshot.Store
	if a.Incarnation > 0 {
		warn = n.warnings.add
	}
	if recovery != nil {
		streams = n.past.Streams()
	}
	node, err := vruntime.NewNode(vruntime.NodeConfig{
		Plan: p.Runtime, JobID: jobID(w.job.Token), Node: a.Node, Nodes: a.Nodes, Cores: a.Cores, Incarnation: max(firstLife, a.Incarnation),
		Schedule: schedule(a.Schedule), Admission: vruntime.Admission{Ticks: ticksInFlight, Bytes: inFlight},
		Lateness: time.Duration(limits.LatenessUs) * time.Microsecond, Rate: limits.RatePerS,
		FrameBytes: limits.FrameBytes, SegmentBytes: limits.SegmentBytes, CreditBytes: limits.CreditBytes, Links: vruntime.LinkMode(limits.Links),
		ArenaBytes: limits.ArenaBytes, SpillDir: limits.SpillDir, Token: w.job.Token, Listen: listen, Sums: a.Nodes > 1,
		Pages: n.newPages, ShadowPages: n.lendPages, LinkEvents: w.linkEvents(), Recovery: recovery, Warn: warn, Streams: streams, Holders: holders(a.Peers), Journals: n.journals(a, limits), Images: images,
	})
	if err != nil {
		err = errors.Join(asUnreadable(err), n.closePast()) // parts of images are read while the node is made
		n.freeState()
		return nil, err
	}
	n.node = node
	w.node.Store(node)
	if n.past == nil {
		return n, nil
	}
	if err := n.begin(a); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

// stateMin is the least budget for the state of a worker: below it, hardly a job could run.
const stateMin = 256 << 20

// budgets are what this worker's state may take, of its share of what the machine has, less its rings, and what its images may, here and at each of those that
// keep them: with K of these, as much for the images here, and for those of K others, as for the state.
func budgets(nodes int, limits rpc.Limits) (state, images int64, err error) {
	m, err := ringlog.AvailableMemory()
	if err != nil {
		return 0, 0, err
	}
	all := max(stateMin, m.Bytes/int64(nodes)-limits.ArenaBytes)
	if limits.ImagePeers == 0 {
		return all, 0, nil
	}
	part := max(stateMin, all/int64(limits.ImagePeers+2))
	return part, part, nil
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
			if !ordinary(err) {
				w.log.Warn("a link was cut", "cause", netio.CauseOf(err), "error", err)
			}
		},
		Refused: func(_ *netio.Link, remote string, reason wire.Reason, err error) {
			if reason.Final() || reason == wire.Welcome && !ordinary(err) {
				w.log.Warn("a peer was refused", "remote", remote, "error", err)
			}
		},
	}
}

// ordinary tells ends of connections that need no words: whatever they meant, somebody else says it.
func ordinary(err error) bool {
	switch netio.CauseOf(err) {
	case netio.CauseBye, netio.CauseLost, netio.CauseClosed, netio.CauseReplaced:
		return true
	}
	return false
}

// worker is a node behind an agent.
type worker struct {
	plan     *plan.Plan
	node     *vruntime.Node
	state    *extent.Arena
	pages    []*extent.Pages
	complete atomic.Bool
	stopped  bool

	self     frame.NodeID
	past     *datadir.Dir  // nil without recovery
	using    *presence     // in the data directory
	relinks  chan func()   // news of peers, to be followed in the background
	wishes   chan struct{} // capacity 1: see agent.Recovering
	toldHeld time.Time     // what it keeps; of the goroutine that reports, as the next
	toldLast bool          // since it is complete
	linking  sync.WaitGroup
	warnings warnings
}

var _ agent.Worker = (*worker)(nil)

// newPages is called once per core, while the node is made.
func (w *worker) newPages(int) state.Pages {
	p := w.state.NewPages()
	w.pages = append(w.pages, p)
	return p
}

// lendPages are pages of a core of a shadow run.
func (w *worker) lendPages() (state.Pages, func()) {
	p := w.state.NewPages()
	return p, p.Close
}

// freeState gives the state's memory back. No task runs any more.
func (w *worker) freeState() {
	for _, p := range w.pages {
		p.Close()
	}
	w.pages = nil
}

// Addr implements agent.Worker.
func (w *worker) Addr() string { return w.node.Addr() }

// CopyAddr implements agent.Recovering.
func (w *worker) CopyAddr() string { return w.node.CopyAddr() }

// Connect implements agent.Worker. Links are made in the background and dialled again until they stand.
func (w *worker) Connect(_ context.Context, peers []control.Peer) error {
	var links []netio.Peer
	for _, p := range peers {
		links = append(links, netio.Peer{Node: p.Node, Incarnation: max(firstLife, p.Incarnation), Addr: p.Addr})
	}
	w.node.ConnectCopies(holders(peers))
	return w.node.Connect(links)
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
	if w.relinks != nil {
		close(w.relinks)
		w.linking.Wait()
	}
	if w.past != nil {
		defer w.past.Hurry()() // or what is being persisted
	}
	// What cannot be freed any more ends with the process.
	_ = w.node.Stop()
	switch {
	case w.complete.Load():
	case w.past != nil:
		w.node.Worker().Leave()
	default:
		w.node.Worker().Abort()
	}
	_ = w.closePast() // images that are being written lie in the state
	w.freeState()
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

// jobID names a run in logs, images and journals.
func jobID(token string) uint64 { return xxhash.Sum64String(token) }
