package main

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const flightsHead = "date,delay,distance,origin,destination\n"

// folder writes files by name.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Each of these ends with one line that says where, and nothing under the final name.
func TestBadInput(t *testing.T) {
	parquet, err := os.ReadFile(week(t).parquet)
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 10_000)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	files := map[string]string{
		"good.csv":      flightsHead + "2001-01-01 00:00,5,100,ATL,ORD\n",
		"delay.csv":     flightsHead + "2001-01-01 00:00,5,100,ATL,ORD\n2001-01-01 00:01,x,100,ATL,ORD\n",
		"null.csv":      flightsHead + "2001-01-01 00:00,,100,ATL,ORD\n",
		"date.csv":      flightsHead + "2001-02-30 00:00,5,100,ATL,ORD\n",
		"cells.csv":     flightsHead + "2001-01-01 00:00,5,100\n",
		"column.csv":    "date,delay,origin,destination\n2001-01-01,1,A,B\n",
		"empty.csv":     "",
		"delay.jsonl":   `{"date":"2001-01-01","delay":"x","distance":1,"origin":"A","destination":"B"}` + "\n",
		"broken.jsonl":  `{"date":"2001-01-01",` + "\n",
		"empty.parquet": "",
		"cut.parquet":   string(parquet[:len(parquet)/2]),
		"noise.parquet": string(noise),
		"double.csv":    "iata,name,city,state,country,latitude,longitude\nATL,a,b,GA,USA,1,2\nORD,a,b,IL,USA,1,2\nATL,a,b,TX,USA,1,2\n",
		"table.csv":     "iata,name\nATL,a\n",
	}
	dir := folder(t, files)
	before := len(files)
	for _, c := range []struct {
		args string
		want []string // words of the message
	}{
		{"--input absent.csv", []string{"absent.csv", "no such file"}},
		{"--input none-*.csv", []string{"none-*.csv", "no such file"}},
		{"--input .", []string{"."}},
		{"--input delay.csv", []string{`delay.csv:3: delay: got "x", want integer`}},
		{"--input null.csv", []string{"null.csv:2: delay"}},
		{"--input date.csv", []string{"date.csv:2: date", "2001-02-30 00:00"}},
		{"--input cells.csv", []string{"cells.csv:2"}},
		{"--input column.csv", []string{"column.csv", "distance"}},
		{"--input empty.csv", []string{"empty.csv"}},
		{"--input delay.jsonl", []string{"delay.jsonl:1: delay"}},
		{"--input broken.jsonl", []string{"broken.jsonl:1"}},
		{"--input empty.parquet", []string{"empty.parquet"}},
		{"--input cut.parquet", []string{"cut.parquet"}},
		{"--input noise.parquet", []string{"noise.parquet"}},
		{"--input good.csv --airports double.csv", []string{"double.csv", "ATL", "2", "4"}},
		{"--input good.csv --airports table.csv", []string{"table.csv", "state"}},
		{"--input good.csv --airports absent.csv", []string{"absent.csv", "no such file"}},
		{"--input good.csv --out absent/out.csv", []string{"absent/out.csv", "absent"}},
		{"--arena 100TiB", []string{"--arena 100TiB"}},
		{"--spill-dir absent", []string{"absent"}},
	} {
		for _, workers := range []string{"0", "2"} {
			t.Run(c.args+" --workers "+workers, func(t *testing.T) {
				args := append([]string{"run", "flights", "--out", "out.csv", "--workers", workers}, strings.Fields(c.args)...)
				r := runBinary(t, dir, args...)
				if r.status != 1 || len(r.stdout) > 0 || bytes.Count(r.stderr, []byte("\n")) != 1 || bytes.Contains(r.stderr, []byte("goroutine")) {
					t.Errorf("status %d, stdout %q, stderr:\n%s", r.status, r.stdout, r.stderr)
				}
				for _, w := range c.want {
					if !bytes.Contains(r.stderr, []byte(w)) {
						t.Errorf("%q is missing in %s", w, r.stderr)
					}
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) != before {
					t.Fatalf("left behind: %v, %v", left, err)
				}
			})
		}
	}
}

func TestHeaderOnlyInput(t *testing.T) {
	dir := folder(t, map[string]string{"in.csv": flightsHead})
	r := runBinary(t, dir, "run", "flights", "--input", "in.csv")
	want, _, _ := bytes.Cut(week(t).expected, []byte("\n"))
	if r.status != 0 || string(r.stdout) != string(want)+"\n" {
		t.Errorf("status %d, stdout %q\n%s", r.status, r.stdout, r.stderr)
	}
}

