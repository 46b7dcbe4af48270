package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/objective"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

func statusFolder(t *testing.T, s *control.Status) string {
	t.Helper()
	dir := t.TempDir()
	text, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "status.json"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestJobViews(t *testing.T) {
	unit := control.UnitName{Stage: "sink", Node: 2}
	dir := statusFolder(t, &control.Status{
		Version: control.StatusVersion, Job: "flights", PID: 4711, Phase: "running", Outcome: "open", TickNs: 5e6, SnapshotIntervalNs: 2e9, LeaseNs: 3e9,
		Oldest: control.OldestBase{Base: 1200, Behind: 250, Unit: unit, Why: "its image after tick 1450 could not be saved: no space left"},
		Stages: []control.StageStatus{{Name: "sink", Nodes: []frame.NodeID{2}, Strategy: "checkpoint", ImageBytes: 4096, Expected: control.Expected{StartNs: 2e8, ReplayNs: 3e8, Ticks: 60}}},
		Units:  []control.UnitStatus{{UnitName: unit, Base: 1200, Prev: 1100, Executed: frame.MaxTick, Journal: &control.HeldJournal{Bytes: 2048}, Failed: "no space left"}},
	})
	for args, want := range map[string][]string{
		"retention":        {"job flights", "not running", "oldest base: tick 1200, 250 ticks", "stage sink on node 2: its image after tick 1450 could not be saved", "reads again from tick 1100"},
		"explain":          {"ticks of 5ms; images every 2s", "stage sink, on node 2: strategy checkpoint", "about 500ms to come back", "no loss was measured yet", "its loss is not survived"},
		"retention --json": {`"alive": false`, `"job": "flights"`, `"behind": 250`},
	} {
		a, stdout, stderr := fakeApp(counts)
		if status := a.main(append(strings.Fields("job "+args), "--data-dir", dir)); status != 0 {
			t.Fatalf("%s: status %d: %s", args, status, stderr)
		}
		for _, words := range want {
			if !strings.Contains(stdout.String(), words) {
				t.Errorf("%s: no %q in\n%s", args, words, stdout)
			}
		}
	}
}

// Of a journal it is told where it lies, and why its source waits.
func TestJobViewsOfJournals(t *testing.T) {
	unit := func(node frame.NodeID, j control.HeldJournal, at ...control.JournalMember) control.UnitStatus {
		return control.UnitStatus{UnitName: control.UnitName{Stage: "in", Node: node}, Prev: 70, Journal: &j, JournalAt: at}
	}
	var s seen
	s.alive, s.Status = true, &control.Status{
		Stages: []control.StageStatus{{Name: "in", Source: true, Nodes: []frame.NodeID{0, 1, 2, 3}}, {Name: "out"}},
		Units: []control.UnitStatus{
			unit(0, control.HeldJournal{Bytes: 2048, Waiting: 1 << 10}), unit(1, control.HeldJournal{Bytes: 4096, Waiting: 16 << 20, Full: true}),
			unit(2, control.HeldJournal{Bytes: 8192, AtPeers: true}), unit(3, control.HeldJournal{Bytes: 9216, AtPeers: true, Full: true}, control.JournalMember{Node: 1}, control.JournalMember{Node: 2}),
		},
	}
	var retention, explain strings.Builder
	showRetention(&retention, s)
	showExplain(&explain, s)
	const disk = "it is full: the source takes no rows until the disk has taken more of the 16 MiB that wait\n"
	const peers = "it is full: the source takes no rows until images let what is kept be trimmed\n"
	wantWords(t, retention.String(), []string{
		"journal on disk: 2 KiB, 0 records, ticks 0..0; held for the stage itself, which reads again from tick 70\n    1 KiB more wait to be written\n", disk, peers,
		"journal at peers, of which none has it yet: 8 KiB", "journal in the memory of node 1 and node 2: 9 KiB",
	})
	wantWords(t, explain.String(), []string{
		"journal of node 0 on disk, 2 KiB: a tick is closed", disk, "journal of node 2 at peers, of which none has it yet, 8 KiB",
		"journal of node 3 in the memory of node 1 and node 2, 9 KiB: a tick is closed when its record is durable\n    it is lost only together with the worker and all of them", peers,
	})
}

func wantWords(t *testing.T, text string, all []string) {
	t.Helper()
	for _, words := range all {
		if !strings.Contains(text, words) {
			t.Errorf("no %q in\n%s", words, text)
		}
	}
}

// A run that has ended holds nothing, and waits for nothing.
func TestJobViewsOfAFinishedRun(t *testing.T) {
	var s seen
	s.Status = &control.Status{
		Outcome: control.OutputVisible.String(), Oldest: control.OldestBase{Why: "it waits"},
		Stages: []control.StageStatus{{Name: "in", Expected: control.Expected{StartNs: 1e9}}},
		Units: []control.UnitStatus{
			{UnitName: control.UnitName{Stage: "in"}, Why: "it waits", Journal: &control.HeldJournal{Bytes: 2048, Full: true}, Images: control.HeldImages{Count: 3, Bytes: 4096}},
			{UnitName: control.UnitName{Stage: "out"}, Why: "it waits"},
		},
	}
	var out strings.Builder
	showRetention(&out, s)
	wantWords(t, out.String(), []string{"its output is there, and the directory may be removed\n", "nothing is held any more", "stage in on node 0: a journal of 2 KiB, 3 images of 4 KiB\n"})
	showExplain(&out, s)
	for _, words := range []string{"wait", "if lost now", "full"} {
		if strings.Contains(out.String(), words) {
			t.Errorf("of a run that has ended: %q in\n%s", words, out.String())
		}
	}
	s.Stages[0].Edges = []control.EdgeStatus{{Policy: shuffle.Policy{Keep: shuffle.Persist}}}
	out.Reset()
	showRetention(&out, s)
	wantWords(t, out.String(), []string{"the directory may be removed, but for what edges have carried"})
}

// Copies, and what is persisted, are told of with how far they are behind.
func TestJobViewsOfCopies(t *testing.T) {
	behind := control.HeldCopy{Edge: 3, Node: 2, Peer: 1, Linked: true, LagBytes: 4096, LagTicks: 7, Gaps: 2}
	late := control.HeldStream{Edge: 4, Through: 100, Whole: 110, Bytes: 8192, Frames: 12}
	var s seen
	s.alive, s.Status = true, &control.Status{
		Stages:  []control.StageStatus{{Name: "a", Edges: []control.EdgeStatus{{ID: 3, To: "b", Links: true, Lag: &behind, Stream: &late, Policy: shuffle.Policy{Keep: shuffle.Persist, For: time.Hour}}}}},
		Logs:    []control.LogStatus{{Edge: 3, ToNode: 2, Bytes: 1 << 20, Copies: []control.HeldCopy{behind, {Peer: 0}, {Peer: 3, Linked: true}}}},
		Workers: []control.WorkerStatus{{Streams: []control.HeldStream{late, {Edge: 5, Through: 9, Whole: 9}}, StreamsFailing: "disk full", CopyBytes: 8192, ServedBytes: 1 << 20, ServedTicks: 90, StoreAwayNs: 42e9}},
	}
	var out strings.Builder
	showRetention(&out, s)
	showExplain(&out, s)
	for _, words := range []string{
		"copies at node 1, which is 4 KiB behind, of 7 ticks; it fell behind 2 times", "copies at node 0, which is not reached\n", "copies at node 3, which has everything\n",
		"copies for others take 8 KiB of memory; when it began, it had 1 MiB of 90 ticks back from others", "furthest behind: copies at node 1",
		"edge 4: persisted up to tick 100, closed up to 110; 8 KiB in 12 frames wait in the logs\n", "edge 5: persisted up to tick 9: everything\n",
		"the store fails, and is tried again: disk full\n", "persisted up to tick 100, closed up to 110; 8 KiB in 12 frames wait in the logs on the node where",
		"persist=1h0m0s: as retain, and written to the snapshot store, where it stays for 1h0m0s at least; within a node",
		"worker 0 cannot start: its snapshot store has not answered for 42s; starts are repeated, and count as failures after 5m0s",
	} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("no %q in\n%s", words, out.String())
		}
	}
}

