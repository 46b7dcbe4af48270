package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/cmd/streamscope/report"
)

// workerCommand is what `run --workers` starts; its end is told to the parent, and what it says goes through the parent's standard error.
func (a *app) workerCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:    "worker",
		Short:  "Be a worker process of a run (started by `run`)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			a.started = true
			// A worker that is told to end by anybody but its parent dies, and the parent says so.
			signal.Reset(syscall.SIGTERM)
			rep := report.New("worker", report.Config{Out: a.stderr, JSON: format == "json", Now: a.now})
			a.log = rep.Log()
			// A file that may not grow is an error of whoever writes it, not the end of the process.
			signal.Ignore(syscall.SIGXFSZ)
			cut := make(chan os.Signal, 1)
			signal.Notify(cut, syscall.SIGUSR1)
			if err := engine.Process(definitions, rep.Log(), cut); err != nil {
				return fmt.Errorf("worker: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "log-format", "text", "messages on standard error: text or json")
	return cmd
}

// workerProcess makes the command of a worker whose messages are as those of this process.
func workerProcess(logFormat string) func() *exec.Cmd {
	return func() *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			self = os.Args[0] // starting it tells what is wrong
		}
		return exec.Command(self, "worker", "--log-format", logFormat)
	}
}
