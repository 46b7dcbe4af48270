package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
)

// The newest status is there when the run is over, and nothing else.
func TestStatusIsWritten(t *testing.T) {
	dir := t.TempDir()
	f := newStatusFile(dir, "flights", func(err error) { t.Error(err) })
	for n := range control.Epoch(50) {
		f.put(&control.Status{Version: control.StatusVersion, Epoch: n})
	}
	f.close()
	s, alive, err := ReadStatus(dir)
	if err != nil || s.Epoch != 49 || s.Job != "flights" || s.PID != os.Getpid() || alive {
		t.Errorf("got %+v, %v, %v", s, alive, err)
	}
	store, err := meta.OpenBolt(filepath.Join(dir, StoreName), lockPatience)
	if err != nil {
		t.Fatal(err)
	}
	if _, alive, err := ReadStatus(dir); err != nil || !alive {
		t.Errorf("a store in use: alive %v, %v", alive, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("left behind: %v", files)
	}
}

// A folder that cannot be written is told of once, and does not hold anybody up.
func TestStatusCannotBeWritten(t *testing.T) {
	warned := 0
	f := newStatusFile(filepath.Join(t.TempDir(), "gone"), "flights", func(error) { warned++ })
	f.put(&control.Status{})
	f.put(&control.Status{})
	f.close()
	if warned != 1 {
		t.Errorf("warned %d times, want once", warned)
	}
}

func TestStatusIsNotTrusted(t *testing.T) {
	dir := t.TempDir()
	in := func(name string, put func(path string) error) string {
		d := filepath.Join(dir, name)
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := put(filepath.Join(d, statusName)); err != nil {
			t.Fatal(err)
		}
		return d
	}
	text := func(s string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(s), 0o644) }
	}
	for path, words := range map[string]string{
		filepath.Join(dir, "missing"):                                             "name the --data-dir",
		in("empty", func(string) error { return nil }):                            "no status.json in it",
		in("cut", text(`{"version":1,"job":"fli`)):                                "not what a run writes",
		in("other", text(`{"version":7}`)):                                        fmt.Sprintf("version 7, want %d", control.StatusVersion),
		in("words", text("hello")):                                                "not what a run writes",
		in("types", text(`{"version":1,"units":3}`)):                              "not what a run writes",
		in("folder", func(p string) error { return os.Mkdir(p, 0o755) }):          "not a regular file",
		in("pipe", func(p string) error { return unix.Mkfifo(p, 0o644) }):         "not a regular file",
		in("huge", func(p string) error { return sparse(p, statusBytesMax+100) }): "more than",
		filepath.Join(in("x", text("")), statusName):                              "is a file, want the --data-dir",
	} {
		if s, _, err := ReadStatus(path); err == nil || s != nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v, want words %q", filepath.Base(path), err, words)
		}
	}
}

func sparse(path string, bytes int64) error {
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	return os.Truncate(path, bytes)
}
