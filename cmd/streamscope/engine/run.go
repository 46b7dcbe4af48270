package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/agent"
	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/manager"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/control/rpc"
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
	// Command makes the command that starts a worker; nil: this binary with the argument "worker".
	Command func() *exec.Cmd
	Stderr  io.Writer // takes what children write on standard error, line by line
	Log     *slog.Logger
	Report  func(control.RunStats)
}

// Deadlines of a run.
const (
	startPatience = 30 * time.Second
	stopPatience  = 2 * time.Second
	progressEvery = 100 * time.Millisecond
)

// epoch of the one manager that a run has.
const epoch control.Epoch = 1

// Run runs the job and returns what was counted. The output is visible exactly if the error is nil.
func Run(ctx context.Context, cfg Config) (control.RunStats, error) {
	cfg.Job.Token = connect.NewToken()
	options := plan.Options{Tasks: cfg.Tasks, Fuse: true}
	graph, err := cfg.Jobs.graph(cfg.Name, cfg.Job)
	if err != nil {
		return control.RunStats{}, err
	}
	p, err := plan.Build(graph, options)
	if err != nil {
		return control.RunStats{}, err
	}
	if err := ctx.Err(); err != nil {
		return control.RunStats{}, context.Cause(ctx)
	}
	text, err := encode(cfg.Job)
	if err != nil {
		return control.RunStats{}, err
	}
	output := output(graph.Committers())
	outcome, err := manager.Run(ctx, manager.Config{
		Control: control.Config{
			Epoch: epoch, Workers: max(1, cfg.Workers), Cores: coresPerWorker(cfg.Cores, cfg.Workers),
			Fingerprint: plan.Fingerprint(p), Stages: stageInfo(p), Tick: cfg.Tick,
			StartNs: int64(startPatience), StopNs: int64(stopPatience),
		},
		Job:     rpc.Job{Name: cfg.Name, Options: text, Limits: cfg.Limits, Tasks: options.Tasks, Fuse: options.Fuse},
		Commit:  output.commit,
		Abort:   output.abort,
		Report:  cfg.Report,
		NewHost: cfg.host(),
	})
	if err != nil {
		return outcome.Stats, errors.Join(err, output.abort())
	}
	if !outcome.OK() {
		return outcome.Stats, errors.New(outcome.Reason)
	}
	return outcome.Stats, nil
}

func (cfg *Config) host() func(manager.Hub) (manager.Host, error) {
	if cfg.Workers == 0 {
		return manager.InProcess(agentConfig(cfg.Jobs, cfg.Log))
	}
	return manager.Processes(manager.Spawn{Command: cfg.Command, Stderr: cfg.Stderr, Token: cfg.Job.Token})
}

// coresPerWorker shares the cores of the machine among the workers.
func coresPerWorker(cores, workers int) int { return max(1, cores/max(1, workers)) }

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

// abort removes what workers left, those that were killed before they could do so themselves.
func (o output) abort() error {
	var errs []error
	for _, c := range o {
		errs = append(errs, c.Abort())
	}
	return errors.Join(errs...)
}

// agentConfig is that of a worker's agent, here or in a child.
func agentConfig(jobs Definitions, log *slog.Logger) agent.Config {
	w := &workers{jobs: jobs, log: log}
	return agent.Config{PID: os.Getpid(), Build: w.build, NewWorker: w.newWorker, ProgressEvery: progressEvery}
}

// Process is the life of a child that Run started. It returns when its parent tells it to stop, or is gone.
func Process(jobs Definitions, log *slog.Logger) error { return agent.Process(agentConfig(jobs, log)) }
