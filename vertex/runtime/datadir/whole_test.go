package datadir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// A journal that was removed, or cut off before the tick that a unit restarts at, is not taken for one that just ends there.
func TestJournalThatEndsTooEarly(t *testing.T) {
	dir := t.TempDir()
	p, _ := counting(t)
	ticks, err := life(t, dir, p, 1, 0, 3, false)
	if err != nil || len(ticks) < 2 {
		t.Fatalf("images after ticks %d: %v", ticks, err)
	}
	newest := ticks[len(ticks)-1]
	incarnation := frame.Incarnation(1)
	open := func(need frame.Tick) error {
		incarnation++
		d, r, err := Open(Config{Dir: dir, Job: 1, Plan: p, Nodes: 1, Incarnation: incarnation, Needs: [][]frame.Tick{{need}}}, []frame.Tick{newest})
		if err != nil {
			t.Fatal(err)
		}
		j, _, err := r.Journal(0, func() {})
		if err == nil {
			err = j.Close()
		}
		return errors.Join(err, d.Close())
	}
	if err := open(ticks[0]); err != nil {
		t.Fatalf("as it was left: %v", err)
	}
	folder := filepath.Join(dir, "journal", "0-0")
	first := filepath.Join(folder, "00000001.journal")
	for name, hurt := range map[string]func() error{
		"cut off":     func() error { return os.Truncate(first, 200) },
		"without any": func() error { return os.RemoveAll(folder) },
	} {
		if err := os.RemoveAll(filepath.Join(folder, "00000002.journal")); err != nil { // what opening it has begun
			t.Fatal(err)
		}
		if err := hurt(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := open(ticks[0]); !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), "journal/0-0: ") {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if begun, err := os.ReadDir(folder); err != nil || len(begun) > 1 || len(begun) == 1 && begun[0].Name() != filepath.Base(first) {
			t.Errorf("%s: %v was written beside what is to be put back, %v", name, begun, err)
		}
		if err := open(newest); err != nil {
			t.Errorf("%s, and trimmed as far: %v", name, err)
		}
	}
}

// What a source had closed follows from who reads it, at whatever distance, and from nobody else.
func TestReached(t *testing.T) {
	p := &runtime.Plan{Stages: make([]runtime.Stage, 4), Edges: []runtime.Edge{{From: 0, To: 1}, {From: 1, To: 2}}}
	for i := range p.Stages {
		p.Stages[i].Tasks, p.Stages[i].FirstTask = 1+i%2, frame.TaskID(2*i)
	}
	far := frame.MaxTick // where a stage has no tasks
	d := &Dir{cfg: Config{Plan: p, Nodes: 2, Needs: [][]frame.Tick{{3, far}, {5, 4}, {8, far}, {20, 30}}}, restore: []frame.Tick{6, 7, 9, 20}}
	for stage, want := range []frame.Tick{8, 8, 9, 30} {
		if got := d.reached(stage); got != want {
			t.Errorf("stage %d: got %d, want %d", stage, got, want)
		}
	}
}
