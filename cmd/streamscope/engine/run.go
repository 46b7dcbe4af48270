package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/agent"
	"github.com/streamscope/streamscope/control/events"
	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/manager"
	"github.com/streamscope/streamscope/control/objective"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex/connect"
)

// Config is one run of a job.
type Config struct {
	Jobs    Definitions
	Name    string
	Job     Job // its Token is made by Run
	Workers int // child processes; 0: everything in this one
	Cores   int // of this machine
	Tasks   int
	Tick    control.TickRule
	Limits  rpc.Limits
	// Recovery, if set, lets the run survive the loss of workers and of this process.
	Recovery *Recovery
	// Command makes the command that starts the worker of a node; nil: this binary with the argument "worker".
	Command func(frame.NodeID) *exec.Cmd
	// ListenHost is where workers reach this process; "": the loopback address. Where they reach each other is up to them (Process).
	ListenHost string
	Stderr     io.Writer // takes what children write on standard error, line by line
	Log        *slog.Logger
	Report     func(control.RunStats)
	// Events, if set, takes what happens to workers, as lines of JSON (package control/events).
	Events io.Writer

	feeder *connect.Feeder // of standard input, with Recovery; nil: the job does not read it
}

// Deadlines of a run.
const (
	startPatience = 30 * time.Second
	stopPatience  = 2 * time.Second
	progressEvery = 50 * time.Millisecond
)

// epoch of the one manager that a run has.
const epoch control.Epoch = 1

// Run runs the job and returns what was counted. The output is visible exactly if the error is nil.
func Run(ctx context.Context, cfg Config) (control.RunStats, error) {
	if cfg.Recovery != nil {
		return cfg.runRecoverable(ctx)
	}
	cfg.Job.Token = connect.NewToken()
	b, err := cfg.build()
	if err != nil {
		return control.RunStats{}, err
	}
	return cfg.run(ctx, b, nil)
}

// built is a job with its plan.
type built struct {
	graph   *job.Graph
	plan    *plan.Plan
	options plan.Options
}

// build plans the job. All that is to be said against it is said here, before anything is written.
func (cfg *Config) build() (b built, err error) {
	b.options = plan.Options{Tasks: cfg.Tasks, Fuse: true}
	if cfg.Recovery != nil {
		b.options.Reliability = cfg.Recovery.Reliability
	}
	if b.graph, err = cfg.Jobs.graph(cfg.Name, cfg.Job); err == nil {
		b.plan, err = plan.Build(b.graph, b.options)
	}
	return b, err
}

