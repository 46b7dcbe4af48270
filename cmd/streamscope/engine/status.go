package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/vfs"
)

// statusName is the file of a data directory that says what is kept, and why.
const statusName = "status.json"

// statusBytesMax bounds the file: who reads it does not trust it.
const statusBytesMax = 64 << 20

// statusFile writes what a run keeps as it changes, in the background: nobody waits for a disk on its behalf.
type statusFile struct {
	path, job string
	warn      func(error)
	next      chan *control.Status // the newest that is not written
	done      chan struct{}
}

func newStatusFile(dir, job string, warn func(error)) *statusFile {
	f := &statusFile{path: filepath.Join(dir, statusName), job: job, warn: warn, next: make(chan *control.Status, 1), done: make(chan struct{})}
	go f.run()
	return f
}

// put replaces what was not written yet. Not to be called after close.
func (f *statusFile) put(s *control.Status) {
	select {
	case <-f.next:
	default:
	}
	f.next <- s // there is room: nobody else sends
}

// close writes the newest and ends.
func (f *statusFile) close() {
	close(f.next)
	<-f.done
}

func (f *statusFile) run() {
	defer close(f.done)
	failing := false
	for s := range f.next {
		s.Job, s.PID = f.job, os.Getpid()
		err := f.write(s)
		if err != nil && !failing {
			f.warn(fmt.Errorf("what the run keeps cannot be shown: %w", err))
		}
		failing = err != nil
	}
}

// write replaces the file. It is not synced: after a crash of the machine there is another one, or none.
func (f *statusFile) write(s *control.Status) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	temp := f.path + ".tmp"
	err = os.WriteFile(temp, append(text, '\n'), 0o644)
	if err == nil {
		err = os.Rename(temp, f.path)
	}
	if err != nil {
		_ = os.Remove(temp)
	}
	return err
}

// ReadStatus reads what the run of a data directory said last of what it keeps, and whether it still runs.
func ReadStatus(dir string) (s *control.Status, alive bool, err error) {
	path := filepath.Join(dir, statusName)
	text, err := vfs.ReadFile(path, statusBytesMax)
	if err != nil {
		return nil, false, noStatus(dir, err)
	}
	s = &control.Status{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, false, fmt.Errorf("%s: not what a run writes: %w", path, err)
	}
	if s.Version != control.StatusVersion {
		return nil, false, fmt.Errorf("%s: version %d, want %d; use the release that the run is of", path, s.Version, control.StatusVersion)
	}
	return s, managed(dir), nil
}

// noStatus says why there is no status in a directory.
func noStatus(dir string, err error) error {
	info, dirErr := os.Stat(dir)
	switch {
	case dirErr != nil:
		return fmt.Errorf("%w; name the --data-dir of a run", dirErr)
	case !info.IsDir():
		return fmt.Errorf("%s is a file, want the --data-dir of a run", dir)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no %s in it, want the --data-dir of a run that has begun", dir, statusName)
	}
	return err
}

// managed tells whether a manager holds the directory's store. The lock that is tried is given back at once.
func managed(dir string) bool {
	f, err := vfs.Open(filepath.Join(dir, StoreName))
	if err != nil {
		return false
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	return errors.Is(err, unix.EWOULDBLOCK)
}
