package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBenchUsage(t *testing.T) {
	for _, c := range []struct {
		args, stderr string
		status       int
	}{
		{"bench", "say list or run", 2},
		{"bench walk", `unknown command "walk"`, 2},
		{"bench run", "name what to measure", 2},
		{"bench run rumba", `unknown name "rumba", want one of standard, ringlog`, 2},
		{"bench run sum --runs 0", "--runs: got 0, want 1 to 1000", 2},
		{"bench run sum --duration 1ns", "--duration: got 1ns, want 1ms to 1h0m0s", 2},
		{"bench run sum --json none/report.json", "none", 1},
		{"bench list", "", 0},
	} {
		app, stdout, stderr := fakeApp(counts)
		if got := app.main(strings.Fields(c.args)); got != c.status || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s: got status %d, %q, want %d and %q", c.args, got, stderr, c.status, c.stderr)
		}
		if c.status == 0 && (!strings.Contains(stdout.String(), "shuffle-tcp") || strings.Contains(stdout.String(), "peer")) {
			t.Errorf("%s: got %s", c.args, stdout)
		}
	}
}

// TestBenchRunsProcesses measures what needs processes of this program: the other end of a shuffle, and a whole job.
func TestBenchRunsProcesses(t *testing.T) {
	dir := t.TempDir() // January is not beside it, so that the embedded week is measured
	r := runBinary(t, dir, "bench", "run", "shuffle-tcp", "flights", "--duration", "50ms", "--runs", "1", "--json", "report.json")
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Runs []struct {
			Name, Unit string
			Median     float64
			Ratios     map[string]float64
		}
	}
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Runs) != 2 || report.Runs[0].Unit != "rows/s" || report.Runs[1].Unit != "s" {
		t.Fatalf("got %s", b)
	}
	tcp, flights := report.Runs[0], report.Runs[1]
	if tcp.Median <= 0 || tcp.Ratios["of_net_buffers"] <= 0 || tcp.Ratios["receiver_cpu_ns_per_row"] <= 0 {
		t.Errorf("shuffle-tcp: got %+v", tcp)
	}
	if flights.Median <= 0 || flights.Ratios["rows"] != 113_493 || flights.Ratios["peak_bytes"] <= 0 {
		t.Errorf("flights: got %+v", flights)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
