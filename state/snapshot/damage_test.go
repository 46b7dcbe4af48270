package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stored is a folder with a full snapshot of tick 1 and an increment of tick 2.
func stored(t *testing.T) (dir string, s *Dir, entries []Entry) {
	t.Helper()
	dir = t.TempDir()
	s = openStore(t, dir)
	c, k := openTask(t, s, 0), newTask(t)
	for tick := frame.Tick(1); tick <= 2; tick++ {
		k.execute(t, tick, 8)
		if _, err := k.snap(t, c, tick); err != nil {
			t.Fatal(err)
		}
	}
	return dir, s, c.Snapshots()
}

func rewrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every file of a chain, with a bit flipped anywhere or cut anywhere, is named and refused.
func TestDamagedFilesAreNamedAndRefused(t *testing.T) {
	dir, s, entries := stored(t)
	for _, name := range []string{entries[0].File, entries[1].File, manifestName} {
		path := filepath.Join(dir, folder(9, 3), name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(good)/400)
		for at := 0; at < len(good); at += step {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << (at % 8)
			for what, b := range map[string][]byte{fmt.Sprintf("bit %d of byte %d flipped", at%8, at): bad, fmt.Sprintf("cut to %d bytes", at): good[:at]} {
				rewrite(t, path, b)
				if err := Inspect(path, io.Discard); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name) {
					t.Fatalf("%s of %d, %s: inspect says %v", name, len(good), what, err)
				}
				// A restore does not read what a later file of the chain replaces.
				if _, err := load1(s, t, entries[1].Tick); name != entries[0].File && (err == nil || !strings.Contains(err.Error(), name)) {
					t.Fatalf("%s of %d, %s: load says %v", name, len(good), what, err)
				}
				if _, err := load1(s, t, entries[0].Tick); name == entries[0].File && (err == nil || !strings.Contains(err.Error(), name)) {
					t.Fatalf("%s of %d, %s: load of tick 1 says %v", name, len(good), what, err)
				}
			}
		}
		rewrite(t, path, good)
	}
	if err := Inspect(dir, io.Discard); err != nil {
		t.Fatal(err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	dir, s, entries := stored(t)
	other := filepath.Join(dir, folder(9, 4))
	if err := os.MkdirAll(other, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, folder(9, 3), manifestName))
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(other, manifestName), b)
	if _, err := Load(s, 9, 4, 1); err == nil || !strings.Contains(err.Error(), "manifest of job 9 task 3, want job 9 task 4") {
		t.Errorf("a manifest of another task: %v", err)
	}
	first, err := os.ReadFile(filepath.Join(dir, folder(9, 3), entries[0].File))
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(dir, folder(9, 3), entries[1].File), first)
	if _, err := Load(s, 9, 3, 2); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), entries[1].File) {
		t.Errorf("a file of another tick: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, folder(9, 3), entries[0].File)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(s, 9, 3, 1); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), entries[0].File) {
		t.Errorf("a file that is missing: %v", err)
	}
}

func TestOpenDirRefusesFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	rewrite(t, path, nil)
	if _, err := OpenDir(filepath.Join(path, "below")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a directory below a file: %v", err)
	}
}

// Snapshots are written in the background, in order; what there is no room for is skipped, and the next one is whole again.
func TestWriter(t *testing.T) {
	s := openStore(t, t.TempDir())
	c, k := openTask(t, s, 0), newTask(t)
	blocked, reached := make(chan struct{}), make(chan struct{})
	outcomes := make(chan error, 8)
	w := NewWriter(1)
	submit := func(tick frame.Tick, wait bool) ([]byte, error) {
		k.execute(t, tick, 30)
		return k.value(), w.Submit(Work{Chain: c, Tick: tick, Image: *k.image(t), Done: func(e Entry, err error) {
			if wait {
				close(reached)
				<-blocked
			}
			outcomes <- err
		}})
	}
	want := map[frame.Tick][]byte{}
	var err error
	if want[1], err = submit(1, true); err != nil {
		t.Fatal(err)
	}
	<-reached
	if want[2], err = submit(2, false); err != nil {
		t.Fatal(err)
	}
	if _, err = submit(3, false); !errors.Is(err, ErrBusy) {
		t.Fatalf("a third snapshot: %v, want %v", err, ErrBusy)
	}
	close(blocked)
	for range 2 {
		if err := <-outcomes; err != nil {
			t.Fatal(err)
		}
	}
	if want[4], err = submit(4, false); err != nil {
		t.Fatal(err)
	}
	w.Close()
	w.Close()
	if _, err := submit(5, false); !errors.Is(err, ErrClosed) {
		t.Fatalf("after Close: %v, want %v", err, ErrClosed)
	}
	for tick, value := range want {
		wantLoads(t, s, tick, value)
	}
	if n := len(c.Snapshots()); n != 3 {
		t.Fatalf("%d snapshots, want 3", n)
	}
}

func TestInspectPrints(t *testing.T) {
	dir, _, entries := stored(t)
	var out bytes.Buffer
	if err := Inspect(dir, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"job 9 task 3 tick 1, full", "increment on tick 1", "part 7: all pages", "part 1: changed pages", "commit 3, 2 snapshots",
		"tick 2: " + entries[1].File + ", 2 files, 2 parts", "3 snapshot files and manifests"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	if err := Inspect(filepath.Join(dir, "absent"), io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a path that is not there: %v", err)
	}
}

func FuzzScan(f *testing.F) {
	k := newTask(f)
	k.execute(f, 1, 4)
	im := k.image(f)
	var b bytes.Buffer
	if _, _, err := encodeFile(bufio.NewWriter(&b), header{Job: 9, Task: 3, Tick: 1}, im, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, contents := range []bool{true, false} {
			got, err := scan(memObject{bytes.NewReader(b)}, contents)
			if err == nil && (got.size != uint64(len(b)) || len(got.index) != int(got.parts)) {
				t.Fatalf("%d bytes with %d parts were taken for %d with %d", len(b), len(got.index), got.size, got.parts)
			}
		}
		if m, err := decodeManifest(b); err == nil {
			if _, err := m.encode(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
