package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/cmd/streamscope/report"
)

func readStats(t *testing.T, path string) report.Stats {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s report.Stats
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// The figures do not depend on how the plan fuses and places: rows of each stage are those of the job's definition.
func TestStatsOfTheWeek(t *testing.T) {
	for _, workers := range []int{0, 2} {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
			dir := t.TempDir()
			r := runBinary(t, dir, "run", "flights", "--workers", fmt.Sprint(workers), "--tasks", "3", "--stats", "stats.json")
			if r.status != 0 || !bytes.Equal(r.stdout, week(t).expected) {
				t.Fatalf("status %d, %d bytes of result:\n%s", r.status, len(r.stdout), r.stderr)
			}
			s := readStats(t, filepath.Join(dir, "stats.json"))
			if s.EventsIn != 113_493 || s.EventsOut != 16_391 || s.Late != 0 || s.Skipped != 0 || s.Ticks == 0 {
				t.Errorf("got %+v", s)
			}
			if s.PeakBytes < 1<<20 || s.ElapsedS <= 0 || s.EventsPerS <= 0 {
				t.Errorf("peak %d, elapsed %g, rate %g", s.PeakBytes, s.ElapsedS, s.EventsPerS)
			}
			checkStages(t, s.Stages)
			checkWorkers(t, s.Workers, workers)
		})
	}
}

func checkStages(t *testing.T, stages []report.Stage) {
	t.Helper()
	byName := map[string]report.Stage{}
	var names []string
	for _, s := range stages {
		byName[s.Name] = s
		names = append(names, s.Name)
		if s.Tasks < 1 {
			t.Errorf("stage %s has %d tasks", s.Name, s.Tasks)
		}
	}
	for _, want := range []string{"source", "departures", "arrivals", "pairs", "per_departure", "per_pair", "joined", "airport", "sink"} {
		if _, ok := byName[want]; !ok {
			t.Errorf("stage %s is not among %v", want, names)
		}
	}
	const flights, rows = 113_493, 16_391
	for name, want := range map[string][2]uint64{"departures": {flights, flights}, "arrivals": {flights, flights}, "per_departure": {flights, rows}, "airport": {rows, rows}} {
		if s := byName[name]; s.RowsIn != want[0] || s.RowsOut != want[1] {
			t.Errorf("stage %s: %d rows in, %d out, want %v", name, s.RowsIn, s.RowsOut, want)
		}
	}
	if p := byName["pairs"]; p.RowsIn != 2*flights || p.RowsOut == 0 || p.RowsOut != byName["per_pair"].RowsIn {
		t.Errorf("pairs: %+v, per_pair: %+v", p, byName["per_pair"])
	}
	if s := byName["sink"]; s.Tasks != 1 || s.RowsIn != rows {
		t.Errorf("sink: %+v", s)
	}
}

func checkWorkers(t *testing.T, workers []report.Worker, want int) {
	t.Helper()
	if len(workers) != want {
		t.Errorf("%d workers, want %d", len(workers), want)
	}
	pids := map[int]bool{}
	for _, w := range workers {
		pids[w.PID] = true
		if w.BytesOut == 0 || w.BytesIn == 0 {
			t.Errorf("worker %+v has sent or received nothing", w)
		}
	}
	if len(pids) != want {
		t.Errorf("%d different pids, want %d", len(pids), want)
	}
}

// Files may be many, named by a pattern; what they hold together counts.
func TestInputInParts(t *testing.T) {
	dir, d := t.TempDir(), week(t)
	text, err := os.ReadFile(d.input(t, "csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	const parts = 7
	for i := range parts {
		rows := lines[1:]
		part := lines[0] + strings.Join(rows[i*len(rows)/parts:(i+1)*len(rows)/parts], "")
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("part-%d.csv", i)), []byte(part), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"--input", "part-*.csv"},
		{"--input", "part-[0-3].csv", "--input", "part-4.csv", "--input", "part-[56].csv", "--workers", "2", "--tasks", "5"},
	} {
		r := runBinary(t, dir, append([]string{"run", "flights"}, args...)...)
		if r.status != 0 || !bytes.Equal(r.stdout, d.expected) {
			t.Errorf("%v: status %d: %s\n%s", args, r.status, firstDifference(r.stdout, d.expected), r.stderr)
		}
	}
}

