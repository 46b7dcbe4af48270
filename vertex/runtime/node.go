package runtime

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
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
	LinkEvents   netio.Events
	Links        LinkMode
	// Recovery keeps what the worker needs to come back; nil: reliability is off.
	Recovery *Recovery
	// Journals, if set, has peers keep the journals of sources; only with Recovery and several nodes.
	Journals *Journals
	// Streams is where edges with the policy persist are written; nil: they are as with retain. Stop waits for its calls to return. Only with Recovery.
	Streams snapshot.Store
	// Holders are peers that may hold copies of what former lives of this node have written, with the addresses of CopyAddr.
	Holders []netio.Peer
	// Warn, if set, is told when memory for logs or room to spill them cannot be had: that is tried again until it can, and sources wait
	// meanwhile. Nil: it ends the node. It is called by any goroutine and must not block.
	Warn func(error)
}

// Node drives a Worker with goroutines: one per core, each on a thread of its own, those of its links, one for the arena and one that watches for a standstill.
type Node struct {
	cfg        NodeConfig
	worker     *Worker
	arena      *ringlog.Arena
	endpoint   *netio.Endpoint
	host       *hostlink.Host // nil: frames cross every link
	links      []linkPair     // by node; empty for itself
	copying    *copying       // nil: nothing is copied
	served     copies.Stats
	persisting *persisting // nil: nothing is persisted
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

// linkPair is the links from and to a node; what wants to wake them may come before they are made.
type linkPair struct{ in, out atomic.Pointer[netio.Link] }

// NewNode builds the worker's tasks, its arena and its endpoint. On an error nothing is left open.
func NewNode(cfg NodeConfig) (*Node, error) {
	n := &Node{cfg: cfg, stop: make(chan struct{}), done: make(chan struct{}), links: make([]linkPair, cfg.Nodes)}
	for range cfg.Cores {
		n.wakes = append(n.wakes, make(chan struct{}, 1))
	}
	var err error
	n.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: cfg.SegmentBytes, LimitBytes: cfg.ArenaBytes, SpillDir: cfg.SpillDir, OnError: n.arenaError})
	if err != nil {
		return nil, err
	}
	n.arena.Start()
	began := time.Now()
	var fetched *copies.Fetched
	if cfg.copied() {
		if n.copying, err = newCopying(n); err != nil {
			return nil, errors.Join(err, n.close())
		}
		fetched = n.copying.fetch(cfg.Holders)
	}
	worker := Config{
		Plan: cfg.Plan, JobID: cfg.JobID, Node: cfg.Node, Nodes: cfg.Nodes, Cores: cfg.Cores, Incarnation: cfg.Incarnation,
		Schedule: cfg.Schedule, Admission: cfg.Admission, Lateness: cfg.Lateness, Rate: cfg.Rate,
		FrameBytes: cfg.FrameBytes, CreditBytes: cfg.CreditBytes, LeaseBytes: int(min(leaseBytesMax, cfg.ArenaBytes/8)), Sums: cfg.Sums, Arena: n.arena, Pages: cfg.Pages,
		Nanotime: nanotime, Wake: n.wake, WakePeer: n.wakePeer, Room: n.room, Fail: n.fail, Recovery: n.recovery(), Copier: n.copying.copier(),
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
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

var processStart = time.Now()

func nanotime() int64 { return int64(time.Since(processStart)) }

// listen opens the endpoint. Without recovery all nodes have one life, and the others are expected at once, so that none is a stranger when it dials
// before this node has heard where it is.
func (n *Node) listen() (err error) {
	id := wire.Identity{Job: n.cfg.Plan.Job, Node: n.cfg.Node, Incarnation: n.cfg.Incarnation, Token: []byte(n.cfg.Token)}
	if err := n.share(id); err != nil {
		return err
	}
	n.endpoint, err = netio.Listen(netio.Config{
		Identity: id,
		Listen:   n.cfg.Listen, MaxFrameBytes: n.cfg.FrameBytes, Events: n.cfg.LinkEvents,
	})
	if err != nil {
		return err
	}
	if n.cfg.Recovery != nil {
		return nil
	}
	for id := range n.others() {
		if err := n.expect(netio.Peer{Node: id, Incarnation: n.cfg.Incarnation}); err != nil {
			return err
		}
	}
	return nil
}

// expect makes the link from a node.
func (n *Node) expect(peer netio.Peer) error {
	in, err := n.endpoint.Expect(peer, n.incoming(peer))
	if err != nil {
		return err
	}
	n.links[peer.Node].in.Store(in)
	in.Wake()
	return nil
}

// dial makes the link to a node.
func (n *Node) dial(peer netio.Peer) error {
	out, err := n.endpoint.Dial(peer, n.outgoing(peer))
	if err != nil {
		return err
	}
	n.links[peer.Node].out.Store(out)
	out.Wake()
	return nil
}

// others yields the other nodes.
func (n *Node) others() iter.Seq[frame.NodeID] {
	return func(yield func(frame.NodeID) bool) {
		for i := range n.cfg.Nodes {
			if id := frame.NodeID(i); id != n.cfg.Node && !yield(id) {
				return
			}
		}
	}
}

// Addr is where other nodes reach this one; empty for a node that is alone.
func (n *Node) Addr() string {
	if n.endpoint == nil {
		return ""
	}
	return n.endpoint.Addr()
}

// Connect makes the links between this node and all others. Call it once, before Start.
func (n *Node) Connect(peers []netio.Peer) error {
	byNode := make([]netio.Peer, n.cfg.Nodes)
	for _, p := range peers {
		if int(p.Node) >= n.cfg.Nodes {
			return fmt.Errorf("peer %d, want less than %d", p.Node, n.cfg.Nodes)
		}
		byNode[p.Node] = p
	}
	for id := range n.others() {
		peer := byNode[id]
		if peer.Addr == "" {
			return fmt.Errorf("no address for node %d", id)
		}
		if n.cfg.Recovery != nil {
			if err := n.expect(peer); err != nil {
				return err
			}
		}
		if err := n.dial(peer); err != nil {
			return err
		}
	}
	return nil
}

// relinkPatience is how long the links with a dead peer may take to end once they are cut.
const relinkPatience = 10 * time.Second

var errRenewed = errors.New("the peer has a new life")

// Relink replaces the links with a node by those with its next life: what the last one left open is dropped, what the new one has not closed
// is sent to it. A life that is not newer is ignored. After Connect, one call at a time; only with recovery.
//
// An error of the links ends the node.
func (n *Node) Relink(peer netio.Peer) {
	if err := n.relink(peer); err != nil {
		n.fail(err)
	}
}

func (n *Node) relink(peer netio.Peer) error {
	in, out := n.links[peer.Node].in.Load(), n.links[peer.Node].out.Load()
	if in == nil || out == nil {
		return fmt.Errorf("node %d has a new life before there was a link with it", peer.Node)
	}
	if peer.Incarnation <= in.Peer().Incarnation {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), relinkPatience)
	defer cancel()
	for _, l := range []*netio.Link{in, out} {
		l.Cut(errRenewed)
		if err := l.Close(ctx); err != nil {
			return fmt.Errorf("%v: %w", l, err)
		}
	}
	n.worker.Exchange().Renew(peer.Node)
	return errors.Join(n.expect(peer), n.dial(peer))
}

