package simtest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// worker is a simulated worker process: what an agent and a runtime.Node do, without goroutines.
type worker struct {
	sim      *Sim
	node     frame.NodeID
	mail     []control.Effect // commands under way, in order
	arena    *ringlog.Arena
	w        *runtime.Worker
	end      *simnet.Node
	links    [][]*simnet.Link     // by node
	copier   *copier              // nil: nothing is copied
	journals map[int]*peerJournal // by stage, where peers keep them
	build    func() error         // makes the worker once its journals are here; nil: it is made, or there is nothing to wait for
	patience int                  // step up to which it waits for them
	running  bool
	finished bool
	stats    runtime.Stats

	// With recovery:
	incarnation frame.Incarnation
	epoch       control.Epoch
	dead        bool
	quiet       []frame.Tick // by stage: up to it nothing is emitted
	relinks     []netio.Peer // that wait for the links with the former life to end

	// With faults:
	unheard []control.Event // while the manager is away
	doomed  bool            // the manager could not kill it yet
	zombie  bool            // taken for dead, up to the step until
	until   int
	broken  bool // a zombie that failed
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
		w.sim.regenerated++
		if w.sim.cfg.Broken != M26 {
			w.tell(control.Failed{From: w.from(), Reason: err.Error(), Dropped: true})
		}
		return
	}
	if errors.Is(err, shuffle.ErrTripwire) && !w.zombie {
		w.tell(control.Failed{From: w.from(), Reason: err.Error(), Final: true})
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
		w.activated(cmd.Stage, cmd.Set)
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

func (w *worker) start(a control.Assignment) (err error) {
	l := w.sim.cfg.Limits
	w.links = make([][]*simnet.Link, l.Nodes)
	w.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: l.SegmentBytes, LimitBytes: l.ArenaBytes, Backing: ringlog.Heap,
		OpenSpill: func() (ringlog.SpillFile, error) { return &spillFile{}, nil },
		Available: func() (ringlog.Memory, error) { return ringlog.Memory{Bytes: 1 << 40, Source: "the simulator"}, nil }})
	if err != nil {
		return err
	}
	recovery, err := w.recovery(a)
	if err != nil {
		return err
	}
	if recovery != nil {
		w.copier = newCopier(w, a, recovery.Images)
	}
	build := func(recovery *runtime.Recovery) error { return w.make(a, recovery) }
	if recovery != nil && w.sim.cfg.Faults.JournalPeers > 0 {
		return w.openJournals(a, build, recovery)
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
	w.w, err = runtime.NewWorker(runtime.Config{
		Copier: copier,
		Plan:   w.sim.cfg.Plan, JobID: 1, Node: a.Node, Nodes: a.Nodes, Cores: a.Cores, Incarnation: max(1, a.Incarnation), Recovery: recovery,
		Schedule: l.Schedule, Admission: l.Admission, Lateness: w.sim.cfg.Lateness, FrameBytes: l.FrameBytes, CreditBytes: l.CreditBytes, LeaseBytes: l.FrameBytes, Sums: true,
		Arena: w.arena, Pages: func(int) state.Pages { return &state.HeapPages{} }, Nanotime: func() int64 { return w.now() },
		Wake: func(int) {}, WakePeer: w.wakePeer, Room: w.room, Fail: w.fail,
	})
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
func (w *worker) recovery(a control.Assignment) (*runtime.Recovery, error) {
	if w.sim.cfg.Faults == nil {
		return nil, nil
	}
	d, p := w.sim.disks[w.node], w.sim.cfg.Plan
	d.take(w.incarnation)
	if w.sim.cfg.Broken == M25 {
		a.Restore = d.newest(a.Restore)
	}
	d.rewind(a.Restore)
	save := func(stage int, t frame.Tick, im snapshot.Image) { d.save(w.incarnation, stage, t, im) }
	w.quiet = a.Quiet
	switch w.sim.cfg.Broken {
	case M08:
		a.Restore = asked(a.Restore, a.Quiet)
	case M10:
		a.Quiet = nil
	}
	r := &runtime.Recovery{Journal: d.open, Save: save, Lost: d.lost, Images: make([]*runtime.Image, len(p.Stages)), Warm: a.Quiet}
	for i, t := range a.Restore {
		tasks := p.TasksOn(i, a.Node, a.Nodes)
		if t == 0 || tasks.Count == 0 {
			continue
		}
		saved := control.Saved{Stage: control.StageID(i), Tick: t}
		image, ok := d.images[saved]
		if !ok {
			return nil, fmt.Errorf("I11: no image of stage %d after tick %d", i, t)
		}
		l, err := snapshot.Decode(image)
		if errors.Is(err, snapshot.ErrDamaged) && w.sim.damaged {
			return nil, &unreadable{saved}
		}
		if err == nil {
			r.Images[i], err = p.ParseImage(i, tasks, l.Extra, l.Parts)
		}
		if err != nil {
			return nil, fmt.Errorf("stage %d, tick %d: %w", i, t, err)
		}
	}
	if w.sim.cfg.Broken == M22 {
		w.sim.breakImages(r.Images)
	}
	return r, nil
}

// unreadable is an image with flipped bits.
type unreadable struct{ control.Saved }

func (u *unreadable) Error() string {
	return fmt.Sprintf("the image of stage %d after tick %d is damaged", u.Stage, u.Tick)
}

// trim removes what nobody needs any more, from logs, journals and images.
func (w *worker) trim(needs control.Needs) error {
	if needs == nil {
		return nil
	}
	w.sim.disks[w.node].trim(needs, w.node)
	w.sim.trimmedTo(needs)
	w.sim.checkBases()
	if w.sim.cfg.Broken == M06 {
		needs = w.sim.delivered(needs)
	}
	if w.sim.cfg.Broken == OneTooFar {
		needs = oneTooFar(needs)
	}
	return w.w.Trim(needs)
}

// report tells the manager how far the worker is.
func (w *worker) report() {
	if w.w == nil || w.dead {
		return
	}
	if len(w.unheard) > 0 || len(w.sim.toBoss) > 40 || w.offered {
		return // reports may be lost
	}
	w.wish()
	w.tell(w.progress())
}

// mark has images taken after a tick.
func (w *worker) mark(t frame.Tick) {
	w.marked = max(w.marked, t)
	w.w.Mark(t)
}

// progress is how far the worker is.
func (w *worker) progress() control.Reported {
	p := w.w.Progress()
	r := control.Reported{From: w.from(), Executed: p.Executed, Opened: p.Opened, Missed: p.Missed, Unsaved: slices.Clone(w.sim.disks[w.node].unsaved)}
	for _, s := range w.sim.disks[w.node].saved() {
		low, hollow := w.w.Low(int(s.Stage), s.Tick)
		if hollow {
			r.Hollow = append(r.Hollow, control.Hollow{Saved: s, Low: low})
		} else {
			r.Saved = append(r.Saved, s)
		}
	}
	return r
}

// relink cuts the links with a peer's former life.
func (w *worker) relink(peer netio.Peer) {
	for _, l := range w.links[peer.Node] {
		l.Cut(errors.New("the peer has a new life"))
		l.Close()
	}
	w.relinks = append(w.relinks, peer)
}

// renew makes the links with a peer's new life once those with the former have ended.
func (w *worker) renew() error {
	rest := w.relinks[:0]
	for i, p := range w.relinks {
		if slices.ContainsFunc(w.relinks[i+1:], func(q netio.Peer) bool { return q.Node == p.Node }) {
			continue // there is a newer one already
		}
		if slices.ContainsFunc(w.links[p.Node], func(l *simnet.Link) bool { _, ended := l.Ended(); return !ended }) {
			rest = append(rest, p)
			continue
		}
		w.w.Exchange().Renew(p.Node)
		if err := w.link(p); err != nil {
			return err
		}
	}
	w.relinks = rest
	return nil
}

func (w *worker) connect(peers []control.Peer) error {
	for _, p := range peers {
		if p.Node == w.node {
			continue
		}
		if err := w.link(netio.Peer{Node: p.Node, Incarnation: max(1, p.Incarnation), Addr: p.Addr}); err != nil {
			return err
		}
	}
	return nil
}

// link makes both links with a peer.
func (w *worker) link(peer netio.Peer) error {
	incoming := w.w.Exchange().Incoming(peer.Node)
	if w.sim.cfg.Faults != nil {
		incoming = &tap{Incoming: incoming, to: w, from: peer.Node}
	}
	in, err := w.end.Expect(peer, incoming)
	if err != nil {
		return err
	}
	out, err := w.end.Dial(peer, w.w.Exchange().Outgoing(peer.Node))
	if err != nil {
		return err
	}
	w.links[peer.Node] = []*simnet.Link{in, out}
	return nil
}

func (w *worker) wakePeer(n frame.NodeID) {
	for _, l := range w.links[n] {
		l.Wake()
	}
}

// room makes room for what a link brought: a link may wait for the arena's driver, which here is the same thread.
func (w *worker) room(<-chan struct{}) error {
	if !w.arena.Step() {
		return errors.New("the arena is full and nothing can be spilled")
	}
	return nil
}

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

// close gives everything back.
func (w *worker) close() error {
	w.running, w.build, w.journals = false, nil, nil
	if w.end != nil {
		w.end.Kill()
		w.end = nil
	}
	w.copier.close()
	w.copier = nil
	var err error
	if w.w != nil {
		err = w.w.Close()
	}
	if w.arena != nil {
		err = errors.Join(err, w.arena.Close())
	}
	w.w, w.arena = nil, nil
	return err
}