func TestStandardInput(t *testing.T) {
	d := week(t)
	in, err := os.Open(d.input(t, "csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, workers := range []string{"0", "2"} {
		if _, err := in.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		cat := exec.Command("cat")
		cat.Stdin = in
		pipe, err := cat.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cat.Start(); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "run", "flights", "--input", "-", "--workers", workers)
		cmd.Stdin = pipe
		r := finish(t, cmd)
		if err := cat.Wait(); err != nil {
			t.Error(err)
		}
		if r.status != 0 || !bytes.Equal(r.stdout, d.expected) {
			t.Errorf("workers %s: status %d: %s\n%s", workers, r.status, firstDifference(r.stdout, d.expected), r.stderr)
		}
	}
}

// JSON lines hold the same rows as CSV, and Parquet is written whole.
func TestOutputFormats(t *testing.T) {
	dir, d := t.TempDir(), week(t)
	for _, name := range []string{"out.jsonl", "out.parquet", "OUT.CSV"} {
		if r := runBinary(t, dir, "run", "flights", "--out", name, "--workers", "1"); r.status != 0 {
			t.Fatalf("%s: status %d\n%s", name, r.status, r.stderr)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "out.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if got := csvOf(t, text); !bytes.Equal(got, d.expected) {
		t.Errorf("JSON lines: %s", firstDifference(got, d.expected))
	}
	text, err = os.ReadFile(filepath.Join(dir, "out.parquet"))
	if err != nil || !bytes.HasPrefix(text, []byte("PAR1")) || !bytes.HasSuffix(text, []byte("PAR1")) {
		t.Errorf("Parquet: %d bytes, %v", len(text), err)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "OUT.CSV")); err != nil || !bytes.Equal(text, d.expected) {
		t.Errorf("CSV: %v", err)
	}
}

// csvOf writes JSON lines of the result as the CSV they should equal, and checks the order of the columns.
func csvOf(t *testing.T, text []byte) []byte {
	t.Helper()
	columns := []string{"hour", "airport", "state", "departures", "late_departures", "pairs", "late_pairs", "max_arrival_delay"}
	out := []byte(strings.Join(columns, ",") + "\n")
	for line := range bytes.Lines(text) {
		var row map[string]any
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.UseNumber()
		if err := dec.Decode(&row); err != nil || len(row) != len(columns) {
			t.Fatalf("%q: %v", line, err)
		}
		at := -1
		for i, c := range columns {
			next := bytes.Index(line, []byte(`"`+c+`":`))
			if next <= at {
				t.Fatalf("%q: column %s is not in its place", line, c)
			}
			at = next
			if i > 0 {
				out = append(out, ',')
			}
			if row[c] != nil {
				out = fmt.Append(out, row[c])
			}
		}
		out = append(out, '\n')
	}
	return out
}

// An existing file stays as it was until the result is complete, and is replaced then.
func TestOutputReplaces(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.csv")
	if err := os.WriteFile(out, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.csv"), []byte("date,delay,distance,origin,destination\n2001-01-01 00:00,x,1,A,B\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := runBinary(t, dir, "run", "flights", "--input", "bad.csv", "--out", "out.csv"); r.status != 1 {
		t.Fatalf("status %d, want 1\n%s", r.status, r.stderr)
	}
	if text, _ := os.ReadFile(out); string(text) != "old" {
		t.Errorf("after a failure the file holds %q, want what it held", text)
	}
	if r := runBinary(t, dir, "run", "flights", "--out", "out.csv"); r.status != 0 {
		t.Fatalf("status %d\n%s", r.status, r.stderr)
	}
	if text, _ := os.ReadFile(out); !bytes.Equal(text, week(t).expected) {
		t.Error("the file does not hold the new result")
	}
}

// A reader that goes away ends the run without a trace of it.
func TestClosedPipe(t *testing.T) {
	cmd := exec.Command("sh", "-c", `"$0" run flights --workers 1 | head -n 1; true`, binary)
	r := finish(t, cmd)
	if !bytes.HasPrefix(r.stdout, []byte("hour,airport")) || bytes.Contains(r.stderr, []byte("goroutine")) {
		t.Errorf("stdout %q, stderr %s", r.stdout, r.stderr)
	}
}
