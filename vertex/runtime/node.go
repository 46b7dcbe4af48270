package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/copies"
	"github.com/streamscope/streamscope/shuffle/hostlink"
	"github.com/streamscope/streamscope/shuffle/persist"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/snapshot"
)

// NodeConfig is a worker process: what it runs and what it may use.
type NodeConfig struct {
	Plan         *Plan
	JobID        uint64
	Node         frame.NodeID
	Nodes        int
	Cores        int
	Incarnation  frame.Incarnation
	Schedule     Schedule
	Admission    Admission
	Lateness     time.Duration
	Rate         float64 // rows per second over all source tasks of the job; 0: as fast as can be
	FrameBytes   int
	SegmentBytes int
	CreditBytes  int
	ArenaBytes   int64
	SpillDir     string // "": nothing is spilled, and a tick must fit the arena
	Token        string // of the cluster; links that do not show it are refused
	Listen       string // address for links; "" for a node that is alone
	Sums         bool
	Pages        func(core int) state.Pages
	// ShadowPages are the pages of a core of a shadow run, free gives them back; nil: there are no shadow runs.
	ShadowPages func() (pages state.Pages, free func())
	LinkEvents  netio.Events
	Links       LinkMode
	// Recovery keeps what the worker needs to come back; nil: reliability is off.
	Recovery *Recovery
	// Journals, if set, has peers keep the journals of sources; only with Recovery and several nodes.
	Journals *Journals
	// Images, if set, has peers keep the images of units, and makes Recovery from what they have; only with several nodes.
	Images *Images
	// Streams is where edges with the policy persist are written; nil: they are as with retain. Stop waits for its calls to return. Only with Recovery.
	Streams snapshot.Store
	// Holders are peers that may hold copies of what former lives of this node have written, with the addresses of CopyAddr.
	Holders []netio.Peer
	// Warn, if set, is told when memory for logs or room to spill them cannot be had: that is tried again until it can, and sources wait
	// meanwhile. Nil: it ends the node. It is called by any goroutine and must not block.
	Warn func(error)
}

// Node drives a Worker with goroutines: one per core, each on a thread of its own, those of its links, one for the arena, one that watches for a standstill, one that
// persists, if anything is to be, and one for each peer while a spilled frame is read to be copied there.
type Node struct {
	cfg        NodeConfig
	worker     *Worker
	arena      *ringlog.Arena
	endpoint   *netio.Endpoint
	host       *hostlink.Host // nil: frames cross every link
	links      [][]linkPair   // by lane and node; empty for itself
	copying    *copying       // nil: nothing is copied
	served     copies.Stats
	persisting *persisting   // nil: nothing is persisted
	remake     chan struct{} // shadow runs have something to do
	wakes      []chan struct{}
	stop       chan struct{}
	stopOnce   sync.Once
	done       chan struct{}
	doneOnce   sync.Once
	running    sync.WaitGroup
	steps      atomic.Uint64 // steps that did something
	mu         struct {
		sync.Mutex
		err error
	}
}

// NewNode builds the worker's tasks, its arena and its endpoint. On an error nothing is left open.
func NewNode(cfg NodeConfig) (*Node, error) {
	n := &Node{cfg: cfg, remake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	for range 1 + Lanes {
		n.links = append(n.links, make([]linkPair, cfg.Nodes))
	}
	for range cfg.Cores {
		n.wakes = append(n.wakes, make(chan struct{}, 1))
	}
	var err error
	n.arena, err = ringlog.NewArena(ringlog.ArenaConfig{
		SegmentBytes: cfg.SegmentBytes, LimitBytes: cfg.ArenaBytes, Backing: cfg.backing(), SpillDir: cfg.SpillDir, OnError: n.arenaError,
	})
	if err != nil {
		return nil, err
	}
	n.arena.Start()
	began := time.Now()
	var fetched *copies.Fetched
	if cfg.copied() {
		if n.copying, err = newCopying(n); err != nil {
			return nil, errors.Join(err, n.Stop())
		}
		if err := n.copying.openImages(); err != nil {
			return nil, errors.Join(err, n.Stop())
		}
		fetched = n.copying.fetch(cfg.Holders)
	}
	worker := Config{
		Plan: cfg.Plan, JobID: cfg.JobID, Node: cfg.Node, Nodes: cfg.Nodes, Cores: cfg.Cores, Incarnation: cfg.Incarnation,
		Schedule: cfg.Schedule, Admission: cfg.Admission, Lateness: cfg.Lateness, Rate: cfg.Rate,
		FrameBytes: cfg.FrameBytes, CreditBytes: cfg.CreditBytes, LeaseBytes: int(min(leaseBytesMax, cfg.ArenaBytes/8)), Sums: cfg.Sums, Arena: n.arena, Pages: cfg.Pages,
		Nanotime: nanotime, Wake: n.wake, WakePeer: n.wakePeer, WakeLane: n.wakeLane, Room: n.room, Fail: n.fail, Recovery: n.recovery(), Copier: n.copying.copier(),
		Shadows: n.shadows(),
	}
	if p := worker.NewPersister(persist.Config{Store: cfg.Streams, Warn: cfg.Warn}); p != nil {
		n.persisting = newPersisting(n, p)
		worker.Persister, worker.Sums = n.persisting, true
	}
	n.worker, err = NewWorker(worker)
	if err == nil && n.persisting != nil {
		n.persisting.Attach(n.worker.Exchange())
	}
	if err == nil {
		err = n.copying.preload(fetched, began)
	}
	if err == nil && cfg.Nodes > 1 {
		err = n.listen()
	}
	if err != nil {
		if n.worker != nil {
			n.worker.letGo()
		}
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

// room waits for a free segment on behalf of a link.
func (n *Node) room(ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-n.stop:
		return errStopped
	}
}

var errStopped = errors.New("worker stopped")

func (n *Node) arenaError(err error) {
	err = fmt.Errorf("arena: %w", err)
	if n.cfg.Warn != nil {
		n.cfg.Warn(fmt.Errorf("%w; what has no room waits, and is tried again", err))
		return
	}
	n.fail(err)
}

// fail ends the node with its first error.
func (n *Node) fail(err error) {
	n.mu.Lock()
	if n.mu.err == nil && !errors.Is(err, errStopped) {
		n.mu.err = err
	}
	n.mu.Unlock()
	n.doneOnce.Do(func() { close(n.done) })
}

// Wait returns when all of this node's work is done and delivered, with the error that ended it earlier, or when ctx ends.
func (n *Node) Wait(ctx context.Context) error {
	select {
	case <-n.done:
		return n.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// FailTask has the task that executes rows next panic, as an error in it would: its node ends with it (Err).
func (n *Node) FailTask() { n.worker.doomed.Store(true) }

// Err is what has ended the node, also after Wait has returned: a node that is done still serves its peers.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.err
}

// Worker gives access to sinks and figures.
func (n *Node) Worker() *Worker { return n.worker }

// Stop ends cores and links and frees everything; outputs that are not to be kept are dropped by Worker.Abort before. It may be
// called more than once.
func (n *Node) Stop() error {
	var err error
	n.stopOnce.Do(func() {
		close(n.stop)
		n.running.Wait()
		err = n.close()
	})
	return err
}

func (n *Node) close() error {
	var errs []error
	if n.endpoint != nil {
		n.endpoint.Close()
	}
	if n.copying != nil {
		n.copying.close()
	}
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	if n.worker != nil {
		errs = append(errs, n.worker.Close())
	}
	return errors.Join(append(errs, n.arena.Close())...)
}
