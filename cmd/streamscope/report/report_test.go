package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestText(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 100000: "100,000"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d): got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0 /s", 12.5: "12.5 /s", 2130: "2.13 k/s", 2.5e6: "2.5 M/s", 3e9: "3 G/s"} {
		if got := Rate(n); got != want {
			t.Errorf("Rate(%g): got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[uint64]string{12: "12 B", 1 << 20: "1 MiB", 88_200_000: "84.1 MiB", 1023 << 20: "0.999 GiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d): got %q, want %q", n, got, want)
		}
	}
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	c := &clock{t: time.Unix(1000, 0)}
	r := New("flights", Config{Out: &out, Now: c.now})
	r.Observe(Progress{EventsIn: 5})
	c.add(LineInterval)
	r.Observe(Progress{EventsIn: 4000, EventsOut: 10, Ticks: 7})
	r.Observe(Progress{EventsIn: 4001})
	c.add(LineInterval)
	r.Observe(Progress{EventsIn: 5000, EventsOut: 11, Ticks: 8})
	r.Log().Warn("rows came too late", "rows", 3)
	s := &Stats{EventsIn: 6000, EventsOut: 12, Late: 3, Skipped: 1, Ticks: 9}
	s.Finish(4*time.Second, 3<<20)
	r.Done(s)
	r.Observe(Progress{EventsIn: 1 << 40})
	want := `streamscope: 4,000 events in (2 k/s), 10 out, 7 ticks, 2s
streamscope: 5,000 events in (500 /s), 11 out, 8 ticks, 4s
streamscope: warning: rows came too late (rows=3)
streamscope: 6,000 events in, 12 out, 3 late, 1 skipped; 4s, 1.5 k/s events in; 9 ticks; peak memory 3 MiB
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	c := &clock{t: time.Unix(1000, 0)}
	r := New("flights", Config{Out: &out, Terminal: true, JSON: true, Now: c.now})
	c.add(LineInterval)
	r.Observe(Progress{EventsIn: 4000})
	r.Log().Error("broken", "at", "x.csv:3")
	r.Done(&Stats{EventsIn: 5000})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %d lines, want 3: %s", len(lines), out.String())
	}
	for i, want := range []struct {
		msg, key string
		value    any
	}{{"progress", "events_in", 4000.0}, {"broken", "at", "x.csv:3"}, {"done", "events_in", 5000.0}} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil || got["msg"] != want.msg || got[want.key] != want.value {
			t.Errorf("line %d: got %s (%v), want %+v", i, lines[i], err, want)
		}
	}
}

func TestLiveBar(t *testing.T) {
	var out lockedBuffer
	r := New("flights", Config{Out: &out, Terminal: true, Now: time.Now})
	for i := range 1000 {
		r.Observe(Progress{EventsIn: uint64(i), EventsTotal: 1000})
	}
	r.Log().Info("a message above the bar")
	r.Done(&Stats{EventsIn: 1000})
	r.Log().Info("a message after the bar")
	for _, want := range []string{"a message above the bar\n", "1,000 events in", "a message after the bar\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in %q", want, out.String())
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestStatsFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "stats.json")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := CreateStats(path)
	if err != nil {
		t.Fatal(err)
	}
	if old, _ := os.ReadFile(path); string(old) != "old" {
		t.Errorf("before the end the file holds %q, want what it held", old)
	}
	s := &Stats{EventsIn: 10, Stages: []Stage{{Name: "pairs", Tasks: 4, RowsIn: 1, RowsOut: 2, BusyS: 0.5}}, Workers: []Worker{{PID: 7, RowsIn: 1, BytesIn: 2, BytesOut: 3}}}
	resumed := uint64(5)
	s.ResumedTick, s.Recoveries = &resumed, 2
	s.Finish(2*time.Second, 99)
	if err := f.Commit(s); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	want := `{"events_in":10,"events_out":0,"late":0,"skipped":0,"elapsed_s":2,"events_per_s":5,"peak_bytes":99,"ticks":0,` +
		`"stages":[{"name":"pairs","tasks":4,"rows_in":1,"rows_out":2,"busy_s":0.5}],"workers":[{"pid":7,"rows_in":1,"bytes_in":2,"bytes_out":3}],` +
		`"resumed_tick":5,"recoveries":2}`
	if compact.String() != want {
		t.Errorf("got  %s\nwant %s", compact.String(), want)
	}
	onlyFile(t, dir, "stats.json")
}

func TestStatsFileAborted(t *testing.T) {
	dir := t.TempDir()
	f, err := CreateStats(filepath.Join(dir, "stats.json"))
	if err != nil {
		t.Fatal(err)
	}
	f.Abort()
	onlyFile(t, dir)
	for path, want := range map[string]string{
		filepath.Join(dir, "absent", "s.json"): "there is no directory",
		dir:                                    "is a directory",
	} {
		if _, err := CreateStats(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--stats") {
			t.Errorf("CreateStats(%s): got %v, want %q", path, err, want)
		}
	}
}

func TestStatsIntoDevice(t *testing.T) {
	f, err := CreateStats("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(&Stats{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode().IsRegular() {
		t.Fatalf("/dev/null is now %v, %v", info, err)
	}
}

func onlyFile(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the folder holds %q, want %q", got, names)
	}
}

// The rate of a command that goes on with a run is that of what it has read itself.
func TestRateOfWhatWasRead(t *testing.T) {
	s := &Stats{EventsIn: 113_493, EventsBefore: 68_493}
	s.Finish(5*time.Second, 0)
	if s.EventsPerS != 9000 || !strings.Contains(Summary(s), "113,493 events in") || !strings.Contains(Summary(s), "9 k/s") {
		t.Errorf("%v events/s: %s", s.EventsPerS, Summary(s))
	}
	var out strings.Builder
	now := time.Unix(100, 0)
	r := New("flights", Config{Out: &out, Now: func() time.Time { return now }})
	now = now.Add(LineInterval)
	r.Observe(Progress{EventsIn: 70_493, EventsBefore: 68_493})
	now = now.Add(LineInterval)
	r.Observe(Progress{EventsIn: 74_493, EventsBefore: 68_493})
	r.Close()
	for _, words := range []string{"70,493 events in (1 k/s)", "74,493 events in (2 k/s)"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("no %q in\n%s", words, out.String())
		}
	}
}
