package simtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/netio/simnet"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
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
	MaxSteps int
	Lateness time.Duration
	Faults   *Faults // nil: reliability is off, and nothing dies
	Broken   Canary  // with Faults; empty: none
}

// Faults is what happens to a run with recovery.
type Faults struct {
	Plan []Fault // in the order of their steps
	// Flaky makes one in so many writes to a disk, or transactions of the store, fail; 0: none. A transaction that fails may have been
	// carried out.
	Flaky int
	// SnapshotIntervalNs and LeaseNs of simulated time; no lease: nobody is found dead for being silent.
	SnapshotIntervalNs, LeaseNs int64
	// JournalPeers is how many other nodes keep the journal of each source; 0: its node's disk does.
	JournalPeers int
	// JournalBytes bounds what nobody has trimmed of such a journal; 0: the default of package journal.
	JournalBytes int
	// ImagePeers is how many other nodes keep the images of each unit; 0: its node's disk does.
	ImagePeers int
	// Output of the plan's sink: it survives the processes.
	Output *vertextest.MemoryOutput
	// Settled, if set, is called once all faults are over and all bases have come to what was marked then. A source may wait for it with its end.
	Settled func()
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
	vacant  int    // step up to which there is no manager, while machine is nil
	elder   *elder // a manager that lives on beside its successor; nil: none
	told    told
	commits int
	aborts  int
	outcome *control.Outcome
	fault   error // of the engine's own

	// With recovery:
	copying *copying                     // nil: no edge has copies
	streams *streams                     // nil: no edge is persisted
	written written                      // in journals at peers
	images  map[control.Unit]*imagesLeft // at peers
	found   int                          // images that lives had from peers
	silent  []replica.Member             // that were taken for lost while they lived
	disks   []*disk                      // by node
	stored  control.Stored
	// registrar is by node the manager that has registered the incarnation that counts.
	registrar []control.Epoch
	txns      []control.Txn // on their way to the store
	crashed   int

	steps       int
	faults      []Fault // still to come
	harms       []harm  // by node
	bossSkewNs  int64
	impatient   bool         // a manager that took over may have replaced workers before they could attach
	rare        [actions]int // by kind of action: up to which step it is starved
	happened    [kinds]int
	zombies     []*worker
	zombiesSeen int
	damaged     bool // an image was
	dropped     int  // times that something was dropped early
	regenerated int  // asks for what was, for which the node was made to start again
	shadowed    int  // those that were answered beside it
	recursed    int  // edges that they made for shadow runs of others
	onLanes     int  // frames that these had from others

	// What is checked:
	shapes    []control.StageShape
	trimmed   control.Needs
	channels  map[channel]*closes
	calmMark  frame.Tick    // a tick behind all that was marked when the last fault was over; 0: it is not
	calmNeeds control.Needs // when all bases had come to it
	settled   bool
	leftOut   map[control.Unit]int // images at peers, since calmMark
	persisted uint64               // rows
}

// Result tells how a run went.
type Result struct {
	Steps   int
	Outcome control.Outcome
	Stats   []runtime.Stats // by node
	Crashes int             // and other losses of workers
	Zombies int
	Damaged bool   // images were
	Dropped int    // times that ticks were dropped early
	Asked   int    // that somebody asked for such, and the node was replaced
	Shadows int    // that it was made again beside the node, and for shadow runs of others
	Nested  int    // edges of these that were made for shadow runs
	Lanes   int    // frames that shadow runs had from other nodes
	Served  uint64 // ticks that new lives had from copies
	Found   int    // images that they had from peers
	// Persisted are the rows of edges that were, all compared.
	Persisted uint64

	Happened [kinds]int          // faults that hit something
	Adopted  int                 // workers that went on under another manager
	Fenced   int                 // transactions of managers that had a successor
	Late     int                 // commands of managers that the worker followed no more
	Again    int                 // ticks with rows that were closed again, with the same rows
	Here     int                 // of Again, on channels within a node
	Lives    []frame.Incarnation // by node
	Settled  bool                // all bases came to what was marked when the last fault was over
}

