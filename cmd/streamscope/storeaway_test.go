package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/events"
	"github.com/streamscope/streamscope/state/snapshot/s3/s3test"
)

// TestWorkerWaitsForItsBucket kills a worker while the server of its images is gone: the run waits, says so, and goes on from the image that it
// would have gone on from.
func TestWorkerWaitsForItsBucket(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	cmd := recoverable(dir, "csv", 2)
	cmd.Args = append(cmd.Args, "--snapshot-store", "s3://"+s3test.Bucket+"/p", "--rate", "12000", "--events", "events")
	cmd.Env = append(cmd.Environ(), server.Env()...)
	var stderr said
	startGroup(t, cmd, &stderr)

	var life control.WorkerStatus
	eventually(t, "worker 1 has a base", 20*time.Second, func() bool {
		s := statusIn(dir)
		if s == nil || s.Workers[1].State != "running" {
			return false
		}
		life = s.Workers[1]
		for _, u := range s.Units {
			if u.Node == 1 && u.Base == 0 {
				return false
			}
		}
		return true
	})
	server.Kill()
	if err := syscall.Kill(life.PID, syscall.SIGKILL); err != nil {
		t.Fatalf("the job is too short: %v", err)
	}
	var waiting *control.Status
	eventually(t, "the worker waits for its store", 90*time.Second, func() bool {
		waiting = statusIn(dir)
		return waiting != nil && waiting.Workers[1].StoreAwayNs > 0
	})
	server.Restart()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	words := bytes.NewBufferString(stderr.String())
	wantOutput(t, dir, "csv", want, words)
	if !regexp.MustCompile(`worker 1 cannot start, since its snapshot store has not answered for .*; for 5 minutes that is no failure: `).Match(words.Bytes()) {
		t.Errorf("nobody is told:\n%s", words)
	}
	for _, u := range waiting.Units {
		if u.Node == 1 && u.Base == 0 {
			t.Errorf("%+v: an image was given up", u)
		}
	}
	waits := 0
	lines, err := os.ReadFile(filepath.Join(dir, "events"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(lines) {
		var h events.Happening
		if err := json.Unmarshal(line, &h); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if h.Kind == "waits" && h.Node == 1 && h.PauseMs >= 1000 {
			waits++
		}
	}
	if waits == 0 || bytes.Contains(lines, []byte("18446744073709551615")) {
		t.Errorf("%d lines say that a worker waits:\n%s", waits, lines)
	}
}
