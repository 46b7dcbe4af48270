package control

import (
	"errors"
	"fmt"
)

// MaxWorkers bounds the workers of a run.
const MaxWorkers = 4096

// Config describes a run.
type Config struct {
	Epoch       Epoch
	Workers     int
	Cores       int    // per worker
	Fingerprint uint64 // of the plan that every worker must have built
	Stages      []StageInfo
	Tick        TickRule
	// StartNs is how long the workers may take until they run; StopNs, how long they may take to stop, and again to die.
	StartNs int64
	StopNs  int64
	// Recovery, if set, has lost workers replaced; nil: a run fails with the first of its workers.
	Recovery *Recovery
}

// StageInfo names a logical stage and its tasks, for statistics.
type StageInfo struct {
	Name  string
	Tasks int
}

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Workers < 1 || c.Workers > MaxWorkers {
		complain("workers: got %d, want 1 to %d", c.Workers, MaxWorkers)
	}
	if c.Cores < 1 {
		complain("cores: got %d, want at least 1", c.Cores)
	}
	if c.StartNs <= 0 || c.StopNs <= 0 {
		complain("deadlines: got %d ns to start and %d ns to stop, want more than 0", c.StartNs, c.StopNs)
	}
	if err := c.Tick.Validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Phase is where a run stands. Phases only grow.
type Phase uint8

// The phases, see the package document.
const (
	Gathering Phase = iota
	Linking
	Running
	Committing
	Stopping
	Aborting
	Ended
)

// WorkerState is where a worker stands. States only grow.
type WorkerState uint8

// The states of a worker.
const (
	Absent WorkerState = iota // not heard of
	Greeted
	Prepared
	Connected
	Done // finished or failed; it waits for Stop
	Gone
)

type worker struct {
	state WorkerState
	pid   int
	addr  string
	// copyAddr is where it keeps copies for its peers.
	copyAddr string
	told     bool // Stop was sent
	killed   bool // Kill was sent
	stats    WorkerStats
	// counted: it has told figures. before are the events that were read before this manager began.
	counted bool
	before  uint64
	life    // with recovery
}

// Machine is the job manager of one run.
type Machine struct {
	cfg     Config
	now     TimeNs
	begun   bool     // now is known
	ticks   Schedule // begins when now became known
	phase   Phase
	workers []worker
	// deadline is when patience with the phase ends (gathering, linking, stopping).
	deadline TimeNs
	cause    cause
	rec      *recovery // nil: off
	out      []Effect
}

// cause is why a run failed.
type cause struct {
	reason    string
	cancelled bool
	aboutPeer bool // a worker that suffers from what happened to another: the other's own words are better
}

// NewMachine returns the machine of a run that has not heard of any worker yet. Its first event must be a Clock.
func NewMachine(cfg Config) (*Machine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Machine{cfg: cfg, workers: make([]worker, cfg.Workers)}
	if cfg.Recovery == nil {
		return m, nil
	}
	var err error
	m.rec, err = newRecovery(cfg)
	return m, err
}

// Phase tells where the run stands.
func (m *Machine) Phase() Phase { return m.phase }

// Step takes one event and returns what is to be done, in order. The slice is the caller's.
func (m *Machine) Step(ev Event) []Effect {
	m.out = nil
	if m.phase == Ended {
		return nil
	}
	switch ev := ev.(type) {
	case sender:
		m.fromWorker(ev.from(), ev.(Event))
	case Clock:
		m.clock(ev.Now)
	case Lost:
		m.lost(ev)
	case Persisted:
		m.persisted(ev)
	case Cancel:
		m.fail(cause{reason: ev.Reason, cancelled: true})
	case Committed:
		m.committed(ev)
	case Aborted:
		m.aborted(ev)
	}
	m.tookOver()
	return m.out
}

func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

// all reports whether every worker has come at least as far as the state.
func (m *Machine) all(s WorkerState) bool {
	for i := range m.workers {
		if m.workers[i].state < s {
			return false
		}
	}
	return true
}

func (m *Machine) clock(now TimeNs) {
	before := m.now
	m.now = max(m.now, now)
	if !m.begun {
		m.begun = true
		m.ticks = m.cfg.Tick.Schedule(m.now)
		m.deadline = m.now + TimeNs(m.cfg.StartNs)
		if m.rec != nil {
			m.resume()
			return
		}
	}
	if m.rec != nil {
		m.passTime(m.now - before)
	}
	if m.now < m.deadline {
		return
	}
	switch m.phase {
	case Gathering, Linking:
		if m.rec != nil {
			return // each worker has its own time
		}
		m.fail(cause{reason: m.whoIsMissing()})
	case Stopping:
		m.patienceEnds()
	}
}

func (m *Machine) whoIsMissing() string {
	want, what := Prepared, "start"
	if m.phase == Linking {
		want, what = Connected, "link to the others"
	}
	for i := range m.workers {
		if w := &m.workers[i]; w.state < want {
			return fmt.Sprintf("worker %d%s did not %s within %d ms", i, w.process(), what, m.cfg.StartNs/1e6)
		}
	}
	return "the workers did not start in time"
}

func (w *worker) process() string {
	if w.pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", w.pid)
}
