package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/cmd/streamscope/options"
	"github.com/streamscope/streamscope/cmd/streamscope/report"
)

func (a *app) runCommand() *cobra.Command {
	var raw options.Raw
	cmd := &cobra.Command{
		Use:   "run JOB [flags]",
		Short: "Run a job to its end",
		Long: "Run a job to its end. The result goes to standard output or to --out; progress, messages and a summary go to standard error.\n\nThe jobs are:\n" +
			a.jobTable() + "\nSizes are written 65536, 64KiB, 4MiB or 1GiB. Of a repeated flag the last one counts, but for --input, --edge-policy and --stage-strategy.",
		Example: `  streamscope run flights
  streamscope run flights --input flights.parquet --airports airports.csv --out result.csv --workers 3 --tasks 16
  zcat flights.csv.gz | streamscope run flights --input - --rate 50k --out result.jsonl`,
		Args: a.jobArg,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, j := range a.jobs {
				names = append(names, cobra.CompletionWithDesc(j.name, j.short))
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			run, complaints := options.Parse(raw, a.machine)
			if len(complaints) > 0 {
				return usageError{errors.Join(complaints...)}
			}
			a.started = true
			return a.runJob(cmd.Context(), args[0], run)
		},
	}
	runFlags(cmd.Flags(), &raw)
	completeRunFlags(cmd)
	return cmd
}

func completeRunFlags(cmd *cobra.Command) {
	fixed := map[string][]string{
		"log-format":        {"text", "json"},
		"links":             {"tcp", "auto", "shm"},
		"on-bad-row":        {"fail", "skip", "divert="},
		"reliability":       {"off", "recompute", "retain", "replicate=1", "persist"},
		"source-durability": {"disk", "peers(1)", "memory"},
		"tick":              {"5ms", "20ms", "bytes:64KiB", "bytes:1MiB", "bytes:16MiB"},
	}
	for name, words := range fixed {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = cmd.MarkFlagFilename("input", "parquet", "csv", "jsonl")
	_ = cmd.MarkFlagFilename("airports", "csv")
	_ = cmd.MarkFlagFilename("out", "csv", "jsonl", "parquet")
	_ = cmd.MarkFlagFilename("stats", "json")
	_ = cmd.MarkFlagFilename("events", "jsonl")
	_ = cmd.MarkFlagFilename("worker-launcher")
	_ = cmd.MarkFlagDirname("spill-dir")
	_ = cmd.MarkFlagDirname("data-dir")
	for _, name := range []string{"snapshot-store", "snapshot-interval", "recovery-objective", "manager-patience", "listen-host", "workers", "tasks", "segment-bytes", "frame-bytes", "credit-bytes", "arena", "lateness", "rate", "pprof"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
}

func (a *app) jobTable() string {
	var b strings.Builder
	for _, j := range a.jobs {
		fmt.Fprintf(&b, "  %-10s %s\n", j.name, j.short)
	}
	return b.String()
}

// jobArg wants exactly one argument, a job that exists.
func (a *app) jobArg(_ *cobra.Command, args []string) error {
	var names []string
	for _, j := range a.jobs {
		names = append(names, j.name)
	}
	list := strings.Join(names, ", ")
	switch {
	case len(args) == 0:
		return fmt.Errorf("run: name a job: %s", list)
	case len(args) > 1:
		return fmt.Errorf("run: got %q after the job %q, want flags only", args[1], args[0])
	}
	for _, n := range names {
		if n == args[0] {
			return nil
		}
	}
	return fmt.Errorf("run: unknown job %q, want one of: %s", args[0], list)
}

// runJob prepares all that must not fail at the end, runs the job and reports.
func (a *app) runJob(ctx context.Context, job string, run options.Run) (err error) {
	rep := report.New(job, report.Config{Out: a.stderr, Terminal: a.terminal, JSON: run.LogFormat == "json", Now: a.now})
	defer rep.Close()
	a.log = rep.Log()
	if run.Pprof != "" {
		stop, err := servePprof(run.Pprof, a.log)
		if err != nil {
			return err
		}
		defer stop()
	}
	var file *report.StatsFile
	if run.Stats != "" {
		if file, err = report.CreateStats(run.Stats); err != nil {
			return err
		}
		defer file.Abort()
	}
	var events io.Writer
	if run.Events != "" {
		f, err := os.OpenFile(run.Events, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return fmt.Errorf("--events %w", err)
		}
		defer f.Close()
		events = f
	}
	memory := report.WatchMemory()
	stats, err := a.run(ctx, jobRun{
		job: job, options: run, cores: a.machine.Cores, stdout: a.stdout, stderr: rep.Lines(), log: a.log, observe: rep.Observe, events: events,
	})
	for _, w := range stats.Workers {
		memory.Note(w.PID, w.PeakBytes)
	}
	stats.Finish(rep.Elapsed(), memory.Stop())
	rep.Close()
	if err != nil {
		return explainEnd(ctx, err, run.DataDir)
	}
	if file != nil {
		if err := file.Commit(&stats); err != nil {
			return err
		}
	}
	if stats.Late > 0 {
		a.log.Warn(fmt.Sprintf("%s rows came too late and were dropped: they lay more than --lateness %v behind an earlier row of their file; give a greater --lateness to keep them",
			report.Count(stats.Late), run.Lateness))
	}
	rep.Done(&stats)
	return nil
}

// explainEnd puts the signal in the place of what it made the engine complain about.
func explainEnd(ctx context.Context, err error, dataDir string) error {
	var interrupt interruptError
	switch {
	case !errors.As(context.Cause(ctx), &interrupt):
		return err
	case dataDir != "":
		return fmt.Errorf("%w: the run was stopped; repeat its command to go on from %s", interrupt, dataDir)
	}
	return fmt.Errorf("%w: the run was stopped, nothing was written", interrupt)
}
