package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/plane"
)

// Limits of the flags: what is shorter measures the clock, what is longer was not meant.
const (
	benchMinDuration = time.Millisecond
	benchMaxDuration = time.Hour
	benchMaxRuns     = 1000
)

func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the engine on this machine",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("bench: unknown command %q, want list or run", args[0])
			}
			return errors.New("bench: say list or run")
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(a.benchListCommand(), a.benchRunCommand(), a.benchPeerCommand())
	return cmd
}

func (a *app) benchListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List what can be measured",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			a.started = true
			w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "%s\t\tall that are no kernels\n", bench.Standard)
			for _, l := range bench.Catalog() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", l.Name, l.Unit, l.About)
			}
			return w.Flush()
		},
	}
}

func (a *app) benchRunCommand() *cobra.Command {
	var duration time.Duration
	var runs int
	var file string
	cmd := &cobra.Command{
		Use:   "run NAME… [flags]",
		Short: "Measure by name",
		Long: `Measure by name; ` + "`bench list`" + ` prints the names. Results go to standard output as text, and to --json as a report:

  {"machine":{…},"runs":[{"name","unit","median","spread","ratios":{…},"samples":[…],"noisy"}]}

Medians are in base units (rows/s, bytes/s, s); the spread is (greatest - least) / median. Measure on an idle machine: the report says
whether it was one.`,
		Example: `  streamscope bench run ringlog shuffle-local
  streamscope bench run standard --duration 5s --runs 7 --json report.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("bench run: name what to measure: %s", strings.Join(bench.Names(), ", "))
			}
			_, err := bench.Select(args)
			return err
		},
		ValidArgsFunction: cobra.FixedCompletions(bench.Names(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if duration < benchMinDuration || duration > benchMaxDuration {
				return usageError{fmt.Errorf("--duration: got %v, want %v to %v", duration, benchMinDuration, benchMaxDuration)}
			}
			if runs < 1 || runs > benchMaxRuns {
				return usageError{fmt.Errorf("--runs: got %d, want 1 to %d", runs, benchMaxRuns)}
			}
			a.started = true
			return a.benchRun(cmd, args, duration, runs, file)
		},
	}
	cmd.Flags().DurationVar(&duration, "duration", 2*time.Second, "length of one repetition")
	cmd.Flags().IntVar(&runs, "runs", 5, "repetitions, whose median is reported")
	cmd.Flags().StringVar(&file, "json", "", "write the report to this file")
	_ = cmd.MarkFlagFilename("json", "json")
	return cmd
}

func (a *app) benchRun(cmd *cobra.Command, names []string, duration time.Duration, runs int, file string) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: this program's own path: %w", err)
	}
	if file != "" { // rather now than after minutes
		if _, err := os.Stat(filepath.Dir(file)); err != nil {
			return fmt.Errorf("--json %s: cannot be written: %w", file, err)
		}
	}
	say := func(string, ...any) {}
	if a.terminal {
		say = func(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }
	}
	report, err := bench.Measure(cmd.Context(), bench.Options{
		Names: names, Duration: duration, Runs: runs, Out: a.stdout,
		Env: measure.Env{Exe: exe, Cores: runtime.GOMAXPROCS(0), Say: say},
	})
	if err != nil {
		return err
	}
	if file == "" {
		return nil
	}
	return report.WriteFile(file)
}

// benchPeerCommand is the other process of measurements between two.
func (a *app) benchPeerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "peer",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.started = true
			return plane.Peer(cmd.Context(), os.Stdin, a.stdout)
		},
	}
}