func (n *Node) wake(core int) {
	select {
	case n.wakes[core] <- struct{}{}:
	default:
	}
}

func (n *Node) wakePeer(id frame.NodeID) {
	for _, l := range []*netio.Link{n.links[id].in.Load(), n.links[id].out.Load()} {
		if l != nil {
			l.Wake()
		}
	}
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

// Start runs the cores.
func (n *Node) Start() {
	for c := range n.cfg.Cores {
		n.running.Add(1)
		go n.drive(c)
	}
	n.running.Add(1)
	go n.watch()
	if n.persisting != nil {
		n.running.Add(1)
		go n.persisting.run()
	}
}

// drive steps a core until it is stopped.
func (n *Node) drive(core int) {
	defer n.running.Done()
	ownThread()
	c := n.worker.Core(core)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-n.stop:
			return
		default:
		}
		worked, err := n.step(c)
		if err != nil {
			n.fail(err)
			return
		}
		if worked {
			n.steps.Add(1)
			continue
		}
		if n.worker.Done() {
			n.doneOnce.Do(func() { close(n.done) })
		}
		n.sleep(core, c.Deadline(), timer)
	}
}

// step turns a panic of user code, and a fault on the memory of a log, into the failure of the worker: the process goes on and says what happened.
func (n *Node) step(c *Core) (worked bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("core %d: panic: %v", c.id, r)
		}
	}()
	fault := n.arena.Guard(func() { worked, err = c.Step(time.Now().UnixNano()) })
	return worked, errors.Join(fault, err)
}

