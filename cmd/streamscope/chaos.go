package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/cmd/streamscope/chaos"
	"github.com/streamscope/streamscope/cmd/streamscope/options"
)

// Bounds of what chaos is asked for.
const (
	chaosWorkersMax = 64
	chaosFaultsMax  = 100_000
	chaosLongest    = 24 * time.Hour
)

func (a *app) chaosCommand() *cobra.Command {
	var cfg chaos.Config
	var policies chaosPolicies
	var kinds []string
	var html, file, rate string
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Run a job, kill its processes at random moments, and compare the output",
		Long: `Run a job as real processes over a data directory, hurt them at random moments, and compare the output with that of a run without
faults, byte for byte. Faults are: kill and stop (for longer than the lease) of a worker, a panic of one of its tasks (task), cut of all its links, full
(its files cannot grow for a second), and kill of the manager, whose workers live on, or of the whole group, after which the command is repeated.

With --netns cables are pulled for a while (down), a share of the packets between two workers is lost one way or both (loss), or all of them
one way (partition), though both workers reach the manager; or all packets of a worker come late and out of order (delay).

A fault counts only if its victim had executed something since its newest image. Runs are repeated until enough were injected. The status is 1
if any output differs, and the folder with everything is kept then.

With --duration it is one run of that length, in which memory and disk are watched, too: the status is 1 if they grow.`,
		Example: "  streamscope chaos --job flights --workers 3 --kills 50 --seed 1 --report chaos.html",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var complaints []error
			complain := func(format string, args ...any) { complaints = append(complaints, fmt.Errorf(format, args...)) }
			if err := a.jobArg(nil, []string{cfg.Job}); err != nil {
				complain("--job: got %q, want one of the jobs that `run --help` lists", cfg.Job)
			}
			if cfg.Workers < 1 || cfg.Workers > chaosWorkersMax {
				complain("--workers: got %d, want 1 to %d", cfg.Workers, chaosWorkersMax)
			}
			if cfg.Faults < 1 || cfg.Faults > chaosFaultsMax {
				complain("--kills: got %d, want 1 to %d", cfg.Faults, chaosFaultsMax)
			}
			if cfg.Interval < 10*time.Millisecond {
				complain("--snapshot-interval: got %v, want at least 10ms", cfg.Interval)
			}
			if cfg.Duration != 0 && (cfg.Duration < time.Second || cfg.Duration > chaosLongest) {
				complain("--duration: got %v, want 1s to %v", cfg.Duration, chaosLongest)
			}
			if cfg.Duration != 0 && rate != "" {
				complain("--rate, --duration: one says what the other is to be")
			}
			var err error
			if cfg.Kinds, err = chaosKinds(kinds, cfg.Netns); err != nil {
				complain("--kinds: %w", err)
			}
			if cfg.Netns && cfg.Workers == 1 {
				complain("--netns: got 1 worker, want 2 at least, between which packets can be lost")
			}
			if rate != "" {
				if cfg.Rate, err = options.ParseRate(rate); err != nil {
					complain("--rate: %w", err)
				}
			}
			var unfit []error
			cfg.Policies, unfit = policies.args(cfg.Workers, a.machine)
			if complaints = append(complaints, unfit...); len(complaints) > 0 {
				return usageError{errors.Join(complaints...)}
			}
			a.started = true
			if cfg.Netns {
				if err := chaos.CheckNetns(); err != nil {
					return fmt.Errorf("--netns: %w", err)
				}
			}
			return a.chaos(cmd, cfg, html, file)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&cfg.Job, "job", jobs[0].name, "the job")
	f.StringArrayVar(&cfg.Input, "input", nil, "read events from this file, as run does; may be repeated (default: the embedded week)")
	f.IntVar(&cfg.Workers, "workers", 3, "worker processes")
	f.IntVar(&cfg.Faults, "kills", 50, "faults to inject")
	f.DurationVar(&cfg.Duration, "duration", 0, "one run of so long, with all faults in it, that must take no more memory and disk in its last quarter than in the third")
	f.StringSliceVar(&kinds, "kinds", nil, "kinds of faults, drawn with equal chances: kill,task,stop,cut,full,manager,group, with --netns down,loss,partition,delay (default: all, mostly kill)")
	f.BoolVar(&cfg.Netns, "netns", false, "have the manager and each worker in a network namespace of its own, and hurt the network between them, too (root only; with ip, nft and nsenter)")
	f.Uint64Var(&cfg.Seed, "seed", 1, "what all choices come from")
	f.StringVar(&rate, "rate", "", "pace of the job in events/s (default: so that it takes 30s without faults)")
	f.DurationVar(&cfg.Interval, "snapshot-interval", 500*time.Millisecond, "time between two images")
	policies.register(f)
	f.StringVar(&cfg.PIDs, "pids", "", "keep the processes' numbers in this file, the manager first, so that others can hurt them too")
	f.StringVar(&html, "report", "", "write a page with the time line to this file")
	f.StringVar(&file, "json", "", "write the result to this file")
	return cmd
}

// chaosKinds reads kinds of faults; none: all there are.
func chaosKinds(words []string, netns bool) (kinds []chaos.Kind, err error) {
	all := chaos.Kinds
	if netns {
		all = slices.Concat(all, chaos.NetKinds, chaos.NetKinds)
	}
	if len(words) == 0 {
		return all, nil
	}
	for _, word := range words {
		k := chaos.Kind(word)
		switch {
		case slices.Contains(all, k):
			kinds = append(kinds, k)
		case slices.Contains(chaos.NetKinds, k):
			return nil, fmt.Errorf("got %q, which needs --netns", word)
		default:
			return nil, fmt.Errorf("got %q, want kill, task, stop, cut, full, manager or group; with --netns down, loss, partition or delay, too", word)
		}
	}
	return kinds, nil
}

func (a *app) chaos(cmd *cobra.Command, cfg chaos.Config, html, file string) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("chaos: this program's own path: %w", err)
	}
	cfg.Exe, cfg.Out = exe, a.stderr
	r, err := chaos.Run(cmd.Context(), cfg)
	if r != nil {
		if werr := writeResult(html, r.WriteHTML); werr != nil {
			err = errors.Join(err, fmt.Errorf("--report %w", werr))
		}
		werr := writeResult(file, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(r)
		})
		if werr != nil {
			err = errors.Join(err, fmt.Errorf("--json %w", werr))
		}
	}
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	if r.Memory != nil {
		fmt.Fprintf(a.stdout, "memory is %v\ndisk is %v\n", r.Memory, r.Disk)
	}
	gaps := r.Gaps(chaos.Kill)
	fmt.Fprintf(a.stdout, "%d faults in %d rounds with %d managers, seed %d: every output is that of a run without faults\n", r.Counted, r.Rounds, r.Lives, r.Seed)
	if len(gaps) > 0 {
		fmt.Fprintf(a.stdout, "gap of the output after %d killed workers: p50 %.0f ms, p99 %.0f ms\n", len(gaps), 1000*measure.Quantile(gaps, 0.5), 1000*measure.Quantile(gaps, 0.99))
	}
	return nil
}

// writeResult writes a file that a flag names, if it does.
func writeResult(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	var b strings.Builder
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