// ErrNoEnd is a run that takes too many steps.
var ErrNoEnd = errors.New("no end")

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
		for _, w := range append(s.workers, s.zombies...) {
			err = errors.Join(err, w.close())
		}
	}()
	s.clock()
	if cfg.Faults == nil { // with recovery they are spawned
		for _, w := range s.workers {
			w.tell(control.Hello{From: w.from()})
		}
	}
	for s.outcome == nil && s.fault == nil {
		if s.steps++; s.steps > cfg.MaxSteps {
			s.fail(fmt.Errorf("%w: %s", ErrNoEnd, s.describe()))
			break
		}
		s.step()
	}
	return s.result(r)
}

// managed is what the manager is told of the run; with recovery it is a newer one each time.
func (s *Sim) managed() control.Config {
	l := s.cfg.Limits
	c := control.Config{Epoch: 1, Workers: l.Nodes, Cores: l.Cores, Tick: tickRule(l.Schedule), StartNs: 1 << 60, StopNs: 1 << 60}
	f := s.cfg.Faults
	if f == nil {
		return c
	}
	if s.disks == nil {
		s.disksFor(f)
	}
	s.stored.Epoch++
	c.Epoch = s.stored.Epoch
	lease := int64(1 << 60)
	if f.LeaseNs > 0 {
		lease, c.StopNs = f.LeaseNs, f.LeaseNs
	}
	c.Recovery = &control.Recovery{
		Stages: control.Shapes(s.cfg.Plan, l.Nodes), Stored: s.stored.Clone(), SnapshotIntervalNs: f.SnapshotIntervalNs, LeaseNs: lease, GiveUp: 1 << 20,
		PersistTries: 1 << 30, PersistRetryNs: 1000,
	}
	s.cfg.Broken.mislead(c.Recovery)
	return c
}

// disksFor makes what survives the processes.
func (s *Sim) disksFor(f *Faults) {
	l, p := s.cfg.Limits, s.cfg.Plan
	for range l.Nodes {
		s.disks = append(s.disks, newDisk(s, frame.NodeID(len(s.disks))))
		s.harms = append(s.harms, harm{cut: make([]int, l.Nodes)})
	}
	s.faults, s.net.Held = f.Plan, s.held
	s.copyFor()
	s.streamsFor()
	s.shapes, s.channels = control.Shapes(p, l.Nodes), map[channel]*closes{}
	s.trimmed = make(control.Needs, len(p.Stages))
	for i := range s.trimmed {
		s.trimmed[i] = make([]frame.Tick, l.Nodes)
	}
	for i := range p.Stages {
		for n := range l.Nodes {
			if p.Stages[i].Sink != nil && p.TasksOn(i, frame.NodeID(n), l.Nodes).Count > 0 {
				s.disks[n].outputs(f.Output)
			}
		}
	}
	s.registrar = make([]control.Epoch, l.Nodes)
	s.stored = control.Stored{Incarnations: make([]frame.Incarnation, l.Nodes), Bases: make([][]control.Base, len(p.Stages))}
	for i := range s.stored.Bases {
		s.stored.Bases[i] = make([]control.Base, l.Nodes)
	}
}

// flaky tells whether what is being written fails: until the run is to settle.
func (s *Sim) flaky() bool {
	return s.calmMark == 0 && s.cfg.Faults.Flaky > 0 && s.rng.IntN(s.cfg.Faults.Flaky) == 0
}

func (s *Sim) clock() {
	if s.machine == nil {
		return
	}
	s.obey(s.machine.Step(control.Clock{Now: control.TimeNs(s.now + s.bossSkewNs)}))
}

