package engine

import (
	"fmt"
	"os"
	"slices"

	"github.com/streamscope/streamscope/cmd/streamscope/report"
	"github.com/streamscope/streamscope/vertex/connect"
)

// feedStdin has this process read standard input for workers that may have successors, if the job reads it. stop is called when they have ended.
func (cfg *Config) feedStdin() (stop func(), err error) {
	if err := connect.Repeatable(cfg.Job.Inputs); err != nil {
		return nil, fmt.Errorf("--input %w", err)
	}
	if !slices.Contains(cfg.Job.Inputs, connect.Stdin) {
		return func() {}, nil
	}
	cfg.feeder = connect.NewFeeder(connect.FeederConfig{In: int(os.Stdin.Fd()), Again: cfg.Recovery.InputAgain, Told: cfg.tellTaken})
	return cfg.feeder.Close, nil
}

// tellTaken says how much of standard input an earlier run has taken.
func (cfg *Config) tellTaken(t connect.Extent) {
	if t.Bytes == 0 {
		return
	}
	how := "what comes now is read as what follows them, without a header; --input-again is for all of it once more"
	if cfg.Recovery.InputAgain {
		how = "they are the same, and passed over"
	}
	cfg.Log.Info(fmt.Sprintf("standard input: its first %s bytes (%s lines) were taken before; %s", report.Count(t.Bytes), report.Count(t.Lines), how))
}

// stdin is the feed of a worker in this process.
func (cfg *Config) stdin() (connect.Feed, error) {
	f, err := cfg.feeder.Attach()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return connect.OpenFeed(f)
}
