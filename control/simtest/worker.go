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
	"github.com/streamscope/streamscope/state"
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
	links    [][]*simnet.Link // by node
	running  bool
	finished bool
	stats    runtime.Stats
}

func (w *worker) from() control.From { return control.From{Node: w.node, Epoch: 1} }

func (w *worker) tell(ev control.Event) { w.sim.toBoss = append(w.sim.toBoss, ev) }

// deliver hands the worker its next command.
func (w *worker) deliver() {
	if len(w.mail) == 0 {
		return
	}
	cmd := w.mail[0]
	w.mail = w.mail[1:]
	var err error
	switch cmd := cmd.(type) {
	case control.Start:
		if err = w.start(cmd.Assignment); err == nil {
			w.tell(control.Ready{From: w.from(), Addr: fmt.Sprint(w.node)})
		}
	case control.Connect:
		if err = w.connect(cmd.Peers); err == nil {
			w.tell(control.Linked{From: w.from()})
		}
	case control.Run:
		w.running = true
	case control.Stop:
		err = w.close()
		w.tell(control.Stopped{From: w.from()})
	}
	if err != nil {
		w.sim.fail(fmt.Errorf("node %d: %w", w.node, err))
	}
}

func (w *worker) start(a control.Assignment) (err error) {
	l := w.sim.cfg.Limits
	w.links = make([][]*simnet.Link, l.Nodes)
	w.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: l.SegmentBytes, LimitBytes: l.ArenaBytes, SpillDir: w.sim.cfg.SpillDir, Backing: ringlog.Heap})
	if err != nil {
		return err
	}
	w.w, err = runtime.NewWorker(runtime.Config{
		Plan: w.sim.cfg.Plan, JobID: 1, Node: a.Node, Nodes: a.Nodes, Cores: a.Cores, Incarnation: 1,
		Schedule: l.Schedule, Admission: l.Admission, FrameBytes: l.FrameBytes, CreditBytes: l.CreditBytes, LeaseBytes: l.FrameBytes, Sums: true,
		Arena: w.arena, Pages: func(int) state.Pages { return &state.HeapPages{} }, Nanotime: func() int64 { return w.sim.now },
		Wake: func(int) {}, WakePeer: w.wakePeer, Room: w.room, Fail: w.sim.fail,
	})
	return err
}

func (w *worker) connect(peers []control.Peer) error {
	l := w.sim.cfg.Limits
	w.end = w.sim.net.Node(netio.Config{
		Identity:      wire.Identity{Job: w.sim.cfg.Plan.Job, Node: w.node, Incarnation: 1, Token: []byte("secret")},
		MaxFrameBytes: l.FrameBytes,
	})
	for _, p := range peers {
		if p.Node == w.node {
			continue
		}
		peer := netio.Peer{Node: p.Node, Incarnation: 1, Addr: p.Addr}
		in, err := w.end.Expect(peer, w.w.Exchange().Incoming(p.Node))
		if err != nil {
			return err
		}
		out, err := w.end.Dial(peer, w.w.Exchange().Outgoing(p.Node))
		if err != nil {
			return err
		}
		w.links[p.Node] = []*simnet.Link{in, out}
	}
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
	if !w.running {
		return
	}
	core := w.sim.rng.IntN(w.sim.cfg.Limits.Cores)
	if _, err := w.w.Core(core).Step(w.sim.now); err != nil {
		w.sim.fail(fmt.Errorf("node %d, core %d: %w", w.node, core, err))
		return
	}
	if w.w.Done() && !w.finished {
		w.finished = true
		w.stats = w.w.Stats()
		w.tell(control.Finished{From: w.from()})
	}
	if w.sim.rng.IntN(2000) == 0 {
		if links := w.links[w.sim.rng.IntN(len(w.links))]; len(links) > 0 {
			links[w.sim.rng.IntN(len(links))].Cut(errors.New("cut by the seed"))
		}
	}
}

// close gives everything back.
func (w *worker) close() error {
	w.running = false
	if w.end != nil {
		w.end.Kill()
		w.end = nil
	}
	if w.w == nil {
		return nil
	}
	err := errors.Join(w.w.Close(), w.arena.Close())
	w.w, w.arena = nil, nil
	return err
}
