package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench"
)

func TestBenchUsage(t *testing.T) {
	for _, c := range []struct {
		args, stderr string
		status       int
	}{
		{"bench", "say list, run or show", 2},
		{"bench walk", `unknown command "walk"`, 2},
		{"bench run", "name what to measure", 2},
		{"bench run rumba", `unknown name "rumba", want one of standard, ringlog`, 2},
		{"bench run sum --runs 0", "--runs: got 0, want 1 to 1000", 2},
		{"bench run sum --duration 1ns", "--duration: got 1ns, want 1ms to 1h0m0s", 2},
		{"bench run sum --json none/report.json", "none", 1},
		{"bench run sum --fail-on-regression", "--fail-on-regression: wants --compare", 2},
		{"bench run sum --json x --html x", "got x for both, want two files", 2},
		{"bench run sum --html none/report.html", "there is no folder none", 1},
		{"bench run sum --compare none.json", "report: open none.json: no such file", 1},
		{"bench run sum --svg none/plot.svg", "--svg none/plot.svg: cannot be written: there is no folder none", 1},
		{"bench show", "got 0 reports, want one", 2},
		{"bench show none.json", "report: open none.json: no such file", 1},
		{"bench list", "", 0},
		{"bench list --json", "", 0},
	} {
		app, stdout, stderr := fakeApp(counts)
		if got := app.main(strings.Fields(c.args)); got != c.status || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s: got status %d, %q, want %d and %q", c.args, got, stderr, c.status, c.stderr)
		}
		if c.status == 0 && (!strings.Contains(stdout.String(), "shuffle-tcp") || strings.Contains(stdout.String(), "peer_of")) {
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

// TestBenchCompares measures twice. The second base was never measured: it says that everything was a thousand times as fast.
func TestBenchCompares(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) result {
		return runBinary(t, dir, append([]string{"bench", "run", "sum", "fill", "--duration", "5ms"}, args...)...)
	}
	if r := run("--json", "base.json"); r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	base, err := bench.ReadReport(filepath.Join(dir, "base.json"))
	if err != nil {
		t.Fatal(err)
	}
	fast := &base.Runs[0]
	fast.Median *= 1024
	for i := range fast.Samples {
		fast.Samples[i] *= 1024
	}
	fast.Ratios = nil // others may disturb this test: that is not what it is about
	if err := base.WriteFile(filepath.Join(dir, "fast.json")); err != nil {
		t.Fatal(err)
	}
	r := run("--compare", "fast.json", "--json", "now.json", "--html", "now.html")
	if r.status != 0 || len(r.stderr) != 0 || !strings.Contains(string(r.stdout), "compared with fast.json") {
		t.Errorf("status %d: %s%s", r.status, r.stdout, r.stderr)
	}
	text, err := os.ReadFile(filepath.Join(dir, "now.json"))
	if err != nil {
		t.Fatal(err)
	}
	var now bench.Report
	if err := json.Unmarshal(text, &now); err != nil {
		t.Fatal(err)
	}
	if c := now.Comparison; c == nil || len(c.Changes) != 2 || c.Changes[0].Change > -0.9 {
		t.Errorf("got %s, want two changes, the first by a lot", text)
	}
	page, err := os.ReadFile(filepath.Join(dir, "now.html"))
	if err != nil || !strings.Contains(string(page), "fast.json") {
		t.Errorf("%v: the page does not name fast.json: %s", err, page)
	}
	r = runBinary(t, dir, "bench", "show", "now.json", "--compare", "fast.json", "--html", "again.html", "--svg", "plot.svg")
	if r.status != 0 || !strings.Contains(string(r.stdout), "compared with fast.json") || !strings.Contains(string(r.stdout), "fill") {
		t.Errorf("status %d: %s%s", r.status, r.stdout, r.stderr)
	}
	for file, want := range map[string]string{"again.html": "fast.json", "plot.svg": "<svg xmlns="} {
		if b, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v: no %q in %s", file, err, want, b)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.json"), []byte(`{"runs":[{"name":"sum","unit":"m"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run("--compare", "bad.json"); r.status != 1 || !strings.Contains(string(r.stderr), `report bad.json: runs[0].unit: got "m", want one of`) {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
}

func TestFailOnRegression(t *testing.T) {
	c := &bench.Comparison{Base: "base.json", Changes: []bench.Change{{Name: "a", Movement: bench.Slower}, {Name: "b", Movement: bench.Faster}, {Name: "c", Movement: bench.Slower}}}
	if err := (&benchFlags{failOnRegression: true}).regression(c); err == nil || err.Error() != "bench: slower than base.json: a, c" {
		t.Errorf("got %v, want an error that names a and c", err)
	}
	if err := (&benchFlags{}).regression(c); err != nil {
		t.Errorf("nobody asked: %v", err)
	}
	c.Changes = c.Changes[1:2]
	if err := (&benchFlags{failOnRegression: true}).regression(c); err != nil {
		t.Errorf("nothing is slower: %v", err)
	}
}

func TestLiveLine(t *testing.T) {
	var terminal, stdout strings.Builder
	l := liveLine{terminal: true, out: &terminal}
	l.show(bench.Progress{Of: 2, Runs: 5, Left: 90 * time.Second})
	l.show(bench.Progress{Name: strings.Repeat("n", 99), Index: 1000, Of: 1000, Runs: 1000, Repetition: 1000, Left: 99*time.Hour + 59*time.Minute + 59*time.Second})
	fmt.Fprint(l.above(&stdout), "result\n")
	l.show(bench.Progress{Name: "sum", Index: 2, Of: 2, Runs: 5})
	l.say("said %d", 7)
	l.clear()
	lines := strings.Split(terminal.String(), eraseLine)
	want := []string{
		"", "[0/2] the machine's limits, about 1m30s left",
		"[1000/1000] " + strings.Repeat("n", 30) + ", repetition 1000 of 1000, about 99h59m59s left",
		"", "[2/2] sum, warm-up, about 0s left", "said 7\n", "",
	}
	if !slices.Equal(lines, want) || stdout.String() != "result\n" {
		t.Errorf("got %q and %q, want %q", lines, stdout.String(), want)
	}
	terminal.Reset()
	l.terminal = false
	l.show(bench.Progress{Name: "sum"})
	l.say("said")
	l.clear()
	if terminal.Len() > 0 {
		t.Errorf("without a terminal: got %q, want nothing", terminal.String())
	}
}

func TestBenchListJSON(t *testing.T) {
	app, stdout, stderr := fakeApp(counts)
	if got := app.main([]string{"bench", "list", "--json"}); got != 0 {
		t.Fatalf("status %d: %s", got, stderr)
	}
	var all []listed
	if err := json.Unmarshal(stdout.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(l listed) bool { return l.Name == "ringlog" })
	if len(all) != len(bench.Catalog()) || i < 0 || !all[i].Standard || len(all[i].Requirements) < 2 || len(all[i].Kernels) != 2 {
		t.Errorf("got %s", stdout)
	}
	if last := all[len(all)-1]; last.Standard {
		t.Errorf("%s is a kernel, yet in the standard set", last.Name)
	}
}
