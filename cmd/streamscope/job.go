package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/control"
)

// seen is a status as its reader knows it.
type seen struct {
	*control.Status
	alive bool  // a manager holds the directory
	nowNs int64 // since 1970
}

// view is a way to show what a run with a data directory keeps.
type view struct {
	name, short, long string
	show              func(io.Writer, seen)
}

var views = []view{
	{
		name: "retention", short: "Show what a run keeps for lost workers, and what holds it", show: showRetention,
		long: `Show for each log, journal and chain of images how large it is, the ticks that it is of, and what holds it: who would ask for it again.
The first lines name the unit (the tasks of a stage on a node) that is the reason for the oldest base.`,
	},
	{
		name: "explain", short: "Show how the stages of a run are made to survive, and what that costs", show: showExplain,
		long: `Show for each stage its strategy, the policies of its edges, what it keeps, and how long it would take to come back if it were lost now, from
what was measured in this run.`,
	},
}

func (a *app) jobCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job",
		Short: "Look at a run with a data directory",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("job: unknown command %q, want one of: retention, explain", args[0])
			}
			return errors.New("job: name a command: retention, explain")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	for _, v := range views {
		cmd.AddCommand(a.jobView(v))
	}
	return cmd
}

func (a *app) jobView(v view) *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     v.name + " --data-dir DIR",
		Short:   v.short,
		Long:    v.long + "\n\nIt reads what the run writes every second into the directory, whether it still runs or has ended. Nothing is changed.",
		Example: "  streamscope job " + v.name + " --data-dir /var/lib/streamscope",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if dir == "" {
				return usageError{fmt.Errorf("job %s: name the directory of the run: --data-dir DIR", v.name)}
			}
			a.started = true
			status, alive, err := engine.ReadStatus(dir)
			if err != nil {
				return fmt.Errorf("job %s: %w", v.name, err)
			}
			if asJSON {
				return writeJSON(a.stdout, status, alive)
			}
			var text bytes.Buffer
			v.show(&text, seen{status, alive, a.now().UnixNano()})
			_, err = io.WriteString(a.stdout, printable(text.String()))
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "data-dir", "", "the data directory of the run")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write everything that is known as JSON")
	_ = cmd.MarkFlagDirname("data-dir")
	return cmd
}

// writeJSON writes the status, and whether the run lives.
func writeJSON(w io.Writer, s *control.Status, alive bool) error {
	text, err := json.MarshalIndent(struct {
		Alive bool `json:"alive"`
		*control.Status
	}{alive, s}, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, escaped(string(text)))
	return err
}

// escaped writes what JSON leaves as it is, and a terminal does not, as JSON can write it too.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		if isControl(r) && r != '\n' {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// printable replaces what could do something to a terminal: names come from files.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) && r != '\n' {
			return '?'
		}
		return r
	}, s)
}
