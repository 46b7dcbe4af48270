package connect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openTemp opens a temporary file for writing and locks it, so that what still writes to it is found out. The lock goes with the descriptor.
func openTemp(final, temp string, flags int) (*os.File, error) {
	f, err := os.OpenFile(temp, os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|flags, 0o666)
	if err != nil {
		return nil, writeError(final, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == unix.EWOULDBLOCK {
		f.Close()
		return nil, fmt.Errorf("%s: its temporary file %s is being written by another task or process; wait for it to end", final, temp)
	} // file systems without locks go without
	return f, nil
}

// reopenOutput opens the temporary file of an earlier life of the run, of which keep bytes are to stay: cut cuts it back to them.
func reopenOutput(final, token string, keep uint64) (*Output, error) {
	if err := Creatable(final); err != nil {
		return nil, err
	}
	temp := TempPath(final, token)
	f, err := openTemp(final, temp, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: its temporary file %s is missing, want it with at least %d bytes to go on", final, temp, keep)
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	switch {
	case err != nil:
		err = writeError(final, err)
	case !st.Mode().IsRegular():
		err = fmt.Errorf("%s: its temporary file %s is not a regular file", final, temp)
	case uint64(st.Size()) < keep:
		err = fmt.Errorf("%s: its temporary file %s has %d bytes, want at least %d to go on", final, temp, st.Size(), keep)
	default:
		return &Output{Final: final, Temp: temp, f: f, kept: keep, again: true}, nil
	}
	f.Close()
	return nil, err
}

// cut drops what an earlier life wrote behind its position. Nothing was written in this one.
func (o *Output) cut() error {
	if o.Temp == "" || !o.again {
		return nil
	}
	if err := o.f.Truncate(int64(o.kept)); err != nil {
		return writeError(o.Final, err)
	}
	if _, err := o.f.Seek(int64(o.kept), io.SeekStart); err != nil {
		return writeError(o.Final, err)
	}
	return nil
}

// Sync makes durable what was written, and the temporary name. Standard output has nothing to make durable.
func (o *Output) Sync() error {
	if o.Temp == "" {
		return nil
	}
	if err := o.f.Sync(); err != nil {
		return writeError(o.Final, err)
	}
	if o.named {
		return nil
	}
	if err := syncDir(o.Temp); err != nil {
		return err
	}
	o.named = true
	return nil
}

// syncDir makes durable what names the directory of a file has.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return pathError(path, err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return writeError(path, err)
	}
	return nil
}