func TestBadRowsSkippedAndDiverted(t *testing.T) {
	text := flightsHead + "2001-01-01 00:00,5,100,ATL,ORD\n2001-01-01 00:01,x,100,ATL,ORD\n2001-01-01 00:02,20,100,ATL,ORD\nnever,1,2,A,B\n"
	const want = "2001-01-01T00:00:00Z,ATL,GA,2,1,0,0,"
	for _, workers := range []string{"0", "2"} {
		dir := folder(t, map[string]string{"in.csv": text})
		r := runBinary(t, dir, "run", "flights", "--input", "in.csv", "--on-bad-row", "skip", "--stats", "s.json", "--workers", workers)
		if r.status != 0 || !bytes.Contains(r.stdout, []byte(want)) || !bytes.Contains(r.stderr, []byte("2 skipped")) {
			t.Errorf("skip: status %d, stdout %q\n%s", r.status, r.stdout, r.stderr)
		}
		if s := readStats(t, filepath.Join(dir, "s.json")); s.Skipped != 2 || s.EventsIn != 2 && s.EventsIn != 4 {
			t.Errorf("skip: %+v", s)
		}
		r = runBinary(t, dir, "run", "flights", "--input", "in.csv", "--on-bad-row", "divert=bad.txt", "--workers", workers)
		if r.status != 0 || !bytes.Contains(r.stdout, []byte(want)) {
			t.Errorf("divert: status %d, stdout %q\n%s", r.status, r.stdout, r.stderr)
		}
		diverted, err := os.ReadFile(filepath.Join(dir, "bad.txt"))
		if err != nil || !bytes.Contains(diverted, []byte("2001-01-01 00:01,x,100,ATL,ORD")) || !bytes.Contains(diverted, []byte("never,1,2,A,B")) {
			t.Errorf("divert: %q, %v", diverted, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// A row is late if it lies more than the lateness behind an earlier row of its file.
func TestLateRows(t *testing.T) {
	text := flightsHead + "2001-01-01 01:00,5,100,ATL,ORD\n2001-01-01 00:50,5,100,ATL,ORD\n2001-01-01 00:30,5,100,ATL,ORD\n2001-01-01 01:00,5,100,ATL,ORD\n"
	dir := folder(t, map[string]string{"in.csv": text})
	for lateness, late := range map[string]uint64{"0s": 2, "10m": 1, "9m59s": 2, "30m": 0} {
		r := runBinary(t, dir, "run", "flights", "--input", "in.csv", "--lateness", lateness, "--stats", "s.json")
		s := readStats(t, filepath.Join(dir, "s.json"))
		if r.status != 0 || s.Late != late || bytes.Contains(r.stderr, []byte("too late")) != (late > 0) {
			t.Errorf("lateness %s: status %d, %d late, want %d\n%s", lateness, r.status, s.Late, late, r.stderr)
		}
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := runBinary(t, t.TempDir(), "run", "flights", "--pprof", l.Addr().String())
	if r.status != 1 || !bytes.Contains(r.stderr, []byte("--pprof "+l.Addr().String())) || bytes.Count(r.stderr, []byte("\n")) != 1 {
		t.Errorf("status %d\n%s", r.status, r.stderr)
	}
}

// A tick that can not fit is told when nothing may be spilled, and spilled otherwise.
func TestTickLargerThanTheArena(t *testing.T) {
	t.Parallel() // a standstill is noticed after seconds
	args := []string{"run", "flights", "--segment-bytes", "64KiB", "--arena", "512KiB", "--tick", "bytes:16MiB", "--out", "out.csv"}
	dir := t.TempDir()
	r := runBinary(t, dir, append(args, "--spill-dir", "none")...)
	lines := strings.Split(strings.TrimSpace(string(r.stderr)), "\n")
	if r.status != 1 || !strings.Contains(lines[len(lines)-1], "--arena") {
		t.Errorf("without spilling: status %d\n%s", r.status, r.stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if r = runBinary(t, dir, args...); r.status != 0 {
		t.Fatalf("with spilling: status %d\n%s", r.status, r.stderr)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "out.csv")); err != nil || !bytes.Equal(got, week(t).expected) {
		t.Errorf("with spilling: %v: %s", err, firstDifference(got, week(t).expected))
	}
}

// A row larger than a frame is an error that names it.
func TestRowLargerThanAFrame(t *testing.T) {
	dir := folder(t, map[string]string{"in.csv": flightsHead + "2001-01-01 00:00,5,100,ATL,ORD\n2001-01-01 00:00,5,100," + strings.Repeat("A", 9000) + ",ORD\n"})
	r := runBinary(t, dir, "run", "flights", "--input", "in.csv", "--frame-bytes", "8KiB", "--out", "out.csv")
	if r.status != 1 || !bytes.Contains(r.stderr, []byte("row")) || bytes.Count(r.stderr, []byte("\n")) != 1 || len(r.stderr) > 1000 {
		t.Errorf("status %d\n%.2000s", r.status, r.stderr)
	}
}

func TestFullDisk(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, workers := range []string{"0", "1"} {
		cmd := newCommand("run", "flights", "--workers", workers)
		cmd.Stdout = f
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("workers %s: status %d\n%s", workers, cmd.ProcessState.ExitCode(), stderr.String())
		}
	}
}