func (n *Node) sleep(core int, deadline int64, timer *time.Timer) {
	wait := time.Hour
	if deadline != 0 {
		wait = max(time.Until(time.Unix(0, deadline)), 0)
	}
	timer.Reset(wait)
	select {
	case <-n.wakes[core]:
	case <-timer.C:
	case <-n.stop:
	}
}

// leaseBytesMax is what a core may keep leased of a tick: more than its caches hold is of no use, and leased segments cannot be spilled.
const leaseBytesMax = 8 << 20

// How often the watch looks whether a tick does not fit, and after how long it takes a standstill for one of which it cannot be told.
const (
	watchEvery = 100 * time.Millisecond
	standstill = 5 * time.Second
)

// watch ends a worker whose logs are full and who therefore can do nothing more: without a spill directory, a tick that is larger than
// the arena never gets out of it.
func (n *Node) watch() {
	defer n.running.Done()
	if n.cfg.SpillDir != "" {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	last, since := n.steps.Load(), time.Now()
	for {
		select {
		case <-n.stop:
			return
		case <-tick.C:
		}
		if o, ok := n.worker.Exchange().Overflow(); ok {
			n.fail(n.overflow(o))
			return
		}
		if now := n.steps.Load(); now != last || !n.worker.Exchange().Blocked() {
			last, since = now, time.Now()
		} else if time.Since(since) >= standstill {
			n.fail(fmt.Errorf("the arena of %d bytes is full and nothing has left it for %v: the ticks in flight do not fit; %s", n.cfg.ArenaBytes, standstill, moreRoom))
			return
		}
	}
}

const moreRoom = "raise --arena, cut smaller ticks with --tick, or give a --spill-dir"

// overflow says which tick does not fit, and where.
func (n *Node) overflow(o shuffle.Overflow) error {
	e := &n.cfg.Plan.Edges[o.Edge]
	return fmt.Errorf("tick %d does not fit: what stage %s sends to stage %s has no room in the arena of %d bytes, and nothing in it can leave before; %s",
		o.Tick, n.cfg.Plan.Stages[e.From].Name, n.cfg.Plan.Stages[e.To].Name, n.cfg.ArenaBytes, moreRoom)
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

// CutLinks ends the connections at hand of all links, for a reason; they are made again.
func (n *Node) CutLinks(reason error) {
	for i := range n.links {
		for _, l := range []*netio.Link{n.links[i].in.Load(), n.links[i].out.Load()} {
			if l != nil {
				l.Cut(reason)
			}
		}
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

// LinkBytes is what crossed this node's links so far, everything counted, copies too.
func (n *Node) LinkBytes() (in, out uint64) {
	all := [][]linkPair{n.links}
	if n.copying != nil {
		all = append(all, n.copying.links)
	}
	for _, links := range all {
		for i := range links {
			for _, l := range []*netio.Link{links[i].in.Load(), links[i].out.Load()} {
				if l != nil {
					s := l.Stats()
					in += s.BytesIn
					out += s.BytesOut
				}
			}
		}
	}
	return in, out
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
