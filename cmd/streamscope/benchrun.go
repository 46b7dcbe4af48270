package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
)

// Limits of the flags: what is shorter measures the clock, what is longer was not meant.
const (
	benchMinDuration = time.Millisecond
	benchMaxDuration = time.Hour
	benchMaxRuns     = 1000
)

// benchFlags are those of `bench run`.
type benchFlags struct {
	duration         time.Duration
	runs             int
	json             string
	show             outFiles
	compare          string
	failOnRegression bool
}

func (a *app) benchRunCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "run NAME… [flags]",
		Short: "Measure by name",
		Long: `Measure by name; ` + "`bench list`" + ` prints the names. Results go to standard output as text, to --json as a report, and to --html as one page with
plots that needs nothing else:

  {"machine":{…},"runs":[{"name","unit","median","spread","ratios":{…},"samples":[…],"noisy","requirements":[…]}]}

Medians are in base units (rows/s, bytes/s, s); the spread is (greatest - least) / median. Measure on an idle machine: the report says
whether it was one.

With --compare, each workload is faster, slower, the same within noise, or not comparable with a report of before. It takes 5 repetitions
in both to tell, and what moved is measured once more. The exit status is 0 whatever comes out, unless --fail-on-regression is given: then 1 if any is slower.`,
		Example: `  streamscope bench run ringlog shuffle-local
  streamscope bench run standard --duration 5s --runs 7 --json report.json --html report.html
  streamscope bench run shuffle-local --compare report.json --fail-on-regression`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("bench run: name what to measure: %s", strings.Join(bench.Names(), ", "))
			}
			_, err := bench.Select(args)
			return err
		},
		ValidArgsFunction: cobra.FixedCompletions(bench.Names(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(); err != nil {
				return usageError{err}
			}
			a.started = true
			return a.benchRun(cmd, args, f)
		},
	}
	cmd.Flags().DurationVar(&f.duration, "duration", 2*time.Second, "length of one repetition")
	cmd.Flags().IntVar(&f.runs, "runs", 5, "repetitions, whose median is reported")
	cmd.Flags().StringVar(&f.json, "json", "", "write the report to this file")
	f.show.flags(cmd)
	cmd.Flags().StringVar(&f.compare, "compare", "", "compare with the report in this file")
	cmd.Flags().BoolVar(&f.failOnRegression, "fail-on-regression", false, "exit with 1 if --compare finds anything slower")
	_ = cmd.MarkFlagFilename("json", "json")
	_ = cmd.MarkFlagFilename("compare", "json")
	return cmd
}

func (f *benchFlags) validate() error {
	var complaints []error
	if f.duration < benchMinDuration || f.duration > benchMaxDuration {
		complaints = append(complaints, fmt.Errorf("--duration: got %v, want %v to %v", f.duration, benchMinDuration, benchMaxDuration))
	}
	if f.runs < 1 || f.runs > benchMaxRuns {
		complaints = append(complaints, fmt.Errorf("--runs: got %d, want 1 to %d", f.runs, benchMaxRuns))
	}
	if f.failOnRegression && f.compare == "" {
		complaints = append(complaints, errors.New("--fail-on-regression: wants --compare BASE.json to compare with"))
	}
	if f.show.html != "" && f.show.html == f.json {
		complaints = append(complaints, fmt.Errorf("--html, --json: got %s for both, want two files", f.json))
	}
	return errors.Join(complaints...)
}

func (a *app) benchRun(cmd *cobra.Command, names []string, f benchFlags) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: this program's own path: %w", err)
	}
	if err := errors.Join(folderOf("--json", f.json), f.show.writable()); err != nil { // rather now than after minutes
		return err
	}
	var base *bench.Report
	if f.compare != "" {
		if base, err = bench.ReadReport(f.compare); err != nil {
			return fmt.Errorf("--compare: %w", err)
		}
	}
	live := liveLine{terminal: a.terminal, out: a.stderr}
	out := live.above(a.stdout)
	o := bench.Options{
		Names: names, Duration: f.duration, Runs: f.runs, Out: out, Progress: live.show,
		Env: measure.Env{Exe: exe, Cores: runtime.GOMAXPROCS(0), Say: live.say},
	}
	defer live.clear()
	report, err := bench.Measure(cmd.Context(), o)
	if err == nil && base != nil {
		report.Comparison = bench.Compare(base, report, f.compare)
		err = bench.Confirm(cmd.Context(), o, base, report.Comparison)
		report.Comparison.Print(out)
	}
	if err != nil && (report == nil || len(report.Runs) == 0 || cmd.Context().Err() != nil) {
		return err // an interrupted run does not replace a report
	}
	if f.json != "" { // after a workload failed too
		err = errors.Join(err, report.WriteFile(f.json))
	}
	return errors.Join(err, f.show.write(report), f.regression(report.Comparison))
}

func (f *benchFlags) regression(c *bench.Comparison) error {
	if !f.failOnRegression || c == nil || len(c.Slower()) == 0 {
		return nil
	}
	return fmt.Errorf("bench: slower than %s: %s", c.Base, strings.Join(c.Slower(), ", "))
}
