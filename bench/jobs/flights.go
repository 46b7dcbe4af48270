package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/streamscope/streamscope/bench/flights"
	"github.com/streamscope/streamscope/bench/measure"
)

// january is where developers and continuous integration have the data, seen from the repository.
const january = "../shared/data/flights-2001-01.parquet"

// months is how often flights-6x has the same rows.
const months = 6

// Workloads are the jobs by name.
func Workloads() []measure.Workload {
	return []measure.Workload{
		{
			Name: "flights", Unit: measure.Seconds, Whole: true, Size: "rows",
			About:   "the job flights over January 2001, as a whole process (the embedded week, where January is not at hand)",
			Open:    func(_ context.Context, env measure.Env) (measure.Session, error) { return openOnce(env) },
			Require: []measure.Requirement{{Must: 1, AtMost: true}, {Of: "peak_bytes", Must: 1 << 30, AtMost: true}},
		},
		{
			Name: "flights-6x", Unit: measure.Seconds, Whole: true, Size: "rows",
			About:   "the job flights over the same rows six times with shifted dates",
			Open:    openRepeated,
			Require: []measure.Requirement{{Must: 5, AtMost: true}},
		},
		{
			Name: "recovery", Unit: measure.Seconds, Apart: true, Whole: true,
			About: "how long the output stands still, in the median, when one of three workers of flights is killed at half load; a fifth are stopped instead",
			Open:  anyWorker.open,
			Require: []measure.Requirement{
				{Must: 0.3, AtMost: true}, {Of: "gap_p99_ms", Must: 1000, AtMost: true},
				{Of: "silent_beyond_lease_p50_ms", Must: 300, AtMost: true}, {Of: "silent_beyond_lease_p99_ms", Must: 1000, AtMost: true},
				{Of: "elsewhere_stood", Must: 0, AtMost: true}, {Of: "rolled_back", Must: 0, AtMost: true},
			},
		},
		{
			Name: "recovery-replica", Unit: measure.Seconds, Apart: true, Whole: true,
			About: "the same for the stage pairs there twice, when one of the two workers is killed, or stopped, that have nothing else",
			Open:  instances.open,
			Require: []measure.Requirement{
				{Must: 0.05, AtMost: true}, {Of: "silent_gap_p50_ms", Must: 50, AtMost: true}, {Of: "rolled_back", Must: 0, AtMost: true},
			},
		},
		{
			Name: "replicate", Unit: measure.RowsPerSecond, Apart: true, Whole: true,
			About:   "flights by three workers with replicate=1, against the same with retain and with reliability off; links_of_loopback is their share of what one connection carries here",
			Open:    openReplicate,
			Require: []measure.Requirement{{Of: "retain_of_off", Must: 0.93}, {Of: "replicate_of_off", Must: 0.85}},
		},
		{
			Name: "replica", Unit: measure.RowsPerSecond, Apart: true, Whole: true,
			About:   "flights by two workers with copies at a third, which does nothing else and stands still; against one that runs, one that is slow, and no copies",
			Open:    openReplica,
			Require: []measure.Requirement{{Of: "stopped_of_running", Must: 0.97}, {Of: "slow_of_running", Must: 0.97}, {Of: "stopped_of_retain", Must: 0.97}},
		},
	}
}

// runs is a session of one job over one input.
type runs struct {
	exe   string
	dir   string // for results; removed at the end
	input string // empty: the embedded week
	rows  uint64 // of the input; 0: not known
}

func openOnce(env measure.Env) (*runs, error) {
	dir, err := os.MkdirTemp("", "streamscope-bench-")
	if err != nil {
		return nil, err
	}
	r := &runs{exe: env.Exe, dir: dir}
	if r.input = findJanuary(env.Exe); r.input == "" {
		env.Say("flights: January 2001 is not at %s: measuring the embedded week", january)
	}
	return r, nil
}

