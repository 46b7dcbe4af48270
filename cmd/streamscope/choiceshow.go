package main

import (
	"fmt"
	"io"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/report"
	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/objective"
)

// choiceExplain says what was chosen for a recovery objective, why, and how it turned out.
func choiceExplain(w io.Writer, s seen) {
	c := s.Choice
	if c == nil {
		return
	}
	e := &c.Estimate
	met := "expected to be met"
	if !c.Met {
		met = "cannot be met; this is the least"
	}
	fmt.Fprintf(w, "\nrecovery objective %v: %s. About %s after the loss of a worker (%s to start, %s to read images, %s to execute again), %s after that of two at once\n",
		time.Duration(c.Objective.Ns), met, elapsed(e.GapNs), elapsed(e.StartNs), elapsed(e.ReadNs), elapsed(e.ReplayNs), elapsed(e.PairNs))
	fmt.Fprintf(w, "  images every %v: %s\n", time.Duration(c.IntervalNs), c.IntervalWhy)
	for _, st := range c.Stages {
		fmt.Fprintf(w, "  stage %s: %s: %s\n", st.Stage, st.Strategy, st.Why)
	}
	for _, ed := range c.Edges {
		fmt.Fprintf(w, "  %s->%s: %v: %s\n", ed.From, ed.To, ed.Policy, ed.Why)
	}
	fmt.Fprintf(w, "  estimated costs: at most %s/s of images, %s/s of copies, %s/s of spilled logs, %s of disk\n",
		bytesOf(e.ImageBytesPerS), bytesOf(e.CopyBytesPerS), bytesOf(e.SpillBytesPerS), bytesOf(e.DiskBytes))
	fmt.Fprintf(w, "  %s\n", turnedOut(c, &s.Observed))
}

// turnedOut compares what was measured with the objective.
func turnedOut(c *objective.Choice, o *control.Recovered) string {
	switch {
	case o.Count == 0:
		return "no loss was measured yet"
	case o.WorstNs <= c.Objective.Ns:
		return fmt.Sprintf("measured: the worst of %d losses took %s, within the objective", o.Count, elapsed(o.WorstNs))
	}
	return fmt.Sprintf("measured: the worst of %d losses took %s, beyond the objective; repeat the command, and it is chosen from what was measured", o.Count, elapsed(o.WorstNs))
}

func elapsed(ns int64) string { return report.Elapsed(time.Duration(ns)) }

// bytesOf is a size that was computed: whatever the file says.
func bytesOf(v float64) string {
	const most = 1 << 62
	return report.Bytes(uint64(min(max(v, 0), most)))
}
