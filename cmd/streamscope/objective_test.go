package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/objective"
)

// withObjective is a command that takes as long as its rate wants: 5000 is 22 s.
func withObjective(dir string, stderr *bytes.Buffer, rate string, more ...string) *exec.Cmd {
	c := newCommand(append([]string{"run", "flights", "--out", "out.csv", "--data-dir", "data", "--rate", rate, "--workers", "3", "--recovery-objective", "2s"}, more...)...)
	c.Dir, c.Stderr, c.SysProcAttr = dir, stderr, &syscall.SysProcAttr{Setpgid: true}
	return c
}

// TestRecoveryObjectiveChooses runs with an objective, kills a worker, then everything, and repeats the command: each life says what it chose, the
// second one from what the first has measured.
func TestRecoveryObjectiveChooses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	var stderr bytes.Buffer
	life := func() *control.Status {
		s, _, err := engine.ReadStatus(filepath.Join(dir, "data"))
		if err != nil {
			return &control.Status{}
		}
		return s
	}
	cmd := withObjective(dir, &stderr, "5000", "--edge-policy", "pairs->sink=recompute")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
	eventually(t, "images are kept", 20*time.Second, func() bool { s := life(); return len(s.Stages) > 0 && s.Stages[0].ImageBytes > 0 })
	first := life()
	if c := first.Choice; c == nil || c.IntervalNs != 5e8 || !c.Met || c.Measured.StartNs != 0 || first.SnapshotIntervalNs != c.IntervalNs {
		t.Errorf("the first life chose %+v", c)
	}
	if err := syscall.Kill(first.Workers[1].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the worker is back", 20*time.Second, func() bool { return life().Observed.Count > 0 })
	before := life()
	if before.Outcome != control.OutputOpen.String() {
		t.Fatalf("the run has ended before all of it was killed: %s", before.Outcome)
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
	for _, w := range before.Workers { // while one lives, what was chosen is kept
		eventually(t, "a worker is gone", 20*time.Second, func() bool { return gone(w.PID) })
	}
	if err := withObjective(dir, &stderr, "60000", "--edge-policy", "pairs->sink=recompute").Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
	second := life()
	if c := second.Choice; c == nil || c.Measured.StartNs == 0 || second.SnapshotIntervalNs != c.IntervalNs {
		t.Errorf("the second life chose %+v\n%s", c, &stderr)
	}
	if n := strings.Count(stderr.String(), "recovery objective 2s"); n != 2 {
		t.Errorf("said %d times what was chosen, want twice\n%s", n, &stderr)
	}
	shown := runBinary(t, dir, "job", "explain", "--data-dir", "data")
	for _, words := range []string{"recovery objective 2s: ", "pairs->sink: recompute: given", "(measured)", "images every " + time.Duration(second.SnapshotIntervalNs).String()} {
		if !strings.Contains(string(shown.stdout), words) {
			t.Errorf("no %q in\n%s", words, shown.stdout)
		}
	}
}

// A successor of a manager keeps its choice while workers live on, whatever has been measured: with another plan they could not.
func TestRecoveryObjectiveIsKeptByASuccessor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	var stderr bytes.Buffer
	cmd := withObjective(dir, &stderr, "20000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "images are kept", 20*time.Second, func() bool {
		s, _, err := engine.ReadStatus(filepath.Join(dir, "data"))
		return err == nil && len(s.Stages) > 0 && s.Stages[0].ImageBytes > 0
	})
	_ = cmd.Process.Kill() // its workers go on
	_ = cmd.Wait()
	if err := withObjective(dir, &stderr, "20000").Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
	if !strings.Contains(stderr.String(), "3 workers live on") {
		t.Errorf("workers were replaced:\n%s", &stderr)
	}
	if s, _, err := engine.ReadStatus(filepath.Join(dir, "data")); err != nil || s.Choice == nil || s.Choice.Measured.StartNs != 0 {
		t.Errorf("chosen anew: %+v, %v", s, err)
	}
}

// What cannot be met is said at the start, and the run goes on.
func TestRecoveryObjectiveThatCannotBeMet(t *testing.T) {
	t.Parallel()
	r := runBinary(t, t.TempDir(), "run", "flights", "--out", "out.csv", "--data-dir", "data", "--workers", "2", "--recovery-objective", "1ms")
	if r.status != 0 || !bytes.Contains(r.stderr, []byte("recovery objective 1ms cannot be met: images every 100ms")) {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
}

func TestExplainComparesWithTheObjective(t *testing.T) {
	for took, words := range map[int64]string{0: "no loss was measured yet", 1e9: "took 1s, within the objective", 3e9: "took 3s, beyond the objective"} {
		o := control.Recovered{WorstNs: took}
		if took > 0 {
			o.Count = 4
		}
		if got := turnedOut(&objective.Choice{Objective: objective.Objective{Ns: 2e9}}, &o); !strings.Contains(got, words) {
			t.Errorf("%d ns: got %q, want %q", took, got, words)
		}
	}
}
