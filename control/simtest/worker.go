package simtest

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/persist"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// worker is a simulated worker process: what an agent and a runtime.Node do, without goroutines.
type worker struct {
	sim       *Sim
	node      frame.NodeID
	mail      []control.Effect // commands under way, in order
	arena     *ringlog.Arena
	w         *runtime.Worker
	spill     *spillFile
	arenas    []*ringlog.Arena // of shadow runs
	end       *simnet.Node
	links     [][]*simnet.Link     // by node
	copier    *copier              // nil: nothing is copied
	persister *persist.Persister   // nil: nothing is persisted
	journals  map[int]*peerJournal // by stage, where peers keep them
	images    *images              // where peers keep them
	living    []replica.Member     // the peers that it was told of when it started
	build     func() error         // makes the worker once its journals and images are here; nil: it is made, or there is nothing to wait for
	patience  int                  // step up to which it waits for them
	running   bool
	finished  bool
	stats     runtime.Stats

	// With recovery:
	incarnation frame.Incarnation
	epoch       control.Epoch
	dead        bool
	quiet       []frame.Tick       // by stage: up to it nothing is emitted
	needs       control.Needs      // up to where it was told to trim; nil: nowhere
	relinks     []netio.Peer       // that wait for the links with the former life to end
	replayed    map[int]frame.Tick // by stage: up to where its journal went, for R13

	// With faults:
	unheard []control.Event // while the manager is away
	doomed  bool            // the manager could not kill it yet
	zombie  bool            // taken for dead, up to the step until
	until   int
	broken  bool   // a zombie that failed
	tight   bool   // its arena has the least
	rotten  bool   // bits have flipped in its logs
	rots    uint64 // chooses the bit that flips in the next frame that it sends; 0: none
	alone   bool   // its connection with the manager broke
	// What a new manager is told or has to tell:
	begins  []frame.Tick
	marked  frame.Tick
	peers   map[frame.NodeID]control.Peer
	failed  bool // it has said so
	offered bool // it has said hello to a manager that has not adopted it yet
}

func (w *worker) from() control.From {
	return control.From{Node: w.node, Epoch: max(1, w.epoch), Incarnation: w.incarnation}
}

func (w *worker) tell(ev control.Event) {
	if _, failed := ev.(control.Failed); failed {
		w.failed = true
	}
	if w.sim.away(w.node) || w.zombie {
		w.unheard = append(w.unheard, ev)
		return
	}
	w.reach(ev)
}

// fail ends the run for an error of the engine, unless the worker is a zombie. What was dropped early is no error.
func (w *worker) fail(err error) {
	if errors.Is(err, shuffle.ErrDropped) && !w.zombie {
		w.failShadow(err)
		return
	}
	if errors.Is(err, shuffle.ErrTripwire) && !w.zombie {
		w.tell(control.Failed{From: w.from(), Reason: err.Error(), Final: true})
		return
	}
	if errors.Is(err, errNoRoom) {
		return
	}
	if corrupt(err) && w.rotten && !w.zombie {
		w.tell(control.Failed{From: w.from(), Reason: err.Error()})
		return
	}
	if w.broken = true; !w.zombie {
		w.sim.fail(fmt.Errorf("node %d: %w", w.node, err))
	}
}

// now is the time by the clock of the node.
func (w *worker) now() int64 {
	if w.sim.harms == nil {
		return w.sim.now
	}
	return w.sim.now + w.sim.harms[w.node].skewNs
}

