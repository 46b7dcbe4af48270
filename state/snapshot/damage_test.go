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
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
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

// A file of another version is refused as such, however it ends.
func TestOtherVersionsAreNamed(t *testing.T) {
	h := header{Job: 9, Task: 3, Tick: 1}
	b := h.encode()
	le.PutUint32(b[8:], fileVersion-1)
	le.PutUint64(b[56:], xxhash.Sum64(b[:56]))
	for _, after := range []int{0, 10, 1000} {
		_, err := scan(memObject{bytes.NewReader(append(b[:headerBytes:headerBytes], make([]byte, after)...))})
		if err == nil || !strings.Contains(err.Error(), "version 2, want 3") {
			t.Errorf("%d bytes after the header: %v", after, err)
		}
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
	if _, err := Load(s, 9, 4, 1); err == nil || !strings.Contains(err.Error(), "manifest of job 0000000000000009 task 3, want job 0000000000000009 task 4") {
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
	w := NewWriter(1, Retry{})
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

// flaky is a store whose next calls that change something fail, as often as it says; a Swap that fails was done.
type flaky struct {
	Store
	creates, swaps int
	err            error
}

func (f *flaky) Create(name string, write func(io.Writer) error) error {
	if f.creates > 0 {
		f.creates--
		return f.err
	}
	return f.Store.Create(name, write)
}

func (f *flaky) Swap(name string, old Version, data []byte) (Version, error) {
	v, err := f.Store.Swap(name, old, data)
	if f.swaps > 0 && err == nil {
		f.swaps--
		return "", f.err
	}
	return v, err
}

// What fails for a while is written in the end, by the same image; what cannot pass is not tried again.
func TestWriterTriesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		creates, swaps, tries int
		err                   error
		want                  error
	}{
		"files":    {creates: 3, tries: 3, err: syscall.ENOSPC},
		"answers":  {swaps: 1, tries: 1, err: ErrUnavailable},
		"both":     {creates: 2, swaps: 1, tries: 3, err: ErrUnavailable},
		"another":  {creates: 1, err: ErrConflict, want: ErrConflict},
		"no image": {creates: 1, err: state.ErrFull, want: state.ErrFull},
	} {
		s := &flaky{Store: openStore(t, t.TempDir()), err: c.err}
		chain, k := openTask(t, s, 0), newTask(t)
		w := NewWriter(2, Retry{Pause: time.Microsecond, For: time.Hour})
		failed, outcome := 0, make(chan error, 2)
		s.creates, s.swaps = c.creates, c.swaps
		want := map[frame.Tick][]byte{}
		for tick := range frame.Tick(2) {
			k.execute(t, tick+1, 30)
			want[tick+1] = k.value()
			x := Work{Chain: chain, Tick: tick + 1, Image: *k.image(t), Failed: func(error) { failed++ }, Done: func(_ Entry, err error) { outcome <- err }}
			if err := w.Submit(x); err != nil {
				t.Fatal(err)
			}
			if err := <-outcome; tick == 0 && !errors.Is(err, c.want) || tick > 0 && err != nil {
				t.Errorf("%s: tick %d: %v, want %v", name, tick+1, err, c.want)
			}
		}
		w.Close()
		if failed != c.tries {
			t.Errorf("%s: %d tries failed, want %d", name, failed, c.tries)
		}
		if c.want != nil {
			delete(want, 1)
		}
		for tick, value := range want {
			wantLoads(t, s.Store, tick, value)
		}
	}
}

// A writer that is closed does not wait for the next try.
func TestWriterClosesBetweenTries(t *testing.T) {
	s := &flaky{Store: openStore(t, t.TempDir()), err: ErrUnavailable}
	chain, k := openTask(t, s, 0), newTask(t)
	s.creates = 1 << 30
	w := NewWriter(1, Retry{Pause: time.Hour, For: 24 * time.Hour})
	k.execute(t, 1, 3)
	failed, outcome := make(chan error, 1), make(chan error, 1)
	err := w.Submit(Work{Chain: chain, Tick: 1, Image: *k.image(t), Failed: func(err error) { failed <- err }, Done: func(_ Entry, err error) { outcome <- err }})
	if err != nil {
		t.Fatal(err)
	}
	<-failed
	w.Close()
	if err := <-outcome; !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want %v", err, ErrUnavailable)
	}
}

// A chain that does not know what the store holds is not read again over another's head.
func TestReloadFencesNobody(t *testing.T) {
	s := &flaky{Store: openStore(t, t.TempDir()), err: ErrUnavailable}
	chain, k := openTask(t, s, 0), newTask(t)
	k.execute(t, 1, 3)
	s.creates = 1
	if _, err := chain.Write(1, k.image(t)); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	if err := chain.Reload(); err != nil {
		t.Fatalf("nothing is unknown after a file that was not stored: %v", err)
	}
	successor := openTask(t, s.Store, 0)
	k.execute(t, 2, 3)
	if _, err := chain.Write(2, k.image(t)); !errors.Is(err, ErrConflict) {
		t.Fatalf("a fenced writer: %v, want %v", err, ErrConflict)
	}
	if err := chain.Reload(); !errors.Is(err, ErrConflict) {
		t.Fatalf("a fenced writer reads again: %v, want %v", err, ErrConflict)
	}
	if _, err := successor.Write(2, k.image(t)); err != nil {
		t.Fatalf("the successor was fenced: %v", err)
	}
}

func TestInspectPrints(t *testing.T) {
	dir, _, entries := stored(t)
	var out bytes.Buffer
	if err := Inspect(dir, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"job 0000000000000009 task 3 tick 1, full", "increment on tick 1", "part 7: all pages", "part 1: changed pages", "commit 3, 2 snapshots",
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
		for _, read := range []func(Object) (*file, error){scan, readIndex} {
			got, err := read(memObject{bytes.NewReader(b)})
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

// What is no file where one should be is damage: an image before it may do.
func TestOtherThanAFileIsDamage(t *testing.T) {
	dir, s, entries := stored(t)
	path := filepath.Join(dir, folder(9, 3), entries[0].File)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(s, 9, 3, entries[0].Tick); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Errorf("a folder: got %v, want %v and its path", err, ErrDamaged)
	}
}