// findJanuary looks from the working directory and from the program's place, bin/ in the repository.
func findJanuary(exe string) string {
	for _, base := range []string{".", filepath.Join(filepath.Dir(exe), "..")} {
		path, err := filepath.Abs(filepath.Join(base, january))
		if err != nil {
			continue
		}
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

func openRepeated(ctx context.Context, env measure.Env) (measure.Session, error) {
	r, err := openOnce(env)
	if err != nil {
		return nil, err
	}
	if err := r.repeat(ctx, env, months); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// repeat makes the input of n times the month, or week, it has.
func (r *runs) repeat(ctx context.Context, env measure.Env, n int) (err error) {
	from, shift := r.input, 31*24*time.Hour
	if from == "" {
		shift = 7 * 24 * time.Hour
		if from, err = flights.Week(); err != nil {
			return err
		}
	}
	r.input = filepath.Join(r.dir, fmt.Sprintf("flights-%dx.parquet", n))
	env.Say("writing %s", r.input)
	r.rows, err = Repeat(ctx, from, r.input, n, shift)
	return err
}

// stats are the figures taken from the file that `run --stats` writes.
type stats struct {
	EventsIn  uint64 `json:"events_in"`
	EventsOut uint64 `json:"events_out"`
	PeakBytes uint64 `json:"peak_bytes"`
}

// Measure runs the job as often as d allows, at least once; the sample is the median run.
func (r *runs) Measure(ctx context.Context, d time.Duration) (measure.Sample, error) {
	var samples []measure.Sample
	var seconds []float64
	var failed error
	measure.Repeat(d, func() {
		if failed != nil {
			return
		}
		s, err := r.once(ctx)
		failed = err
		samples, seconds = append(samples, s), append(seconds, s.Value)
	})
	return measure.Sample{Value: measure.Median(seconds), Ratios: measure.MedianRatios(samples)}, failed
}

// out is where results go.
func (r *runs) out() string { return filepath.Join(r.dir, "result.csv") }

// args are those of a run.
func (r *runs) args() []string {
	args := []string{"run", flights.Name, "--out", r.out()}
	if r.input != "" {
		args = append(args, "--input", r.input)
	}
	return args
}

// once runs the job, with more arguments, as a process of its own.
func (r *runs) once(ctx context.Context, more ...string) (measure.Sample, error) {
	statsFile := filepath.Join(r.dir, "stats.json")
	args := append(append(r.args(), "--stats", statsFile), more...)
	cmd := exec.CommandContext(ctx, r.exe, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it removes what it wrote
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return measure.Sample{}, fmt.Errorf("streamscope %s: %w: %s", strings.Join(args, " "), err, lastLine(stderr.String()))
	}
	took := time.Since(start)
	var s stats
	b, err := os.ReadFile(statsFile)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return measure.Sample{}, fmt.Errorf("--stats: %w", err)
	}
	if s.EventsOut == 0 || (r.rows != 0 && s.EventsIn != r.rows) {
		return measure.Sample{}, fmt.Errorf("the run read %d rows and wrote %d, want %d read", s.EventsIn, s.EventsOut, r.rows)
	}
	usage := cmd.ProcessState
	peak := s.PeakBytes
	if u, ok := usage.SysUsage().(*syscall.Rusage); ok {
		peak = max(peak, uint64(u.Maxrss)<<10)
	}
	return measure.Sample{Value: took.Seconds(), Ratios: measure.Ratios{
		"rows":            float64(s.EventsIn),
		"rows_per_s":      float64(s.EventsIn) / took.Seconds(),
		"cpu_s":           (usage.UserTime() + usage.SystemTime()).Seconds(),
		"cpu_ns_per_row":  measure.PerRow(usage.UserTime()+usage.SystemTime(), s.EventsIn),
		"peak_bytes":      float64(peak),
		"peak_of_one_gib": float64(peak) / (1 << 30),
	}}, nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// Close removes what the runs wrote.
func (r *runs) Close() error { return os.RemoveAll(r.dir) }
