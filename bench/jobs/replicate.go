package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// The runs that replicate compares, each as fast as it can: the same job and workers.
var keeping = []struct {
	name string
	args []string
}{
	{"off", nil},
	{"retain", []string{"--reliability", "retain"}},
	{"replicate", []string{"--reliability", "replicate=1"}},
}

// replicateMonths make runs of some fifteen seconds: logs that are kept take new memory for the first five, until bases have come further than two images.
const replicateMonths = 36

// replicating is a session of the workload replicate.
type replicating struct {
	runs
	turns    int
	rounds   int
	loopback float64 // bytes per second through one connection, both ends on this machine
}

func openReplicate(ctx context.Context, env measure.Env) (measure.Session, error) {
	r, err := openOnce(env)
	if err != nil {
		return nil, err
	}
	s := &replicating{runs: *r}
	if err = s.repeat(ctx, env, replicateMonths); err == nil {
		s.loopback, err = measureLoopback(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Measure runs all three, in turns, forth and back, as often as d allows; the sample is the medians.
func (s *replicating) Measure(ctx context.Context, d time.Duration) (measure.Sample, error) {
	rates := map[string][]float64{}
	var shares []float64
	var failed error
	measure.Repeat(d, func() {
		turn := slices.Clone(keeping)
		if s.turns++; s.turns%2 == 0 {
			slices.Reverse(turn)
		}
		for _, k := range turn {
			if failed != nil {
				return
			}
			var rate, bytes float64
			rate, bytes, failed = s.run(ctx, k.args)
			rates[k.name] = append(rates[k.name], rate)
			if k.name == "replicate" {
				shares = append(shares, bytes/s.loopback)
			}
		}
	})
	if failed != nil {
		return measure.Sample{}, failed
	}
	off, retain, replicate := measure.Median(rates["off"]), measure.Median(rates["retain"]), measure.Median(rates["replicate"])
	return measure.Sample{Value: replicate, Ratios: measure.Ratios{
		"off_rows_per_s": off, "retain_rows_per_s": retain, "retain_of_off": retain / off, "replicate_of_off": replicate / off, "replicate_of_retain": replicate / retain,
		"loopback_bytes_per_s": s.loopback, "links_of_loopback": measure.Median(shares),
	}}, nil
}

// run runs the job once, and returns rows per second and what crossed all links per second, copies included.
func (s *replicating) run(ctx context.Context, args []string) (rate, bytes float64, err error) {
	s.rounds++
	data := filepath.Join(s.dir, fmt.Sprintf("data-%d", s.rounds))
	if args != nil {
		args = append(args[:len(args):len(args)], "--data-dir", data, "--snapshot-interval", recoveryInterval.String())
	}
	sample, err := s.once(ctx, append(args, "--workers", fmt.Sprint(recoveryWorkers))...)
	if err != nil {
		return 0, 0, err
	}
	var stats struct {
		Workers []struct {
			BytesIn float64 `json:"bytes_in"`
		} `json:"workers"`
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "stats.json"))
	if err == nil {
		err = json.Unmarshal(b, &stats)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("--stats: %w", err)
	}
	for _, w := range stats.Workers {
		bytes += w.BytesIn
	}
	return sample.Ratios["rows_per_s"], bytes / sample.Value, os.RemoveAll(data)
}

// loopbackTime is how long the loopback is measured.
const loopbackTime = 300 * time.Millisecond

// measureLoopback writes to itself for a moment.
func measureLoopback(ctx context.Context) (bytesPerSecond float64, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	written := make(chan error, 1)
	go func() {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
		if err == nil {
			err = writeFor(c, loopbackTime)
		}
		written <- err
	}()
	c, err := l.Accept()
	if err != nil {
		return 0, errors.Join(err, <-written)
	}
	defer c.Close()
	start, total, buf := time.Now(), 0, make([]byte, 256<<10)
	for {
		n, err := c.Read(buf)
		if total += n; err != nil {
			break // the other end has closed
		}
	}
	return float64(total) / time.Since(start).Seconds(), <-written
}

func writeFor(c net.Conn, d time.Duration) error {
	defer c.Close()
	block := make([]byte, 256<<10)
	for start := time.Now(); time.Since(start) < d; {
		if _, err := c.Write(block); err != nil {
			return err
		}
	}
	return nil
}
