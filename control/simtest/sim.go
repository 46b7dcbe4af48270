package simtest

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// startNs is when simulated time begins: 2001-09-09.
const startNs = 1_000_000_000_000_000_000

// Config is a simulated run.
type Config struct {
	Seed     uint64
	Limits   Limits
	Plan     *runtime.Plan
	SpillDir string // on a real disk; what is spilled is part of the run, how long that takes is not
	MaxSteps int
	Faults   *Faults // nil: reliability is off, and nothing dies
}

// Faults is what may happen to a run with recovery.
type Faults struct {
	// Crashes is how many times a worker's process may die; Every is about how many steps lie between two of them.
	Crashes, Every int
	// SnapshotIntervalNs of simulated time.
	SnapshotIntervalNs int64
	// Outputs of the sinks: they survive the processes.
	Outputs []*vertextest.MemoryOutput
}

// Sim is a cluster under simulation.
type Sim struct {
	cfg     Config
	rng     *rand.Rand
	now     int64
	net     simnet.Net
	machine *control.Machine
	workers []*worker
	toBoss  []control.Event
	commits int
	aborts  int
	outcome *control.Outcome
	fault   error // of the engine's own

	// With recovery:
	disks   []*disk // by node
	stored  control.Stored
	crashed int
}

// Result tells how a run went.
type Result struct {
	Steps   int
	Outcome control.Outcome
	Stats   []runtime.Stats // by node
	Crashes int
}

// Run simulates the job to its end. The error names the seed.
func Run(cfg Config) (Result, error) {
	r, err := run(cfg)
	if err != nil {
		return r, fmt.Errorf("seed %d, %+v: after %d steps: %w", cfg.Seed, cfg.Limits, r.Steps, err)
	}
	return r, nil
}

func run(cfg Config) (r Result, err error) {
	s := &Sim{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0)), now: startNs}
	for n := range cfg.Limits.Nodes {
		s.workers = append(s.workers, &worker{sim: s, node: frame.NodeID(n)})
	}
	if s.machine, err = control.NewMachine(s.managed()); err != nil {
		return r, err
	}
	defer func() {
		for _, w := range s.workers {
			err = errors.Join(err, w.close())
		}
	}()
	s.obey(s.machine.Step(control.Clock{Now: control.TimeNs(s.now)}))
	if cfg.Faults == nil { // with recovery they are spawned
		for _, w := range s.workers {
			w.tell(control.Hello{From: w.from()})
		}
	}
	for s.outcome == nil && s.fault == nil {
		if r.Steps++; r.Steps > cfg.MaxSteps {
			return r, fmt.Errorf("no end: %v", s.machine.Phase())
		}
		s.step()
	}
	return s.result(r)
}

// managed is what the manager is told of the run.
func (s *Sim) managed() control.Config {
	l := s.cfg.Limits
	c := control.Config{Epoch: 1, Workers: l.Nodes, Cores: l.Cores, Tick: tickRule(l.Schedule), StartNs: 1 << 60, StopNs: 1 << 60}
	f := s.cfg.Faults
	if f == nil {
		return c
	}
	for range l.Nodes {
		s.disks = append(s.disks, newDisk())
	}
	for i := range s.cfg.Plan.Stages {
		if s.cfg.Plan.Stages[i].Sink == nil {
			continue
		}
		for n := range l.Nodes {
			if s.cfg.Plan.TasksOn(i, frame.NodeID(n), l.Nodes).Count > 0 {
				f.Outputs[0].Later = s.disks[n].later
			}
		}
	}
	s.stored = control.Stored{Epoch: 1, Incarnations: make([]frame.Incarnation, l.Nodes), Bases: make([][]control.Base, len(s.cfg.Plan.Stages))}
	for i := range s.stored.Bases {
		s.stored.Bases[i] = make([]control.Base, l.Nodes)
	}
	c.Recovery = &control.Recovery{
		Stages: control.Shapes(s.cfg.Plan, l.Nodes), Stored: s.stored.Clone(), SnapshotIntervalNs: f.SnapshotIntervalNs, LeaseNs: 1 << 60, GiveUp: f.Crashes + 1,
	}
	return c
}

