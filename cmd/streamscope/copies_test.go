package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control"
)

// TestCopiesServe kills a worker whose logs are copied, and the one that takes its place, long before any image: what the new lives have at their beginning
// comes from their peers, and the output is that of a run without faults.
func TestCopiesServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	cmd := newCommand("run", "flights", "--out", "out.csv", "--data-dir", "data", "--snapshot-interval", "1h",
		"--rate", "12000", "--workers", "3", "--reliability", "replicate=1")
	cmd.Dir = dir
	var stderr bytes.Buffer
	startGroup(t, cmd, &stderr)

	for _, node := range []int{1, 1} {
		var life control.WorkerStatus
		eventually(t, "a log of the node is copied", 20*time.Second, func() bool {
			s := statusIn(dir)
			if s == nil || s.Workers[node].State != "running" {
				return false
			}
			for i := range s.Logs {
				if l := &s.Logs[i]; int(l.Node) == node && l.Frames > 10 && len(l.Copies) == 1 && l.Copies[0].Linked && l.Copies[0].LagBytes < l.Bytes/2 {
					life = s.Workers[node]
					return true
				}
			}
			return false
		})
		if err := syscall.Kill(life.PID, syscall.SIGKILL); err != nil {
			t.Fatalf("the job is too short: %v", err)
		}
		eventually(t, "the next life had copies", 20*time.Second, func() bool {
			s := statusIn(dir)
			return s != nil && s.Workers[node].Incarnation > life.Incarnation && s.Workers[node].ServedTicks > 0
		})
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
}

// statusIn is the newest status of the run in a folder, nil if there is none yet.
func statusIn(dir string) *control.Status {
	b, err := os.ReadFile(filepath.Join(dir, "data", "status.json"))
	if err != nil {
		return nil
	}
	var s control.Status
	if json.Unmarshal(b, &s) != nil {
		return nil
	}
	return &s
}
