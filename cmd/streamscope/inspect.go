package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/state/snapshot"
)

func (a *app) inspectCommand() *cobra.Command {
	inspect := &cobra.Command{
		Use:   "inspect",
		Short: "Print and check what the engine has written, read-only",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("inspect: unknown kind %q, want: log, meta or snapshot", args[0])
			}
			return errors.New("inspect: name a kind: log, meta or snapshot")
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
	inspect.AddCommand(&cobra.Command{
		Use:   "snapshot PATH",
		Short: "Print and check a snapshot file, a manifest, or all of a folder",
		Long: `Print and check a snapshot file, a manifest, or all of a folder: whose they are, ticks, chains of increments, pages, sums, state hashes.

Nothing is changed, and another process may be writing. The status is 1 if anything is damaged.`,
		Example: "  streamscope inspect snapshot /var/lib/streamscope/snapshots",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("inspect snapshot: got %d paths, want one", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			a.started = true
			return a.inspectSnapshot(args[0])
		},
	})
	inspect.AddCommand(&cobra.Command{
		Use:   "meta PATH",
		Short: "Print and check the metadata store of a job",
		Long: `Print and check the metadata store of a job: whose it is, epoch, incarnations of the workers, and the tick at which the tasks of each stage on
each node restart.

Nothing is changed. A store that a running job has open cannot be read. The status is 1 if anything is damaged.`,
		Example: "  streamscope inspect meta /var/lib/streamscope/meta.db",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("inspect meta: got %d paths, want one", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			a.started = true
			return a.inspectMeta(args[0])
		},
	})
	return inspect
}

func (a *app) inspectMeta(path string) error {
	err := meta.Inspect(path, a.stdout)
	var p *fs.PathError
	if errors.As(err, &p) && p.Path == path {
		return fmt.Errorf("inspect meta %s: %w; name the metadata store of a job, as meta.db", path, p.Err)
	}
	if err != nil {
		return fmt.Errorf("inspect meta: %w", err)
	}
	return nil
}

func (a *app) inspectSnapshot(path string) error {
	err := snapshot.Inspect(path, a.stdout)
	var p *fs.PathError
	if errors.As(err, &p) && p.Path == path {
		return fmt.Errorf("inspect snapshot %s: %w; name a snapshot file, a manifest or a folder of them", path, p.Err)
	}
	if err != nil {
		return fmt.Errorf("inspect snapshot: %w", err)
	}
	return nil
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
