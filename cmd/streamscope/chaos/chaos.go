package chaos

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// Config is what is asked for.
type Config struct {
	Exe     string // the program
	Job     string
	Input   []string // of the job; none: the embedded one
	Workers int
	Faults  int // to inject
	Kinds   []Kind
	Seed    uint64
	Rate    float64 // events per second; 0: so that a run without faults takes Length, or Duration
	// Duration, if set, is that of one round, in which all faults are injected, and memory and disk are watched.
	Duration time.Duration
	// Policies are flags of `run` that say what is kept, beside a data directory.
	Policies []string
	// Interval is the time between two images.
	Interval time.Duration
	// Netns has the manager and each worker in a network namespace of its own, see CheckNetns; kinds of NetKinds need it.
	Netns bool
	// Longest is the greatest time that a fault of the network lasts; 0: 12 s, more than links are silent before they are made again.
	Longest time.Duration
	// PIDs, if set, is a file that always names the processes, manager first, one a line, so that others can hurt them too.
	PIDs string
	Out  io.Writer // progress, in words
}

// Length is how long a run without faults takes at the default rate.
const Length = 30 * time.Second

// Kind is a kind of fault.
type Kind string

// The kinds, see the package document.
const (
	Kill    Kind = "kill"
	Stop    Kind = "stop"
	Cut     Kind = "cut"
	Full    Kind = "full"
	Manager Kind = "manager"
	Group   Kind = "group"
	Task    Kind = "task"

	Down      Kind = "down"
	Loss      Kind = "loss"
	Partition Kind = "partition"
	Delay     Kind = "delay"
)

// Kinds are all kinds, the usual ones more than once: kinds are drawn from such a list.
var Kinds = []Kind{Kill, Kill, Kill, Kill, Kill, Kill, Task, Stop, Cut, Cut, Full, Manager, Group}

// NetKinds are those of a network of namespaces.
var NetKinds = []Kind{Down, Loss, Partition, Delay}

// Fault is one that was injected.
type Fault struct {
	Kind   Kind    `json:"kind"`
	AtS    float64 `json:"at_s"` // since the beginning
	Node   int     `json:"node"` // -1: manager or group
	PID    int     `json:"pid"`
	Counts bool    `json:"counts"`
	// Behind is how many ticks the victim had executed beyond its newest image: those are recomputed, if it dies.
	Behind uint64 `json:"behind_ticks"`
	// GapS is how long the last stage stood still at a time; negative: it was not over at the end of the round.
	GapS float64 `json:"gap_s"`
	// Of a killed manager: the workers that lived when the command was repeated, those of them that lived on under the next manager, and by how much the
	// output grew meanwhile, in AloneS.
	Living     int     `json:"living,omitempty"`
	LivedOn    int     `json:"lived_on,omitempty"`
	AloneBytes int64   `json:"alone_bytes,omitempty"`
	AloneS     float64 `json:"alone_s,omitempty"`
	// Of a fault of the network.
	Net *NetFault `json:"net,omitempty"`
}

// Sample is how far the output was.
type Sample struct {
	AtS  float64 `json:"at_s"`
	Tick uint64  `json:"tick"` // executed by the last stage
	Rows uint64  `json:"rows"` // read by the sources so far, in the lives that were heard of
}

// Result is what came of it.
type Result struct {
	Seed     uint64   `json:"seed"`
	Policies []string `json:"policies,omitempty"`
	Rounds   int      `json:"rounds"`
	Lives    int      `json:"managers"` // managers that were started
	Faults   []Fault  `json:"faults"`
	Counted  int      `json:"counted"`
	Same     bool     `json:"same"` // every round left the faultless output
	Rate     float64  `json:"rate_events_per_s"`
	Samples  []Sample `json:"samples"`
	// Usage, Memory and Disk are those of a round with a Duration; there are no trends of a short one.
	Usage  []Usage `json:"usage,omitempty"`
	Memory *Trend  `json:"memory,omitempty"`
	Disk   *Trend  `json:"disk,omitempty"`
}

