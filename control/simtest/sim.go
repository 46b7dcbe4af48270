package simtest

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex/runtime"
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
}

// Result tells how a run went.
type Result struct {
	Steps   int
	Outcome control.Outcome
	Stats   []runtime.Stats // by node
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
	s.machine, err = control.NewMachine(control.Config{
		Epoch: 1, Workers: cfg.Limits.Nodes, Cores: cfg.Limits.Cores, Tick: tickRule(cfg.Limits.Schedule), StartNs: 1 << 60, StopNs: 1 << 60,
	})
	if err != nil {
		return r, err
	}
	defer func() {
		for _, w := range s.workers {
			err = errors.Join(err, w.close())
		}
	}()
	s.obey(s.machine.Step(control.Clock{Now: control.TimeNs(s.now)}))
	for _, w := range s.workers {
		s.toBoss = append(s.toBoss, control.Hello{From: w.from()})
	}
	for s.outcome == nil && s.fault == nil {
		if r.Steps++; r.Steps > cfg.MaxSteps {
			return r, fmt.Errorf("no end: %v", s.machine.Phase())
		}
		s.step()
	}
	return s.result(r)
}

func (s *Sim) result(r Result) (Result, error) {
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
		s.obey(s.machine.Step(control.Clock{Now: control.TimeNs(s.now)}))
	default:
		w.step()
	}
}

// obey carries out what the manager wants.
func (s *Sim) obey(effects []control.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case control.Start:
			s.workers[e.Node].mail = append(s.workers[e.Node].mail, e)
		case control.Connect:
			s.workers[e.Node].mail = append(s.workers[e.Node].mail, e)
		case control.Run:
			s.workers[e.Node].mail = append(s.workers[e.Node].mail, e)
		case control.Stop:
			s.workers[e.Node].mail = append(s.workers[e.Node].mail, e)
		case control.Commit:
			s.commits++
			s.toBoss = append(s.toBoss, control.Committed{})
		case control.Abort:
			s.aborts++
			s.toBoss = append(s.toBoss, control.Aborted{})
		case control.Kill:
			s.fail(fmt.Errorf("the manager kills node %d", e.Node))
		case control.End:
			s.outcome = &e.Outcome
		}
	}
}

func (s *Sim) fail(err error) {
	if s.fault == nil {
		s.fault = err
	}
}
