package snapshot

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/vfs"
)

// disk is what a directory store needs of a file system; tests put one under it that fails and forgets.
type disk interface {
	MkdirAll(path string) error // durable
	CreateTemp(path string) (tempFile, error)
	Link(from, to string) error // fails if to exists
	Rename(from, to string) error
	Remove(path string) error
	SyncDir(path string) error
	Open(path string) (Object, error)
	ReadDir(path string) (names []string, isDir []bool, err error)
	// Lock takes the lock file at path, shared or alone; ok is false if it does not wait and the lock is not free.
	Lock(path string, shared, wait bool) (unlock func() error, ok bool, err error)
}

type tempFile interface {
	io.WriteCloser
	Sync() error
}

type osDisk struct{}

func (osDisk) MkdirAll(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := (osDisk{}).MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return (osDisk{}).SyncDir(parent)
}

func (osDisk) CreateTemp(path string) (tempFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return newPastCache(f), nil
}

func (osDisk) Link(from, to string) error   { return os.Link(from, to) }
func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) Remove(path string) error     { return os.Remove(path) }

func (osDisk) SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osDisk) Open(path string) (Object, error) {
	f, err := vfs.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return newObject(f, info.Size()), nil
}

func (osDisk) ReadDir(path string) (names []string, isDir []bool, err error) {
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		names, isDir = append(names, e.Name()), append(isDir, e.IsDir())
	}
	return names, isDir, err
}

func (osDisk) Lock(path string, shared, wait bool) (unlock func() error, ok bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false, err
	}
	how := unix.LOCK_EX
	if shared {
		how = unix.LOCK_SH
	}
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if err != unix.EINTR {
			break
		}
	}
	if err == nil {
		return f.Close, true, nil
	}
	if err == unix.EWOULDBLOCK {
		err = nil
	}
	return nil, false, errors.Join(err, f.Close())
}
