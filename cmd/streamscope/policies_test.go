package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/control"
)

// TestDroppedTicksAreMadeAgain kills a worker for which the source's log has dropped ticks: the source's worker makes them again beside its tasks, and lives on.
func TestDroppedTicksAreMadeAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	cmd := newCommand("run", "flights", "--out", "out.csv", "--data-dir", "data", "--rate", "30000", "--workers", "3", "--snapshot-interval", "1h",
		"--reliability", "recompute", "--arena", "768KiB", "--segment-bytes", "64KiB", "--frame-bytes", "4KiB", "--credit-bytes", "8KiB")
	cmd.Dir = dir
	var stderr bytes.Buffer
	startGroup(t, cmd, &stderr)
	victim, source := 0, 0
	eventually(t, "something of the source is dropped", 20*time.Second, func() bool {
		s, _, err := engine.ReadStatus(filepath.Join(dir, "data"))
		if err != nil {
			return false
		}
		victim, source = receiverOfDropped(s), s.Workers[0].PID
		return victim != 0
	})
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
	s, _, err := engine.ReadStatus(filepath.Join(dir, "data"))
	if err != nil || s.Regenerated != 0 || s.Recoveries != 1 || s.Workers[0].PID != source {
		t.Errorf("%d recoveries, %d of them for dropped ticks, and the source is process %d, want 1, 0 and %d (%v)\n%s", s.Recoveries, s.Regenerated,
			s.Workers[0].PID, source, err, &stderr)
	}
}

// receiverOfDropped is the process for which a log of the source's worker has dropped something; 0: none has.
func receiverOfDropped(s *control.Status) int {
	for i := range s.Logs {
		if l := &s.Logs[i]; l.Dropped > 0 && l.Node == 0 {
			return s.Workers[l.ToNode].PID
		}
	}
	return 0
}

// TestEitherInstanceIsLost stops a worker with an instance of the joins for longer than its lease, and kills another one. What the sink takes from either
// instance is the same.
func TestEitherInstanceIsLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	cmd := newCommand("run", "flights", "--out", "out.csv", "--data-dir", "data", "--rate", "12000", "--workers", "3", "--snapshot-interval", "500ms",
		"--stage-strategy", "pairs=replica", "--tasks", "4")
	cmd.Dir = dir
	var stderr bytes.Buffer
	startGroup(t, cmd, &stderr)
	for _, c := range []struct {
		node   int
		signal syscall.Signal
	}{{1, syscall.SIGSTOP}, {2, syscall.SIGKILL}} {
		var life control.WorkerStatus
		eventually(t, "the worker has executed something", 20*time.Second, func() bool {
			s := statusIn(dir)
			if s == nil || s.Workers[c.node].State != "running" {
				return false
			}
			life = s.Workers[c.node]
			return slices.ContainsFunc(s.Units, func(u control.UnitStatus) bool {
				return int(u.Node) == c.node && strings.HasPrefix(u.Stage, "pairs") && u.Executed > 0
			})
		})
		if err := syscall.Kill(life.PID, c.signal); err != nil {
			t.Fatalf("the job is too short: %v", err)
		}
		eventually(t, "the worker is replaced", 20*time.Second, func() bool {
			s := statusIn(dir)
			return s != nil && s.Workers[c.node].Incarnation > life.Incarnation
		})
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
}
