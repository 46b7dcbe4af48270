package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/streamscope/streamscope/cmd/streamscope/options"
	"github.com/streamscope/streamscope/cmd/streamscope/report"
)

// jobInfo names a job that `run` knows.
type jobInfo struct{ name, short string }

// jobRun is one run of a job, as the engine is asked for it.
type jobRun struct {
	job     string
	options options.Run
	stdout  io.Writer               // where the result goes if options.Out is empty
	log     *slog.Logger            // messages of the engine
	observe func(p report.Progress) // takes progress, from any goroutine, at any pace
}

// runFunc runs a job to its end and returns what it counted. When the context ends it stops, removes what it wrote, ends its children
// and returns an error. Errors are one line with place, value and want. The output is visible only if the error is nil.
type runFunc func(ctx context.Context, r jobRun) (report.Stats, error)
