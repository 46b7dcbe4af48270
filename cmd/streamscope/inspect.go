package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/s3"
)

// inspection is a kind of thing that the engine writes.
type inspection struct {
	kind, short, long, example string
	want                       string // what PATH must name
	inspect                    func(path string, w io.Writer) error
}

var inspections = []inspection{
	{
		kind: "journal", short: "Print and check the journal of a source stage",
		long:    "whose it is, its segments with the lives that wrote them, records and ticks",
		example: "/var/lib/streamscope", want: "the folder of a journal, or a data directory", inspect: inspectJournals,
	},
	{
		kind: "log", short: "Print and check a segment file of a ring log, or all of a folder",
		long:    "headers, checkpoints, frames by type, chains with their ticks; the open claim of a log that is being written shows as its end",
		example: "/dev/shm/streamscope", want: "a segment file or a folder of them", inspect: ringlog.Inspect,
	},
	{
		kind: "meta", short: "Print and check the metadata store of a job",
		long:    "whose it is, epoch, incarnations, and the tick at which the tasks of each stage on each node restart; the store of a running job cannot be read",
		example: "/var/lib/streamscope", want: "the metadata store of a job, as meta.db, or its data directory", inspect: inspectMeta,
	},
	{
		kind: "snapshot", short: "Print and check a snapshot file, a manifest, or all of a folder or a bucket",
		long:    "whose they are, ticks, chains of increments, pages, sums, state hashes",
		example: "/var/lib/streamscope/snapshots", want: "a snapshot file, a manifest, a folder of them, or s3://BUCKET/PREFIX", inspect: inspectSnapshot,
	},
}

// inspectJournals inspects the journal in a folder, or all those of a data directory or its folder journal.
func inspectJournals(path string, w io.Writer) error {
	root := path
	if inside := filepath.Join(path, "journal"); isFolder(inside) {
		root = inside
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() {
			errs = append(errs, journal.Inspect(filepath.Join(root, e.Name()), w))
		}
	}
	if len(errs) == 0 {
		return journal.Inspect(root, w)
	}
	return errors.Join(errs...)
}

// inspectMeta inspects a metadata store, or that of a data directory.
func inspectMeta(path string, w io.Writer) error {
	if isFolder(path) {
		path = filepath.Join(path, engine.StoreName)
	}
	return meta.Inspect(path, w)
}

func inspectSnapshot(path string, w io.Writer) error {
	if !strings.HasPrefix(path, s3.Scheme) {
		return snapshot.Inspect(path, w)
	}
	s, err := openBucket(path)
	if err != nil {
		return err
	}
	return errors.Join(snapshot.InspectStore(s, w), s.Close())
}

// openBucket opens s3://BUCKET/PREFIX.
func openBucket(path string) (*s3.Store, error) {
	cfg, err := s3.FromEnv(path)
	if err != nil {
		return nil, err
	}
	return s3.New(cfg)
}

func (a *app) inspectCommand() *cobra.Command {
	var kinds []string
	for _, i := range inspections {
		kinds = append(kinds, i.kind)
	}
	kinds = append(kinds, "stream")
	list := strings.Join(kinds, ", ")
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Print and check what the engine has written, read-only",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("inspect: unknown kind %q, want one of: %s", args[0], list)
			}
			return fmt.Errorf("inspect: name a kind: %s", list)
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	for _, i := range inspections {
		cmd.AddCommand(a.inspectKind(i))
	}
	cmd.AddCommand(a.inspectStream())
	return cmd
}

func (a *app) inspectKind(i inspection) *cobra.Command {
	return &cobra.Command{
		Use:     i.kind + " PATH",
		Short:   i.short,
		Long:    i.short + ": " + i.long + ".\n\nNothing is changed. The status is 1 if anything is damaged.",
		Example: "  streamscope inspect " + i.kind + " " + i.example,
		Args:    onePath(i.kind),
		RunE: func(_ *cobra.Command, args []string) error {
			a.started = true
			return inspectError(i.kind, i.want, args[0], i.inspect(args[0], a.stdout))
		},
	}
}

// inspectError says what must be named where there is nothing.
func inspectError(kind, want, path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && p.Path == path {
		return fmt.Errorf("inspect %s %s: %w; name %s", kind, path, p.Err, want)
	}
	if err != nil {
		return fmt.Errorf("inspect %s: %w", kind, err)
	}
	return nil
}

func onePath(kind string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("inspect %s: got %d paths, want one", kind, len(args))
		}
		return nil
	}
}