// Whatever lies in the file, nothing but text reaches the terminal.
func TestJobViewsOfHostileStatus(t *testing.T) {
	dir := statusFolder(t, &control.Status{
		Version: control.StatusVersion, Job: "\x1b]0;owned\a\u009b31m", UnixNs: -1 << 63, TickBytes: -5, SnapshotIntervalNs: -1, LeaseNs: -1 << 63,
		Stages:   []control.StageStatus{{Name: "a\r\tb", Expected: control.Expected{StartNs: 1 << 62, ReadNs: 1 << 62}}},
		Observed: control.Recovered{Count: 1, ReplayNs: 1, Replayed: 1 << 63},
		Choice: &objective.Choice{
			IntervalWhy: "\x1b[2J", Estimate: objective.Estimate{GapNs: -1 << 63, ImageBytesPerS: -1e300, DiskBytes: 1e300},
			Stages: []objective.StageChoice{{Stage: "\u009b", Why: "\r"}}, Edges: []objective.EdgeChoice{{From: "\a", Why: "\t"}},
		},
	})
	for _, name := range []string{"retention", "explain", "retention --json"} {
		a, stdout, stderr := fakeApp(counts)
		if status := a.main(append(strings.Fields("job "+name), "--data-dir", dir)); status != 0 {
			t.Fatalf("%s: status %d: %s", name, status, stderr)
		}
		if i := strings.IndexFunc(stdout.String(), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }); i >= 0 {
			t.Errorf("%s: byte %#x at %d", name, stdout.String()[i], i)
		}
	}
}

func TestJobComplains(t *testing.T) {
	for args, want := range map[string]struct {
		status int
		words  string
	}{
		"job":                              {2, "name a command: retention, explain"},
		"job tea":                          {2, `unknown command "tea"`},
		"job retention":                    {2, "--data-dir DIR"},
		"job explain x":                    {2, "unknown command"},
		"job explain --data-dir /no":       {1, "job explain: stat /no: no such file or directory; name the --data-dir of a run"},
		"job retention --data-dir job.go":  {1, "job.go is a file"},
		"job retention --data-dir options": {1, "no status.json in it"},
	} {
		a, _, stderr := fakeApp(counts)
		if status := a.main(strings.Fields(args)); status != want.status || !strings.Contains(stderr.String(), want.words) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: status %d, %q; want %d with %q", args, status, stderr, want.status, want.words)
		}
	}
}