// deliver hands the worker its next command.
func (w *worker) deliver() {
	if len(w.mail) == 0 || w.sim.away(w.node) {
		return
	}
	if _, stop := w.mail[0].(control.Stop); w.build != nil && !stop {
		return // it is busy
	}
	cmd := w.next()
	if cmd == nil || !w.obeys(cmd) {
		return
	}
	var err error
	if _, start := cmd.(control.Start); !start && w.w == nil {
		if _, stop := cmd.(control.Stop); !stop {
			return // it could not start
		}
	}
	switch cmd := cmd.(type) {
	case control.Start:
		var bad *unreadable
		if err = w.start(cmd.Assignment); errors.As(err, &bad) {
			err = nil
			w.tell(control.Failed{From: w.from(), Reason: bad.Error(), Unreadable: &bad.Saved})
		} else if err == nil && w.build == nil && (w.copier == nil || w.copier.fetched == nil) {
			w.ready()
		}
	case control.Connect:
		w.peers = map[frame.NodeID]control.Peer{}
		for _, p := range cmd.Peers {
			w.peers[p.Node] = p
			w.copier.connect(p)
		}
		if err = w.connect(cmd.Peers); err == nil {
			w.tell(control.Linked{From: w.from()})
		}
	case control.Run:
		w.running = true
	case control.Mark:
		w.mark(cmd.Tick)
	case control.Trim:
		err = w.trim(cmd.Needs)
	case control.Adopt:
		err = w.adopted(cmd)
	case control.Activated:
		w.activated(cmd)
	case control.Admit:
		w.copier.admit(cmd.Peer)
	case control.Relink:
		w.peers[cmd.Peer.Node] = cmd.Peer
		w.copier.connect(cmd.Peer)
		w.relink(netio.Peer{Node: cmd.Peer.Node, Incarnation: cmd.Peer.Incarnation, Addr: cmd.Peer.Addr})
	case control.Stop:
		err = w.close()
		w.tell(control.Stopped{From: w.from()})
	}
	if err != nil {
		w.fail(err)
	}
}

// ready tells that the worker listens.
func (w *worker) ready() {
	r := control.Ready{From: w.from(), Addr: fmt.Sprint(w.node)}
	if w.copier != nil {
		r.CopyAddr = r.Addr
	}
	w.tell(r)
}

// simJob is the job as logs have it.
const simJob = 1

// held tells a worker which of its stages are slow.
func (w *worker) held() func(stage int) bool {
	if w.sim.harms == nil {
		return nil
	}
	return func(stage int) bool { return w.sim.heldStage(&w.sim.harms[w.node], stage) || w.waits(stage) }
}

func (w *worker) start(a control.Assignment) (err error) {
	l := w.sim.cfg.Limits
	w.links = make([][]*simnet.Link, l.Nodes)
	w.spill, w.tight = &spillFile{w: w}, false
	w.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: l.SegmentBytes, LimitBytes: l.ArenaBytes, Backing: ringlog.Heap,
		OpenSpill: func() (ringlog.SpillFile, error) { return w.spill, nil },
		Available: func() (ringlog.Memory, error) { return ringlog.Memory{Bytes: 1 << 40, Source: "the simulator"}, nil }})
	if err != nil {
		return err
	}
	recovery, err := w.recovery(a)
	if err != nil {
		return err
	}
	build := func(recovery *runtime.Recovery) error { return w.make(a, recovery) }
	if recovery == nil {
		return build(nil)
	}
	w.copier, w.living = newCopier(w, a), living(a)
	if w.sim.cfg.Faults.ImagePeers > 0 {
		w.openImages(a)
		build = func(recovery *runtime.Recovery) error {
			if err := w.images.restore(a, recovery); err != nil {
				return err
			}
			w.copier.fetch(recovery.Images)
			return w.make(a, recovery)
		}
	} else {
		w.copier.fetch(recovery.Images)
	}
	switch {
	case w.sim.cfg.Faults.JournalPeers > 0:
		return w.openJournals(a, build, recovery)
	case w.images != nil:
		w.await(build, recovery)
		return nil
	}
	return build(recovery)
}

