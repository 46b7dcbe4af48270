package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/cmd/streamscope/options"
	"github.com/streamscope/streamscope/cmd/streamscope/report"
	"github.com/streamscope/streamscope/ringlog/frame"
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
			hurt := make(chan os.Signal, 1)
			signal.Notify(hurt, syscall.SIGUSR1, syscall.SIGUSR2)
			if err := engine.Process(definitions, rep.Log(), os.Getenv(listenHostVariable), hurt); err != nil {
				return fmt.Errorf("worker: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "log-format", "text", "messages on standard error: text or json")
	return cmd
}

// listenHostVariable names the address at which a worker takes links; it comes from --listen-host, or from the launcher.
const listenHostVariable = "STREAMSCOPE_LISTEN_HOST"

// workerProcess makes the command of a worker whose messages are as those of this process.
func workerProcess(o options.Run) func(frame.NodeID) *exec.Cmd {
	return func(node frame.NodeID) *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			self = os.Args[0] // starting it tells what is wrong
		}
		words := []string{self, "worker", "--log-format", o.LogFormat}
		if o.WorkerLauncher != "" {
			words = append([]string{o.WorkerLauncher, fmt.Sprint(node)}, words...)
		}
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Env = append(os.Environ(), listenHostVariable+"="+o.ListenHost)
		return cmd
	}
}