func (s *Sim) result(r Result) (Result, error) {
	r.Steps, r.Crashes, r.Zombies, r.Damaged, r.Dropped, r.Asked = s.steps, s.crashed, s.zombiesSeen, s.damaged, s.dropped, s.regenerated
	r.Shadows, r.Nested, r.Lanes = s.shadowed, s.recursed, s.onLanes
	r.Happened, r.Settled, r.Found = s.happened, s.settled, s.found
	r.Adopted, r.Fenced, r.Late = s.told.adopted, s.told.fenced, s.told.late
	for c, closed := range s.channels {
		if r.Again += closed.again; c.from == c.to {
			r.Here += closed.again
		}
	}
	if s.copying != nil {
		r.Served = s.copying.served
	}
	if s.fault != nil {
		return r, s.fault
	}
	r.Outcome = *s.outcome
	if s.cfg.Faults == nil && s.commits+s.aborts != 1 || s.cfg.Faults != nil && r.Outcome.OK() && s.commits == 0 { // a manager that died after a commit does not know of it
		return r, fmt.Errorf("%d commits and %d aborts", s.commits, s.aborts)
	}
	for _, w := range s.workers {
		r.Stats = append(r.Stats, w.stats)
		r.Lives = append(r.Lives, w.incarnation)
	}
	if !r.Outcome.OK() {
		return r, errors.New(r.Outcome.Reason)
	}
	err := errors.Join(s.checkStreams(), s.checkSilent())
	r.Persisted = s.persisted
	return r, err
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
	if s.cfg.Faults != nil {
		s.checkWarm()
		s.checkHeld()
		s.injectDue()
		s.manage()
		s.settle()
		if s.outcome != nil || s.fault != nil {
			return
		}
		if len(s.zombies) > 0 && s.rng.IntN(3) == 0 {
			s.stepZombie()
			return
		}
		if len(s.txns) > 0 && s.rng.IntN(4) == 0 && s.commitOne() {
			return
		}
		if s.copying != nil && s.rng.IntN(s.copying.seldom) == 0 && s.does(delivering) {
			s.copying.net.Step(s.rng)
			return
		}
	}
	w := s.workers[s.rng.IntN(len(s.workers))]
	switch s.rng.IntN(8) { // who has nothing to do leaves the step to the core
	case 0:
		if s.machine != nil && len(s.toBoss) > 0 && s.does(hearing) {
			ev := s.toBoss[0]
			s.toBoss = s.toBoss[1:]
			s.obey(s.machine.Step(ev))
			return
		}
	case 1:
		if w.attach() {
			return
		}
		if len(w.mail) > 0 && s.does(obeying) {
			w.deliver()
			return
		}
	case 2:
		if w.arena != nil && s.does(spilling) && w.arena.Step() {
			return
		}
		if s.cfg.Faults != nil && w.w != nil && s.steps%8 == 0 && w.w.Exchange().DropEarly() {
			s.dropped++
		}
	case 3, 4:
		if s.does(delivering) {
			s.net.Step(s.rng)
			return
		}
	case 5:
		if len(s.disks) > 0 {
			if s.steps >= s.harms[w.node].stall && s.does(storing) {
				s.disks[w.node].step(s.rng)
			}
			if s.rng.IntN(reportSeldom) == 0 && s.does(reporting) {
				w.report()
			}
		}
		s.clock()
		return
	}
	if s.harms == nil || (s.steps >= s.harms[w.node].slow || s.rng.IntN(30) == 0) && s.does(executing) {
		w.step()
	}
}

// reportSeldom keeps reports from being most of what the manager hears.
const reportSeldom = 2

// crashAll ends the manager and all workers, and begins a new manager with what the store holds.
func (s *Sim) crashAll() {
	s.crashed++
	for _, w := range s.workers {
		_ = w.close()
		w.dead, w.mail, w.unheard, w.doomed = true, nil, nil, false
		s.disks[w.node].crash(w.incarnation)
	}
	for len(s.zombies) > 0 {
		s.bury(s.zombies[0])
	}
	s.toBoss, s.elder = nil, nil
	s.lastTxns()
	var err error
	if s.machine, err = control.NewMachine(s.managed()); err != nil {
		s.fail(err)
		return
	}
	s.clock()
}

// crash ends a worker's process at once: what it had not made durable is lost. It reports whether there was one.
func (s *Sim) crash(w *worker, why string) bool {
	if w.dead || w.incarnation == 0 {
		return false
	}
	s.crashed++
	_ = w.close() // a process that dies gives no leases back
	w.dead, w.mail, w.unheard, w.doomed = true, nil, nil, false
	s.disks[w.node].crash(w.incarnation)
	s.lost(control.Lost{Node: w.node, Incarnation: w.incarnation, Reason: why})
	return true
}

func (s *Sim) fail(err error) {
	if s.fault == nil {
		s.fault = err
	}
}