func (s *Sim) result(r Result) (Result, error) {
	r.Crashes = s.crashed
	if s.fault != nil {
		return r, s.fault
	}
	r.Outcome = *s.outcome
	if s.commits+s.aborts != 1 {
		return r, fmt.Errorf("%d commits and %d aborts", s.commits, s.aborts)
	}
	for _, w := range s.workers {
		r.Stats = append(r.Stats, w.stats)
	}
	if !r.Outcome.OK() {
		return r, errors.New(r.Outcome.Reason)
	}
	return r, nil
}

func tickRule(t runtime.Schedule) control.TickRule {
	if t.Length > 0 {
		return control.TickRule{LengthNs: max(int64(t.Length), control.MinTickNs)}
	}
	return control.TickRule{LimitByte: int64(t.Bytes)}
}

// step does one thing.
func (s *Sim) step() {
	s.now += s.rng.Int64N(2000)
	w := s.workers[s.rng.IntN(len(s.workers))]
	switch s.rng.IntN(8) {
	case 0:
		if len(s.toBoss) > 0 {
			ev := s.toBoss[0]
			s.toBoss = s.toBoss[1:]
			s.obey(s.machine.Step(ev))
		}
	case 1:
		w.deliver()
	case 2:
		if w.arena != nil {
			w.arena.Step()
		}
	case 3, 4:
		s.net.Step(s.rng)
	case 5:
		if len(s.disks) > 0 {
			s.disks[w.node].step(s.rng)
			w.report()
		}
		s.obey(s.machine.Step(control.Clock{Now: control.TimeNs(s.now)}))
	default:
		w.step()
	}
	if f := s.cfg.Faults; f != nil && s.crashed < f.Crashes && s.rng.IntN(f.Every) == 0 {
		s.crash(s.workers[s.rng.IntN(len(s.workers))], "killed by the seed")
	}
}

// crash ends a worker's process at once: what it had not made durable is lost.
func (s *Sim) crash(w *worker, why string) {
	if w.dead || w.incarnation == 0 {
		return
	}
	s.crashed++
	_ = w.close() // a process that dies gives no leases back
	w.dead, w.mail = true, nil
	s.disks[w.node].crash()
	s.toBoss = append(s.toBoss, control.Lost{Node: w.node, Incarnation: w.incarnation, Reason: why})
}

// obey carries out what the manager wants.
func (s *Sim) obey(effects []control.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case control.Start:
			s.post(e.Node, e)
		case control.Connect:
			s.post(e.Node, e)
		case control.Run:
			s.post(e.Node, e)
		case control.Stop:
			s.post(e.Node, e)
		case control.Mark:
			s.post(e.Node, e)
		case control.Trim:
			s.post(e.Node, e)
		case control.Relink:
			s.post(e.Node, e)
		case control.Spawn:
			s.workers[e.Node] = &worker{sim: s, node: e.Node, incarnation: e.Incarnation}
			s.workers[e.Node].tell(control.Hello{From: s.workers[e.Node].from()})
		case control.Persist:
			s.stored.Apply(e.Txn)
			s.toBoss = append(s.toBoss, control.Persisted{})
		case control.Commit:
			s.commits++
			s.toBoss = append(s.toBoss, control.Committed{})
		case control.Abort:
			s.aborts++
			s.toBoss = append(s.toBoss, control.Aborted{})
		case control.Kill:
			if s.cfg.Faults == nil {
				s.fail(fmt.Errorf("the manager kills node %d", e.Node))
				return
			}
			s.crash(s.workers[e.Node], "killed by the manager")
		case control.End:
			s.outcome = &e.Outcome
		}
	}
}

// post gives a command to a worker, if it lives.
func (s *Sim) post(n frame.NodeID, cmd control.Effect) {
	if w := s.workers[n]; !w.dead {
		w.mail = append(w.mail, cmd)
	}
}

func (s *Sim) fail(err error) {
	if s.fault == nil {
		s.fault = err
	}
}
