package main

import (
	"bytes"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control"
)

// shortOfMemory has a run's logs drop early, and takes no images: all is asked for from the beginning.
var shortOfMemory = []string{"--rate", "18000", "--snapshot-interval", "1h", "--reliability", "recompute", "--arena", "512KiB", "--segment-bytes", "64KiB", "--frame-bytes", "4KiB", "--credit-bytes", "8KiB"}

// killWhenDropped kills the worker of node 0 once all others have dropped something of what a stage has sent there; before is the run at that time.
func killWhenDropped(t *testing.T, dir, stage string) (before *control.Status) {
	t.Helper()
	eventually(t, "what goes to node 0 is dropped", 20*time.Second, func() bool {
		s, by := statusIn(dir), 0
		if s == nil {
			return false
		}
		for i := range s.Logs {
			if l := &s.Logs[i]; l.Stage == stage && l.ToNode == 0 && l.Dropped > 0 {
				by++
			}
		}
		before = s
		return by == len(s.Workers)-1
	})
	if err := syscall.Kill(before.Workers[0].PID, syscall.SIGKILL); err != nil {
		t.Fatalf("the job is too short: %v", err)
	}
	return before
}

// TestShadowRunsReadFromOtherWorkers kills the worker with the output, for which the joins of two others have dropped what they sent. They make it again beside their tasks, which go on: what
// they need for that they read from the next life of that worker, which has the input.
func TestShadowRunsReadFromOtherWorkers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	cmd := newCommand(append([]string{"run", "flights", "--out", "out.csv", "--data-dir", "data", "--workers", "3"}, shortOfMemory...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	startGroup(t, cmd, &stderr)
	before := killWhenDropped(t, dir, "pairs")
	eventually(t, "shadow runs are told of", 20*time.Second, func() bool {
		s := statusIn(dir)
		return s != nil && !slices.ContainsFunc(s.Workers[1:], func(w control.WorkerStatus) bool {
			return len(w.Shadows) != 1 || w.Shadows[0].Runs == 0 || w.Shadows[0].Node != 0
		})
	})
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
	after := statusIn(dir)
	if after == nil || after.Regenerated != 0 || after.Recoveries != 1 {
		t.Fatalf("want 1 recovery, none of them for dropped ticks: %+v\n%s", after, &stderr)
	}
	for n := 1; n < 3; n++ {
		if got, want := after.Workers[n].PID, before.Workers[n].PID; got != want {
			t.Errorf("node %d is process %d, want %d", n, got, want)
		}
	}
}

// TestDroppedTicksOfATwinAreReplaced: where the stage that has dropped what is asked for is there twice there are no shadow runs, and its workers are started again.
func TestDroppedTicksOfATwinAreReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	cmd := newCommand(append([]string{"run", "flights", "--out", "out.csv", "--data-dir", "data", "--workers", "2", "--stage-strategy", "pairs=replica"}, shortOfMemory...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	startGroup(t, cmd, &stderr)
	killWhenDropped(t, dir, "pairs")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
	if s := statusIn(dir); s == nil || s.Regenerated == 0 {
		t.Errorf("want a worker that is started again for what it dropped: %+v\n%s", s, &stderr)
	}
}