// make makes the worker.
func (w *worker) make(a control.Assignment, recovery *runtime.Recovery) (err error) {
	l := w.sim.cfg.Limits
	var copier shuffle.Copier
	if w.copier != nil {
		copier = w.copier.copies
	}
	cfg := runtime.Config{
		Copier: copier,
		Plan:   w.sim.cfg.Plan, JobID: simJob, Node: a.Node, Nodes: a.Nodes, Cores: a.Cores, Incarnation: max(1, a.Incarnation), Recovery: recovery,
		Schedule: l.Schedule, Admission: l.Admission, Lateness: w.sim.cfg.Lateness, FrameBytes: l.FrameBytes, CreditBytes: l.CreditBytes, LeaseBytes: l.FrameBytes, Sums: true,
		Arena: w.arena, Pages: func(int) state.Pages { return &state.HeapPages{} }, Nanotime: func() int64 { return w.now() },
		Wake: func(int) {}, WakePeer: w.wakePeer, WakeLane: w.wakeLane, Room: w.room, Fail: w.fail,
		Held: w.held(), Shadows: w.shadows(),
	}
	if w.persister = w.newPersister(&cfg); w.persister != nil {
		cfg.Persister = w.persister
	}
	if w.w, err = runtime.NewWorker(cfg); err == nil {
		w.w.Exchange().Break(w.sim.cfg.Broken.flaw())
		w.watch()
		if w.persister != nil {
			w.persister.Attach(w.w.Exchange())
		}
	}
	w.end = w.sim.net.Node(netio.Config{
		Identity:      wire.Identity{Job: w.sim.cfg.Plan.Job, Node: w.node, Incarnation: max(1, w.incarnation), Token: []byte("secret")},
		MaxFrameBytes: l.FrameBytes,
	})
	if err != nil || recovery == nil {
		return err
	}
	w.begins = a.Begins()
	for _, t := range a.Marks {
		w.mark(t)
	}
	return w.trim(a.Needs)
}

// recovery is what the worker goes on from: nil without recovery.
// unreadable is an image with flipped bits.
// trim removes what nobody needs any more, from logs, journals and images.
// report tells the manager how far the worker is.
// mark has images taken after a tick.
// progress is how far the worker is.
// relink cuts the links with a peer's former life.
// renew makes the links with a peer's new life once those with the former have ended.
// link makes both links with a peer.
// room makes room for what a link brought: a link may wait for the arena's driver, which here is the same thread.
// step steps a core, and cuts a link now and then.
func (w *worker) step() {
	if w.w != nil && len(w.relinks) > 0 {
		if err := w.renew(); err != nil {
			w.fail(err)
			return
		}
	}
	if w.build != nil {
		w.copier.renew()
		w.tryBuild()
		return
	}
	if w.w != nil {
		w.copier.step()
	}
	if !w.running {
		return
	}
	if w.persister != nil {
		w.persist()
	}
	w.images.step()
	if w.stepShadows() {
		return
	}
	core := w.sim.rng.IntN(w.sim.cfg.Limits.Cores)
	if _, err := w.w.Core(core).Step(w.now()); err != nil {
		w.fail(fmt.Errorf("core %d: %w", core, err))
		return
	}
	if w.w.Done() && !w.finished {
		w.finished = true
		w.stats = w.w.Stats()
		w.tell(w.finish())
	}
	if w.sim.rng.IntN(2000) == 0 {
		if links := w.links[w.sim.rng.IntN(len(w.links))]; len(links) > 0 {
			links[w.sim.rng.IntN(len(links))].Cut(errors.New("cut by the seed"))
		}
	}
}

// finish tells that all is done.
func (w *worker) finish() control.Finished {
	return control.Finished{From: w.from(), Stats: control.WorkerStats{EventsIn: w.stats.EventsIn, EventsOut: w.stats.EventsOut}}
}

// giveBack ends the leases of frames that were being sent: the network does not say so of a node that is killed.
func (w *worker) giveBack() {
	for n := range w.links {
		if w.w == nil || frame.NodeID(n) == w.node {
			continue
		}
		x := w.w.Exchange()
		x.Outgoing(frame.NodeID(n)).Sent(nil)
		for i := range x.Lanes() {
			x.LaneTo(frame.NodeID(n), uint8(i+1)).Sent(nil)
		}
	}
}

// close gives everything back.
func (w *worker) close() error {
	w.images.close()
	w.running, w.build, w.journals, w.images = false, nil, nil, nil
	if w.end != nil {
		w.end.Kill()
		w.end = nil
		w.giveBack()
	}
	w.copier.close()
	w.copier, w.persister = nil, nil
	var err error
	if w.w != nil {
		for _, s := range w.w.Shadowed() {
			w.sim.recursed += int(s.Lanes)
		}
		err = w.w.Close()
	}
	if w.arena != nil {
		err = errors.Join(err, w.arena.Close())
	}
	w.w, w.arena = nil, nil
	return err
}