// runRecoverable runs the job with what its data directory holds.
func (cfg *Config) runRecoverable(ctx context.Context) (stats control.RunStats, err error) {
	stop, err := cfg.feedStdin()
	if err != nil {
		return stats, err
	}
	defer stop()
	if err := checkStore(cfg.Recovery.SnapshotStore); err != nil {
		return stats, err
	}
	for _, out := range []string{cfg.Job.Out, cfg.Job.DivertTo} { // before a directory is bound to them
		if err := connect.Creatable(out); out != "" && err != nil {
			return stats, err
		}
	}
	if cfg.Job.Out == "" {
		cfg.Log.Warn("standard output is at-least-once: after a failure rows may come again, since nothing takes them back; --out FILE has each once")
	}
	cfg.Limits.SnapshotStore, cfg.Limits.ImagePeers, cfg.Limits.JournalPeers = cfg.Recovery.SnapshotStore, cfg.Recovery.ImagePeers, cfg.Recovery.JournalPeers
	if cfg.Job.Token, err = tokenOf(cfg.Recovery.Dir); err != nil {
		return stats, err
	}
	b, err := cfg.build()
	if err != nil {
		return stats, err
	}
	d, err := openData(cfg.Recovery.Dir, cfg.Job.Token)
	if err != nil {
		return stats, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	cfg.Limits.DataDir = d.dir
	if cfg.Limits.SpillDir == "" {
		cfg.Limits.SpillDir = filepath.Join(d.dir, "spill")
	}
	if err := os.MkdirAll(cfg.Limits.SpillDir, 0o755); err != nil {
		return stats, fmt.Errorf("--spill-dir: %w", err)
	}
	return cfg.run(ctx, b, d)
}

// run runs the job; d is nil without recovery.
func (cfg *Config) run(ctx context.Context, b built, d *data) (control.RunStats, error) {
	p, options := b.plan, b.options
	var choice *objective.Choice
	if d != nil {
		var err error
		if choice, err = cfg.choose(p, d); err != nil {
			return control.RunStats{}, err
		}
		options.Reliability = p.Options.Reliability
	}
	if err := ctx.Err(); err != nil {
		return control.RunStats{}, context.Cause(ctx)
	}
	text, err := encode(cfg.Job)
	if err != nil {
		return control.RunStats{}, err
	}
	output := output(b.graph.Committers())
	run := manager.Config{
		Control: control.Config{
			Epoch: epoch, Workers: max(1, cfg.Workers), Cores: coresPerWorker(cfg.Cores, cfg.Workers),
			Fingerprint: plan.Fingerprint(p), Stages: stageInfo(p), Tick: cfg.Tick,
			StartNs: int64(startPatience), StopNs: int64(stopPatience),
		},
		Job:     rpc.Job{Name: cfg.Name, Options: text, Limits: cfg.Limits, Tasks: options.Tasks, Fuse: options.Fuse, Reliability: options.Reliability},
		Commit:  output.commit,
		Abort:   output.abort,
		Report:  cfg.Report,
		NewHost: cfg.host(),
		Observe: warned(cfg.Log, events.Observer(cfg.Events, p.Stages())),
	}
	if d != nil {
		office, err := cfg.recoverable(&run, d, p, output)
		if err != nil {
			return control.RunStats{}, err
		}
		run.Control.Recovery.Choice = choice
		defer func() {
			if err := office.close(); err != nil {
				cfg.Log.Warn(err.Error())
			}
		}()
		status := newStatusFile(d.dir, cfg.Name, func(err error) { cfg.Log.Warn(err.Error()) })
		defer status.close()
		run.Status = status.put
	}
	outcome, err := manager.Run(ctx, run)
	if err != nil {
		return outcome.Stats, errors.Join(err, run.Abort())
	}
	if !outcome.OK() {
		return outcome.Stats, errors.New(outcome.Reason)
	}
	return outcome.Stats, nil
}

// recoverable adds to a run what it needs to go on after a failure, from where an earlier one was.
func (cfg *Config) recoverable(run *manager.Config, d *data, p *plan.Plan, output output) (*office, error) {
	stored, err := d.takeOver(cfg, p)
	if err != nil {
		return nil, err
	}
	run.Control.Epoch = stored.Epoch
	run.Control.Recovery = &control.Recovery{
		Stages: control.Shapes(p.Runtime, run.Control.Workers), Stored: stored, SnapshotIntervalNs: int64(cfg.Recovery.SnapshotInterval),
	}
	run.Persist = d.persist
	run.Abort = func() error { return nil } // what was written is for the next run
	run.Commit = func() error { return output.commitAgain(stored.Outcome == control.OutputComplete) }
	run.TookOver = func(t control.TookOver) {
		cfg.Log.Info(fmt.Sprintf("took over from the manager before at tick %d; %s", t.Tick, liveOn(t.Adopted)))
	}
	run.Waits = func(w control.Waits) { cfg.Log.Warn(waitsWords(w)) }
	office, err := openOffice(d.dir, d.token, cfg.ListenHost, stored.Epoch)
	if err != nil {
		return nil, err
	}
	if err := cfg.meetWorkers(run, d, office); err != nil {
		return nil, errors.Join(err, office.close())
	}
	anybody := slices.ContainsFunc(run.Control.Recovery.Living, func(i frame.Incarnation) bool { return i > 0 })
	if cfg.Recovery.AcceptGap && !anybody {
		if err := cfg.acceptGap(d, &stored, run.Control.Recovery.Stages); err != nil {
			return nil, errors.Join(err, office.close())
		}
		run.Control.Recovery.Stored = stored
	}
	if tick, resumed := resumedAt(stored, run.Control.Recovery.Stages); resumed && stored.Outcome == control.OutputOpen {
		if !anybody {
			cfg.Log.Info(fmt.Sprintf("resumed at tick %d", tick))
		}
	} else if stored.Outcome == control.OutputVisible {
		if err := cfg.endedBefore(d); err != nil {
			return nil, errors.Join(err, office.close())
		}
	}
	return office, nil
}

// endedBefore says that there is nothing left to do, if the output is still there.
func (cfg *Config) endedBefore(d *data) error {
	for _, out := range []string{cfg.Job.Out, cfg.Job.DivertTo} {
		if _, err := os.Stat(strings.TrimRight(out, "/")); out != "" && err != nil {
			return fmt.Errorf("the job of %s has ended before, but its output is not there any more: %w; remove the directory to run it again", d.dir, err)
		}
	}
	cfg.Log.Info(fmt.Sprintf("the job of %s has ended before: its output is there; remove the directory to run it again", d.dir))
	return nil
}

// resumedAt is the least tick at which a unit restarts; false for a run that begins.
func resumedAt(s control.Stored, stages []control.StageShape) (frame.Tick, bool) {
	if !slices.ContainsFunc(s.Incarnations, func(i frame.Incarnation) bool { return i > 0 }) {
		return 0, false
	}
	least := frame.MaxTick
	for i, stage := range stages {
		for _, n := range stage.Nodes {
			least = min(least, s.Bases[i][n].Base)
		}
	}
	return least, true
}

func (cfg *Config) host() func(manager.Hub) (manager.Host, error) {
	if cfg.Workers == 0 {
		w := &workers{jobs: cfg.Jobs, log: cfg.Log, stdin: cfg.stdin}
		return manager.InProcess(w.agentConfig())
	}
	s := manager.Spawn{Command: cfg.Command, Host: cfg.ListenHost, Stderr: cfg.Stderr, Token: cfg.Job.Token}
	if cfg.feeder != nil {
		s.Stdin = cfg.feeder.Attach
	}
	return manager.Processes(s)
}

// coresPerWorker shares the cores of the machine among the workers. Each has two, if the machine does: one that executes again what was lost takes what the
// others leave idle meanwhile, and who has the source and the sink is not held up by its other tasks.
func coresPerWorker(cores, workers int) int { return max(1, min(2, cores), cores/max(1, workers)) }

func stageInfo(p *plan.Plan) []control.StageInfo {
	var stages []control.StageInfo
	for _, name := range p.Names() {
		stages = append(stages, control.StageInfo{Name: name, Tasks: p.TasksOf(name)})
	}
	return stages
}

// output is all that a run makes visible at its end: diverted rows first, so that a result never stands without them.
type output []job.Committer

func (o output) commit() error {
	for i, c := range o {
		if err := c.Commit(); err != nil {
			return errors.Join(err, o[i:].abort())
		}
	}
	return nil
}

// commitAgain is commit for a run that another goes on with if it fails: nothing is removed. An earlier one may have died between two
// outputs, or before it could note that all have their names: what has got its name is not there under its temporary one any more.
func (o output) commitAgain(before bool) error {
	for _, c := range o {
		if err := c.Commit(); err != nil && !(before && errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

// abort removes what workers left, those that were killed before they could do so themselves.
func (o output) abort() error {
	var errs []error
	for _, c := range o {
		errs = append(errs, c.Abort())
	}
	return errors.Join(errs...)
}

// agentConfig is that of a worker's agent, here or in a child.
func (w *workers) agentConfig() agent.Config {
	return agent.Config{PID: os.Getpid(), Build: w.build, NewWorker: w.newWorker, ProgressEvery: progressEvery}
}

// Process is the life of a child that Run started, and takes links at host ("": the loopback address). It returns when its parent tells it to stop,
// or is gone. SIGUSR1 in hurt cuts all links of the worker, as a network would do it; they are made again. SIGUSR2 has one of its tasks fail.
func Process(jobs Definitions, log *slog.Logger, host string, hurt <-chan os.Signal) error {
	w := &workers{jobs: jobs, log: log, host: cmp.Or(host, manager.Loopback), stdin: func() (connect.Feed, error) { return connect.OpenFeed(os.Stdin) }}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case how := <-hurt:
				switch n := w.node.Load(); {
				case n == nil:
				case how == syscall.SIGUSR2:
					n.FailTask()
				default:
					n.CutLinks(errors.New("cut by a signal"))
				}
			case <-ended:
				return
			}
		}
	}()
	return agent.Process(w.agentConfig())
}
