package meta_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/control/meta/metatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	metatest.Run(t, func(*testing.T) (meta.Store, func(meta.Store) meta.Store) {
		return meta.NewMemory(), func(s meta.Store) meta.Store { return s.(*meta.Memory).Reopen() }
	})
}

func openBolt(t *testing.T, path string) *meta.Bolt {
	t.Helper()
	b, err := meta.OpenBolt(path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBolt(t *testing.T) {
	metatest.Run(t, func(t *testing.T) (meta.Store, func(meta.Store) meta.Store) {
		path := filepath.Join(t.TempDir(), "meta.db")
		return openBolt(t, path), func(s meta.Store) meta.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return openBolt(t, path)
		}
	})
}

func TestMemoryFaults(t *testing.T) {
	for fault, want := range map[meta.Fault]int{meta.FailBefore: 0, meta.FailAfter: 1} {
		m := meta.NewMemory()
		m.Fault = func() meta.Fault { return fault }
		if err := m.Swap(meta.Pair{Key: "k"}, []meta.Pair{{Key: "k", Value: []byte("v")}}); err == nil || errors.Is(err, meta.ErrGuard) {
			t.Errorf("fault %d: got %v", fault, err)
		}
		if pairs, err := m.Load(); err != nil || len(pairs) != want {
			t.Errorf("fault %d: got %s, %v, want %d pairs", fault, pairs, err, want)
		}
	}
}

func TestInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meta.db")
	b := openBolt(t, path)
	for name, open := range map[string]func(string, time.Duration) (*meta.Bolt, error){"write": meta.OpenBolt, "read": meta.ReadBolt} {
		_, err := open(path, time.Millisecond)
		if !errors.Is(err, meta.ErrInUse) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %v and the path", name, err, meta.ErrInUse)
		}
		// In some sandboxes the kernel's list of locks is empty or absent; where it names anybody it is this process.
		if err != nil && !strings.Contains(err.Error(), "another process") && !strings.Contains(err.Error(), "process "+pid()) {
			t.Errorf("%s: got %v, want process %s", name, err, pid())
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openBolt(t, path).Close(); err != nil {
		t.Error(err)
	}
}

func TestWordsForOthers(t *testing.T) {
	mine := meta.Identity{Job: "flights", Settings: "--out \"a b\"\n--tasks 4", Plan: 0xabc, Schema: 1, Nodes: 3, Stages: 5}
	s := meta.NewMemory()
	if _, err := meta.TakeOver(s, mine); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*meta.Identity)
		want   string
	}{
		{func(o *meta.Identity) { o.Job = "count" }, `job: it was begun with "flights", this run has "count"`},
		{func(o *meta.Identity) { o.Plan = 0xdef }, "plan: it was begun with 0000000000000abc of 5 stages, this run has 0000000000000def of 5 stages"},
		{func(o *meta.Identity) { o.Schema = 2 }, "schema: it was begun with 0000000000000001, this run has 0000000000000002"},
		{func(o *meta.Identity) { o.Settings = "--out \"a b\"\n--tasks 5" }, "--tasks: it was begun with 4, this run has 5; give it as it was, name another"},
		{func(o *meta.Identity) { o.Settings = "--out \"c\"\n--tasks 4" }, `--out: it was begun with "a b", this run has "c"; give it as it was, name another`},
		{func(o *meta.Identity) { o.Settings += "\n--more 1" }, "--more: it was begun with none, this run has 1"},
		{func(o *meta.Identity) { o.Settings = "--out \"a b\"" }, "--tasks: it was begun with 4, this run has none"},
		{func(o *meta.Identity) { o.Nodes = 2 }, "workers: it was begun with 3, this run has 2"},
	} {
		other := mine
		c.change(&other)
		if _, err := meta.Load(s, other); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// TestDamagedFiles cuts and changes a store's file wherever it hurts: every opening and reading ends in words, or in the whole truth.
func TestDamagedFiles(t *testing.T) {
	id := meta.Identity{Job: "flights", Plan: 1, Schema: 1, Nodes: 2, Stages: 2}
	dir := t.TempDir()
	path := filepath.Join(dir, "meta.db")
	b := openBolt(t, path)
	rec, err := meta.TakeOver(b, id)
	if err == nil {
		err = meta.Commit(b, control.Txn{Epoch: rec.Epoch, Mark: 5, Register: []control.Registration{{Node: 0, Incarnation: 3}, {Node: 1, Incarnation: 9}}})
	}
	if err = errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	damaged := map[string][]byte{"one byte": {7}, "empty of pages": make([]byte, len(whole)), "no store": []byte(strings.Repeat("hello world\n", page))}
	for n := page / 2; n < len(whole); n += page / 2 {
		damaged["cut"+string(rune('0'+n*2/page))] = whole[:n]
	}
	for i := range len(whole) / page {
		b := append([]byte(nil), whole...)
		for j := range page {
			b[i*page+j] ^= 0x55
		}
		damaged["page"+string(rune('0'+i))] = b
	}
	for name, content := range damaged {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := meta.ReadBolt(path, time.Millisecond)
		if err != nil {
			if !errors.Is(err, meta.ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: got %v, want %v and the path", name, err, meta.ErrDamaged)
			}
			continue
		}
		got, err := meta.Load(b, id)
		if err == nil && got.Epoch != 0 && (got.Epoch != rec.Epoch || got.Incarnations[1] != 9) {
			// A whole page of the pair of headers may be lost: then the state before the last change is read.
			if got.Mark != 0 {
				t.Errorf("%s: silently read %+v", name, got)
			}
		}
		if err := b.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNoPlace opens stores where none can be.
func TestNoPlace(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe, filepath.Join(dir, "no", "meta.db")} {
		if _, err := meta.OpenBolt(path, time.Millisecond); err == nil || errors.Is(err, meta.ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want what is there, and the path", path, err)
		}
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := meta.ReadBolt(empty, time.Millisecond); err == nil {
		t.Error("an empty file can be read")
	}
}

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "meta.db")
	var out strings.Builder
	if err := meta.Inspect(path, &out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
	b := openBolt(t, path)
	rec, err := meta.TakeOver(b, meta.Identity{Job: "flights", Settings: "--tasks 4", Plan: 0xabc, Schema: 0xd, Nodes: 2, Stages: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := meta.Inspect(path, &out); !errors.Is(err, meta.ErrInUse) {
		t.Errorf("open: got %v", err)
	}
	err = meta.Commit(b, control.Txn{
		Epoch: rec.Epoch, Mark: 30, Schedule: control.TickRule{LengthNs: 5e6}.Schedule(7), Register: []control.Registration{{Node: 1, Incarnation: 4}},
		Bases: []control.UnitBase{{Unit: control.Unit{Stage: 2, Node: 1}, Base: control.Base{Base: 30, Prev: 20}}},
	})
	if err = errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := meta.Inspect(path, &out); err != nil {
		t.Fatal(err)
	}
	want := `format 2, job "flights", plan 0000000000000abc, schema 000000000000000d, 3 stages on 2 nodes
epoch 1, output open, newest mark 30
--tasks 4
ticks from 1 on: 5ms each, since 1970-01-01T00:00:00.000000007Z
node 0: incarnation 0
node 1: incarnation 4
stage 2 on node 1: base 30, before it 20
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed, or %v", err)
	}
}

func pid() string { return strconv.Itoa(os.Getpid()) }
