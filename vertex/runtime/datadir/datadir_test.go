package datadir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	stdruntime "runtime"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/ops"
	"github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

const (
	testRows = 60_000
	testKeys = 5_000
)

// counting is a job that counts rows by key in one window, which ends with the input.
func counting(t *testing.T) (*runtime.Plan, *vertextest.MemoryOutput) {
	t.Helper()
	in := &batch.Schema{Fields: []batch.Field{{Name: "k", Kind: batch.Int64}}}
	rows := batch.NewBuilder(in)
	for i := range int64(testRows) {
		rows.AppendTime(i, 0, 0)
		rows.Cols[0].AppendInt64(i * 7 % testKeys)
	}
	cfg := ops.WindowConfig{Input: in, Keys: []int{0}, SizeUs: 1e12, Aggregates: []ops.Aggregate{{Func: ops.Count, Name: "n"}}}
	schema, err := cfg.Output()
	if err != nil {
		t.Fatal(err)
	}
	out := vertextest.NewMemoryOutput(schema)
	return &runtime.Plan{Job: "count", Stages: []runtime.Stage{{
		Name: "count", SourceName: "rows", Tasks: 1, Source: &vertextest.MemorySource{Rows: []*batch.Batch{rows.View()}, MaxRead: 300},
		Sink: func(resume []byte, wake func()) (vertex.Sink, error) { return out.Open(resume, wake) },
		Ops: []runtime.Op{{Name: "count", Schema: schema, Inputs: []runtime.Input{{Kind: runtime.FromSource}},
			New: func(e runtime.Env) (vertex.Vertex, error) { return ops.NewWindow(cfg, e.Pages) }}},
	}}}, out
}

// life runs the job from an image until so many images are saved, or then to its end. It returns the ticks of the images that count.
func life(t *testing.T, dir string, p *runtime.Plan, n frame.Incarnation, restore frame.Tick, images int, end bool) (ticks []frame.Tick, err error) {
	t.Helper()
	d, r, err := Open(Config{Dir: dir, Job: 1, Plan: p, Nodes: 1, Incarnation: n, Warn: func(err error) { t.Error(err) }}, []frame.Tick{restore})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	wake, taken, save := make(chan struct{}, 1), 0, r.Save
	last, marked := restore, restore
	r.Save = func(stage int, at frame.Tick, im snapshot.Image) {
		taken, last = taken+1, at
		save(stage, at, im)
	}
	w, err := runtime.NewWorker(runtime.Config{
		Plan: p, JobID: 1, Nodes: 1, Cores: 1, Incarnation: n, Schedule: runtime.Schedule{Bytes: 2048}, Admission: runtime.Admission{Ticks: 4, Bytes: 1 << 20},
		FrameBytes: 4096, CreditBytes: 1 << 16, LeaseBytes: 1 << 16, Arena: arena, Pages: func(int) state.Pages { return state.NewHeapPages(0) },
		Nanotime: func() int64 { return 0 }, WakePeer: func(frame.NodeID) {}, Fail: func(err error) { t.Error(err) }, Recovery: r,
		Wake: func(int) {
			select {
			case wake <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	patience, over := context.WithTimeout(t.Context(), time.Minute)
	defer over()
	for !w.Done() {
		if patience.Err() != nil {
			return nil, fmt.Errorf("no end after a minute: %+v, saved %+v, waiting for the image after tick %d", w.Progress(), d.Saved(), last)
		}
		if saved := d.Saved(); last > 0 && (len(saved) == 0 || saved[len(saved)-1].Tick < last) {
			stdruntime.Gosched() // the image is being written
			continue
		}
		if taken == images && !end {
			break
		}
		if taken < images && marked <= last {
			marked = w.Progress().Opened + 2
			w.Mark(marked)
		}
		if worked, err := w.Core(0).Step(1); err != nil {
			return nil, err
		} else if !worked && !w.Done() {
			select {
			case <-wake:
			case <-patience.Done():
			}
		}
	}
	for _, s := range d.Saved() {
		if s.Err != nil {
			t.Error(s.Err)
		}
		ticks = append(ticks, s.Tick)
	}
	return ticks, nil
}

func entries(t *testing.T, dir string) []snapshot.Entry {
	t.Helper()
	store, err := snapshot.OpenDir(filepath.Join(dir, "snapshots"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	all, err := snapshot.Snapshots(store, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A job goes on from increments as it would from a full image, and from the image before if a page of the newest is damaged.
func TestRestartFromIncrements(t *testing.T) {
	dir := t.TempDir()
	p, out := counting(t)
	ticks, err := life(t, dir, p, 1, 0, 5, false)
	if err != nil || len(ticks) < 3 {
		t.Fatalf("images after ticks %d: %v", ticks, err)
	}
	all := entries(t, dir)
	newest := all[len(all)-1]
	if !all[0].Full || newest.Full {
		t.Fatalf("got images %+v, want a full one and increments", all)
	}
	damagePage(t, filepath.Join(dir, "snapshots"), newest.File)
	var unreadable *UnreadableError
	if _, err := life(t, dir, p, 2, newest.Tick, 1, false); !errors.As(err, &unreadable) || unreadable.Tick != newest.Tick {
		t.Fatalf("restart from a damaged page: %v", err)
	}
	if _, err := life(t, dir, p, 3, ticks[len(ticks)-2], 10, true); err != nil {
		t.Fatal(err)
	}
	got := out.Rows.View()
	if got.N != testKeys || !out.Finished {
		t.Fatalf("%d groups, want %d", got.N, testKeys)
	}
	for i, n := range got.Cols[1].Int64s() {
		if n != testRows/testKeys {
			t.Fatalf("group %d has %d rows, want %d", i, n, testRows/testKeys)
		}
	}
}

// damagePage flips a bit in the middle of a file, where pages are.
func damagePage(t *testing.T, root, file string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "*", "*", file))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q: %v", found, err)
	}
	b, err := os.ReadFile(found[0])
	if err == nil {
		b[len(b)/2] ^= 1
		err = os.WriteFile(found[0], b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mutedStore answers nothing but an error.
type mutedStore struct {
	Store
	err error
}

func (s mutedStore) Load(string) ([]byte, snapshot.Version, error) { return nil, "", s.err }
func (s mutedStore) Close() error                                  { return nil }

// Only what a store says of an image makes it one that cannot be read. That it does not answer, or refuses, says nothing.
func TestStoreThatDoesNotTell(t *testing.T) {
	for _, c := range []struct {
		err        error
		unreadable bool
	}{{snapshot.ErrUnavailable, false}, {errors.New("status 403"), false}, {snapshot.ErrNotFound, true}, {snapshot.ErrDamaged, true}} {
		p, _ := counting(t)
		_, _, err := Open(Config{Dir: t.TempDir(), Job: 1, Plan: p, Nodes: 1, Incarnation: 1, Store: mutedStore{err: c.err}}, []frame.Tick{7})
		var unreadable *UnreadableError
		if errors.As(err, &unreadable) != c.unreadable || !errors.Is(err, c.err) {
			t.Errorf("%v: got %v, want an image that cannot be read: %v", c.err, err, c.unreadable)
		}
	}
}
