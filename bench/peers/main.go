package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"time"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/plane"
)

func main() { os.Exit(program(os.Args[1:])) }

// program returns the exit status: 0, 1 after a failure, 2 for a faulty command line.
func program(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err, isChild := beChild(ctx, args)
	if !isChild {
		err = run(ctx, args, os.Stdout)
	}
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "peers:", err)
		return 2
	}
	fmt.Fprintln(os.Stderr, "peers:", err)
	return 1
}

// beChild runs the other process of a measurement, a peer's or ours, if that is what the arguments ask for.
func beChild(ctx context.Context, args []string) (err error, isChild bool) {
	switch {
	case slices.Equal(args, []string{childArg}):
		return serve(ctx, os.Stdin, os.Stdout), true
	case slices.Equal(args, plane.PeerArgs):
		return plane.Peer(ctx, os.Stdin, os.Stdout), true
	}
	return nil, false
}

// usageError is a faulty command line.
type usageError struct{ error }

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "peers [flags] [PREFIX…]: measure peers whose names begin so, or all, beside ours\n")
		flags.PrintDefaults()
	}
	duration := flags.Duration("duration", 2*time.Second, "length of one repetition")
	runs := flags.Int("runs", 5, "repetitions, whose median is reported")
	var f files
	flags.StringVar(&f.json, "json", "", "write the report to this file, beside what other workloads it has already; its folder is made")
	flags.StringVar(&f.html, "html", "", "write the same as a page to this file")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if *duration <= 0 || *runs < 1 {
		return usageError{fmt.Errorf("got --duration %v --runs %d, want a duration above zero and at least one repetition", *duration, *runs)}
	}
	chosen, err := choose(groups(), flags.Args())
	if err != nil {
		return usageError{err}
	}
	all, err := workloads(chosen)
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("this program's own path: %w", err)
	}
	old, err := f.old() // rather now than after minutes
	if err != nil {
		return err
	}
	report, err := bench.MeasureThese(ctx, bench.Options{
		Duration: *duration, Runs: *runs, Out: out,
		Env: measure.Env{Exe: exe, Cores: runtime.GOMAXPROCS(0), Say: func(string, ...any) {}},
	}, all)
	relate(report, chosen)
	return errors.Join(err, table(out, report, chosen), f.write(old, report))
}
