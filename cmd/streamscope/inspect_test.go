package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/state/snapshot"
)

// logFolder writes a log of three frames and returns the folder with its segment.
func logFolder(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: ringlog.MinSegmentBytes, LimitBytes: 4 * ringlog.MinSegmentBytes, Backing: ringlog.Tmpfs, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	log, err := arena.NewLog(ringlog.LogConfig{Job: 7, Incarnation: 1, Sums: true})
	if err != nil {
		t.Fatal(err)
	}
	for tick := range frame.Tick(3) {
		b, _, err := log.Claim(frame.HeaderLen + 64)
		for errors.Is(err, ringlog.ErrNoSegment) && arena.Step() {
			b, _, err = log.Claim(frame.HeaderLen + 64)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b[frame.HeaderLen:] {
			b[frame.HeaderLen+i] = byte(i)
		}
		log.Commit(frame.Header{Type: frame.Record, Tick: tick + 1})
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no segment file in %s: %v", dir, err)
	}
	copied := t.TempDir()
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(copied, filepath.Base(n)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := arena.Close(); err != nil {
		t.Fatal(err)
	}
	return copied, filepath.Join(copied, filepath.Base(names[0]))
}

func TestInspectLog(t *testing.T) {
	if raceBuild {
		t.Skip("under the race detector rings are on the heap: there is no segment file")
	}
	dir, file := logFolder(t)
	for _, path := range []string{dir, file} {
		a, stdout, stderr := fakeApp(counts)
		if status := a.main([]string{"inspect", "log", path}); status != 0 || !strings.Contains(stdout.String(), "3 frames") {
			t.Errorf("inspect log %s: status %d\n%s%s", path, status, stdout, stderr)
		}
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{99}, ringlog.SegmentHeaderLen+frame.HeaderLen+7); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	a, stdout, stderr := fakeApp(counts)
	if status := a.main([]string{"inspect", "log", file}); status != 1 || !strings.Contains(stderr.String(), "sum") {
		t.Errorf("a flipped byte: status %d\n%s%s", status, stdout, stderr)
	}
}

func TestInspectComplains(t *testing.T) {
	for args, want := range map[string]struct {
		status int
		words  string
	}{
		"inspect":                     {2, "name a kind: journal, log, meta, snapshot, stream"},
		"inspect tea":                 {2, `unknown kind "tea"`},
		"inspect journal":             {2, "got 0 paths, want one"},
		"inspect journal /no":         {1, "inspect journal /no: no such file"},
		"inspect journal engine":      {1, "engine: no journal"},
		"inspect log":                 {2, "got 0 paths, want one"},
		"inspect log a b":             {2, "got 2 paths, want one"},
		"inspect log /absent":         {1, "inspect log /absent: no such file"},
		"inspect log main.go":         {1, "main.go"},
		"inspect log --repair x":      {2, "unknown flag"},
		"inspect meta":                {2, "got 0 paths, want one"},
		"inspect meta /no":            {1, "inspect meta /no: no such file"},
		"inspect meta inspect.go":     {1, "the store is damaged: inspect.go"},
		"inspect snapshot":            {2, "got 0 paths, want one"},
		"inspect snapshot /no":        {1, "inspect snapshot /no: no such file"},
		"inspect snapshot go":         {1, "inspect snapshot go: no such file"},
		"inspect snapshot inspect.go": {1, "inspect.go"},
	} {
		a, _, stderr := fakeApp(counts)
		if status := a.main(strings.Fields(args)); status != want.status || !strings.Contains(stderr.String(), want.words) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: status %d, %q; want %d with %q", args, status, stderr, want.status, want.words)
		}
	}
}

func TestInspectSnapshot(t *testing.T) {
	dir := t.TempDir()
	store, err := snapshot.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := snapshot.OpenChain(snapshot.Config{Store: store, Job: 7, Task: 2})
	if err == nil {
		_, err = chain.Write(5, &snapshot.Image{Extra: []byte("what a task keeps")})
	}
	if err = errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	a, stdout, stderr := fakeApp(counts)
	if status := a.main([]string{"inspect", "snapshot", dir}); status != 0 || !strings.Contains(stdout.String(), "job 0000000000000007 task 2 tick 5, full") {
		t.Errorf("inspect snapshot %s: status %d\n%s%s", dir, status, stdout, stderr)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.snap"))
	if err != nil || len(names) != 1 {
		t.Fatalf("snapshot files %q, %v; want one", names, err)
	}
	if err := os.Truncate(names[0], 100); err != nil {
		t.Fatal(err)
	}
	a, stdout, stderr = fakeApp(counts)
	if status := a.main([]string{"inspect", "snapshot", names[0]}); status != 1 || !strings.Contains(stderr.String(), filepath.Base(names[0])) {
		t.Errorf("a file cut short: status %d\n%s%s", status, stdout, stderr)
	}
}

func TestInspectMeta(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	store, err := meta.OpenBolt(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, err = meta.TakeOver(store, meta.Identity{Job: "flights", Plan: 1, Schema: 2, Nodes: 3, Stages: 4})
	if err != nil {
		t.Fatal(err)
	}
	a, _, stderr := fakeApp(counts)
	if status := a.main([]string{"inspect", "meta", path}); status != 1 || !strings.Contains(stderr.String(), "the store is in use: "+path) {
		t.Errorf("a store that is open: status %d, %s", status, stderr)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Dir(path)} {
		a, stdout, stderr := fakeApp(counts)
		if status := a.main([]string{"inspect", "meta", path}); status != 0 || !strings.Contains(stdout.String(), `job "flights"`) {
			t.Errorf("%s: status %d\n%s%s", path, status, stdout, stderr)
		}
	}
}

// A journal is inspected by its own folder, with all others of a data directory, and of its folder journal.
func TestInspectJournals(t *testing.T) {
	dir := t.TempDir()
	for stage := range 2 {
		j, _, err := journal.Open(journal.Config{Dir: filepath.Join(dir, "journal", fmt.Sprintf("%d-0", stage)), Job: 7, Stage: stage, Incarnation: 1})
		if err == nil {
			_, err = j.Append(journal.Record{First: 9, Last: frame.MaxTick})
		}
		if err = errors.Join(err, j.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "journal"), filepath.Join(dir, "journal", "1-0")} {
		a, stdout, stderr := fakeApp(counts)
		status, out := a.main([]string{"inspect", "journal", path}), stdout.String()
		if first := strings.Contains(out, "stage 0, node 0"); status != 0 || !strings.Contains(out, "stage 1, node 0") || first == strings.HasSuffix(path, "1-0") ||
			!strings.Contains(out, "ticks 9 to the last") {
			t.Errorf("%s: status %d\n%s%s", path, status, out, stderr)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "journal", "0-0", "00000001.journal"), 10); err != nil {
		t.Fatal(err)
	}
	a, stdout, stderr := fakeApp(counts)
	if status := a.main([]string{"inspect", "journal", dir}); status != 1 || !strings.Contains(stderr.String(), "0-0: no journal") || !strings.Contains(stdout.String(), "stage 1") {
		t.Errorf("a segment cut short: status %d\n%s%s", status, stdout, stderr)
	}
}
