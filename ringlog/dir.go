package ringlog

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/vfs"
)

const (
	segmentSuffix = ".seg"
	lockName      = "lock"
)

// openDir locks the arena's directory against other processes, sorts the segment files of dead ones by log, and removes free ones.
func (a *Arena) openDir() error {
	dir := a.cfg.Dir
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("arena directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("arena directory %s is in use by another process: %w", dir, err), lock.Close())
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	a.mu.stale = make(map[Identity][]string)
	for _, name := range names {
		if n, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), segmentSuffix), 10, 64); err == nil {
			a.mu.serial = max(a.mu.serial, n+1)
		}
		if err := a.sortStale(name); err != nil {
			return errors.Join(err, lock.Close())
		}
	}
	a.lock = lock
	return nil
}

// sortStale notes whose a file is. Free files and relay segments, which are not recovered, are removed.
func (a *Arena) sortStale(name string) error {
	h, err := readSegmentHeader(name)
	switch {
	case errors.Is(err, errFree) || (err == nil && h.Relay):
		return os.Remove(name)
	case err != nil:
		return fmt.Errorf("%s: %w (inspect it; without the file the arena opens)", name, err)
	case h.Bytes != a.layout.Bytes:
		return fmt.Errorf("%s: segment of %v: got %d bytes, want %d as configured", name, h.Identity, h.Bytes, a.layout.Bytes)
	}
	a.mu.stale[h.Identity] = append(a.mu.stale[h.Identity], name)
	return nil
}

func readSegmentHeader(name string) (SegmentHeader, error) {
	f, err := vfs.Open(name)
	if err != nil {
		return SegmentHeader{}, err
	}
	defer f.Close()
	b := make([]byte, SegmentHeaderLen)
	if _, err := io.ReadFull(f, b); err == io.EOF {
		return SegmentHeader{}, errFree // its creator died before it got any room
	} else if err != nil {
		return SegmentHeader{}, fmt.Errorf("%w: header of %d bytes: %w", ErrCorrupt, SegmentHeaderLen, err)
	}
	return DecodeSegmentHeader(b)
}

// Stale lists, in order, the logs that dead processes left in the arena's directory: Recover or Discard them.
func (a *Arena) Stale() []Identity {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]Identity, 0, len(a.mu.stale))
	for id := range a.mu.stale {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y Identity) int {
		return cmp.Or(cmp.Compare(x.Job, y.Job), cmp.Compare(x.Node, y.Node), cmp.Compare(x.Core, y.Core))
	})
	return ids
}

// Discard removes the files that a dead process's log left.
func (a *Arena) Discard(id Identity) error {
	a.mu.Lock()
	names := a.mu.stale[id]
	delete(a.mu.stale, id)
	a.mu.Unlock()
	var errs []error
	for _, name := range names {
		errs = append(errs, os.Remove(name))
	}
	return errors.Join(errs...)
}
