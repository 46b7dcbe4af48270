package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/chaos"
	"github.com/streamscope/streamscope/control"
)

// TestChaos is a short run of chaos with every kind of fault.
func TestChaos(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	cfg := chaos.Config{
		Exe: binary, Job: "flights", Workers: 3, Faults: 6, Kinds: []chaos.Kind{chaos.Kill, chaos.Kill, chaos.Task, chaos.Cut, chaos.Full, chaos.Manager, chaos.Group},
		Seed: uint64(time.Now().UnixNano()), Rate: 25_000, Interval: 100 * time.Millisecond, Policies: []string{"--reliability=replicate=1"}, PIDs: filepath.Join(t.TempDir(), "pids"), Out: &said,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r, err := chaos.Run(ctx, cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	if !r.Same || r.Counted != cfg.Faults || len(r.Faults) != cfg.Faults || r.Lives < r.Rounds {
		t.Errorf("%+v\n%s", r, &said)
	}
	pids, err := os.ReadFile(cfg.PIDs)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(string(pids)) {
		if pid, err := strconv.Atoi(word); err != nil || !gone(pid) {
			t.Errorf("process %q lives on, %v", word, err)
		}
	}
	var page strings.Builder
	if err := r.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if p := page.String(); strings.Count(p, "<tr>") != 1+cfg.Faults || !strings.Contains(p, "as without faults") || !strings.Contains(p, "--reliability=replicate=1") || strings.Contains(p, "://") {
		t.Errorf("the page is not what it should be:\n%s", p)
	}
}

// TestTaskFails: a task that panics is told of by name, its worker is replaced, and the output is that of a run without faults.
func TestTaskFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	cmd := newCommand("run", "flights", "--out", "out.csv", "--data-dir", "data", "--snapshot-interval", "100ms", "--rate", "20000", "--workers", "3", "--events", "events.jsonl")
	cmd.Dir = dir
	var stderr bytes.Buffer
	startGroup(t, cmd, &stderr)
	var victim control.WorkerStatus
	eventually(t, "a worker runs", 20*time.Second, func() bool {
		s := statusIn(dir)
		if s != nil && s.Workers[1].State == "running" {
			victim = s.Workers[1]
		}
		return victim.PID != 0
	})
	if err := syscall.Kill(victim.PID, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is replaced", 20*time.Second, func() bool {
		s := statusIn(dir)
		return s != nil && s.Workers[1].Incarnation > victim.Incarnation && s.Workers[1].State == "running"
	})
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
	if b, err := os.ReadFile(filepath.Join(dir, "events.jsonl")); err != nil || !strings.Contains(string(b), "it was told to fail") {
		t.Errorf("nobody says what failed, %v:\n%s", err, b)
	}
}

// TestEvents: every line is one happening, and a good run ends with an end.
func TestEvents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if r := runBinary(t, dir, "run", "flights", "--out", "o.csv", "--workers", "2", "--data-dir", "d", "--events", "e.jsonl", "--snapshot-interval", "50ms", "--rate", "200k"); r.status != 0 {
		t.Fatalf("%s", r.stderr)
	}
	b, err := os.ReadFile(filepath.Join(dir, "e.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	last := ""
	for line := range strings.Lines(string(b)) {
		var h struct {
			Kind string `json:"kind"`
		}
		if err := json.Unmarshal([]byte(line), &h); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		kinds[h.Kind]++
		last = h.Kind
	}
	if kinds["spawn"] != 2 || kinds["hello"] != 2 || kinds["run"] != 2 || kinds["report"] < 2 || last != "end" {
		t.Errorf("%v, the last is %q", kinds, last)
	}
}

func TestChaosRefuses(t *testing.T) {
	for args, words := range map[string]string{
		"--netns --workers 1": "--netns: got 1 worker", "--kinds kill,down": `--kinds: got "down", which needs --netns`,
	} {
		r := runBinary(t, t.TempDir(), append([]string{"chaos"}, strings.Fields(args)...)...)
		if r.status != 2 || !strings.Contains(string(r.stderr), words) {
			t.Errorf("%s: status %d, want words %q:\n%s", args, r.status, words, r.stderr)
		}
	}
	r := runBinary(t, t.TempDir(), "chaos", "--job", "tea", "--workers", "0", "--kills", "-1", "--kinds", "rain", "--rate", "fast", "--snapshot-interval", "1ns", "--duration", "1ms")
	for _, words := range []string{"--job: got \"tea\"", "--workers: got 0", "--kills: got -1", "--kinds: got \"rain\"", "--rate", "--snapshot-interval: got 1ns", "--duration: got 1ms", "--rate, --duration"} {
		if r.status != 2 || !strings.Contains(string(r.stderr), words) {
			t.Errorf("status %d, want words %q:\n%s", r.status, words, r.stderr)
		}
	}
}

// TestChaosManager kills managers alone, one after the other: all workers live on, the output grows meanwhile, and is the right one.
func TestChaosManager(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	cfg := chaos.Config{
		Exe: binary, Job: "flights", Workers: 3, Faults: 4, Kinds: []chaos.Kind{chaos.Manager}, Seed: 1, Rate: 20_000, Interval: 100 * time.Millisecond, Out: &said,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r, err := chaos.Run(ctx, cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	grown := int64(0)
	for _, f := range r.Faults {
		grown += f.AloneBytes
		if f.Living != cfg.Workers || f.LivedOn != cfg.Workers {
			t.Errorf("%+v", f)
		}
	}
	if !r.Same || r.Counted != cfg.Faults || grown == 0 {
		t.Errorf("%d bytes grown, %+v\n%s", grown, r, &said)
	}
}

// TestChaosPolicies: what `run` would refuse is refused before anything runs.
func TestChaosPolicies(t *testing.T) {
	for flag, words := range map[string]string{
		"--reliability=often": "want off, recompute, retain, replicate=K, persist or persist=TIME", "--reliability=replicate=3": "want at least 4", "--source-durability=peers(3)": "a worker and its peers are 4",
		"--edge-policy=a": "--edge-policy", "--stage-strategy=a=never": "want checkpoint, replay or replica", "--reliability=off": "nothing would be written there",
	} {
		r := runBinary(t, t.TempDir(), "chaos", flag)
		if r.status != 2 || !strings.Contains(string(r.stderr), words) {
			t.Errorf("%s: status %d, want 2 and %q:\n%s", flag, r.status, words, r.stderr)
		}
	}
}