var (
	// ErrDiffers says that a round left another output than a run without faults.
	ErrDiffers = errors.New("the output differs from that of a run without faults")
	// ErrGrows says that memory or disk grew all the time, see Trend.
	ErrGrows = errors.New("what the run takes grows")
)

// Run injects the faults. Its result is good as far as it came when there is an error.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	dir, err := os.MkdirTemp("", "streamscope-chaos-")
	if err != nil {
		return nil, err
	}
	r := &Result{Seed: cfg.Seed, Policies: cfg.Policies, Faults: []Fault{}, Samples: []Sample{}}
	w := &world{cfg: cfg, dir: dir, began: time.Now(), rng: rand.New(rand.NewPCG(cfg.Seed, 0)), result: r}
	if cfg.Netns {
		err = w.runInNetns(ctx)
	} else {
		err = w.run(ctx)
	}
	if err != nil {
		return r, fmt.Errorf("seed %d: %w; everything is left in %s", cfg.Seed, err, dir)
	}
	return r, os.RemoveAll(dir)
}

func (w *world) run(ctx context.Context) error {
	want, err := w.faultless(ctx)
	if err != nil {
		return err
	}
	for w.result.Counted < w.cfg.Faults && (w.cfg.Duration == 0 || w.result.Rounds == 0) {
		w.result.Rounds++
		if err := w.round(ctx); err != nil {
			return err
		}
		got, err := os.ReadFile(w.out())
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("round %d: %w: %d bytes in %s, want %d", w.result.Rounds, ErrDiffers, len(got), w.out(), len(want))
		}
		w.say("round %d: the output is that of a run without faults; %d of %d faults", w.result.Rounds, w.result.Counted, w.cfg.Faults)
	}
	w.result.Same = true
	w.result.judge()
	if r := w.result; r.Memory != nil && !(r.Memory.Flat && r.Disk.Flat) {
		return fmt.Errorf("%w: memory %v; disk %v", ErrGrows, r.Memory, r.Disk)
	}
	return nil
}

func (w *world) say(format string, args ...any) {
	fmt.Fprintf(w.cfg.Out, "%7.1fs  %s\n", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}

// faultless runs the job without faults, as fast as it can, and chooses the rate.
func (w *world) faultless(ctx context.Context) ([]byte, error) {
	out := filepath.Join(w.dir, "faultless.csv")
	stats := filepath.Join(w.dir, "faultless.json")
	cmd := exec.CommandContext(ctx, w.cfg.Exe, w.args(out, "--stats", stats)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the run without faults: %w: %s", err, &stderr)
	}
	events, err := eventsIn(stats)
	if err != nil {
		return nil, err
	}
	w.result.Rate = w.cfg.Rate
	if w.result.Rate == 0 {
		w.result.Rate = float64(events) / cmp.Or(w.cfg.Duration, Length).Seconds()
	}
	w.length = time.Duration(float64(events) / w.result.Rate * float64(time.Second))
	w.say("seed %d: %d events at %.0f/s, %d workers", w.cfg.Seed, events, w.result.Rate, w.cfg.Workers)
	return os.ReadFile(out)
}

// args are those of a run of the job.
func (w *world) args(out string, more ...string) []string {
	args := []string{"run", w.cfg.Job, "--out", out}
	for _, in := range w.cfg.Input {
		args = append(args, "--input", in)
	}
	return append(args, more...)
}

func (w *world) out() string {
	return filepath.Join(w.dir, fmt.Sprintf("round-%d.csv", w.result.Rounds))
}
func (w *world) data() string { return filepath.Join(w.dir, fmt.Sprintf("round-%d", w.result.Rounds)) }

// Gaps are the gaps of the faults of given kinds that ended within their round, shortest first, in seconds.
func (r *Result) Gaps(kinds ...Kind) []float64 {
	var gaps []float64
	for _, f := range r.Faults {
		if f.GapS >= 0 && slices.Contains(kinds, f.Kind) {
			gaps = append(gaps, f.GapS)
		}
	}
	slices.Sort(gaps)
	return gaps
}
