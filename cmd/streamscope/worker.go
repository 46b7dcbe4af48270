package main

import (
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/cmd/streamscope/report"
)

// workerCommand is what `run --workers` starts; its end is told to the parent, and what it says goes through the parent's standard error.
func (a *app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Short:  "Be a worker process of a run (started by `run`)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			a.started = true
			// A worker that is told to end by anybody but its parent dies, and the parent says so.
			signal.Reset(syscall.SIGTERM)
			rep := report.New("worker", report.Config{Out: a.stderr, Now: a.now})
			if err := engine.Process(definitions, rep.Log()); err != nil {
				return fmt.Errorf("worker: %w", err)
			}
			return nil
		},
	}
}
