package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/ringlog"
)

func (a *app) inspectCommand() *cobra.Command {
	inspect := &cobra.Command{
		Use:   "inspect",
		Short: "Print and check what the engine has written, read-only",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("inspect: unknown kind %q, want: log", args[0])
			}
			return errors.New("inspect: name a kind: log")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	inspect.AddCommand(&cobra.Command{
		Use:   "log PATH",
		Short: "Print and check a segment file of a ring log, or all of a folder",
		Long: `Print and check a segment file of a ring log, or all of a folder: headers, checkpoints, frames by type, chains with their ticks.

Nothing is changed; a log that a process is writing may be inspected, and its open claim then shows as the end of the log. The status is 1 if
anything is damaged.`,
		Example: "  streamscope inspect log /dev/shm/streamscope",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("inspect log: got %d paths, want one", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			a.started = true
			return a.inspectLog(args[0])
		},
	})
	return inspect
}

func (a *app) inspectLog(path string) error {
	err := ringlog.Inspect(path, a.stdout)
	var p *fs.PathError
	if errors.As(err, &p) && p.Path == path {
		return fmt.Errorf("inspect log %s: %w; name a segment file or a folder of them", path, p.Err)
	}
	if err != nil {
		return fmt.Errorf("inspect log: %w", err)
	}
	return nil
}
