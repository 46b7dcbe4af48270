package connect

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Output is a file being written under a temporary name beside its final one, or standard output.
type Output struct {
	Final string // as the user named it
	Temp  string // "" for standard output
	f     *os.File
	named bool   // the temporary name is durable
	of    string // what it is an output of, for positions
	kept  uint64 // bytes (on standard output: rows) of an earlier life
	again bool   // it is continued
}

// Continued reports whether an earlier life of the run wrote the beginning, and how much of it stands: bytes, on standard output rows.
func (o *Output) Continued() (kept uint64, ok bool) { return o.kept, o.again }

// NewToken returns a fresh token for the temporary names of a run.
func NewToken() string {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // crypto/rand never fails on Linux
	}
	return hex.EncodeToString(b[:])
}

// TempPath is the name under which a run with the given token writes the file final until it is committed.
func TempPath(final, token string) string {
	dir, name := filepath.Split(final)
	return dir + "." + name + ".streamscope-" + token + ".tmp"
}

// Creatable complains in words about a final name that cannot be written.
func Creatable(final string) error {
	dir := filepath.Dir(strings.TrimRight(final, "/"))
	if st, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: directory %s does not exist", final, dir)
	} else if err != nil {
		return pathError(final, err)
	} else if !st.IsDir() {
		return fmt.Errorf("%s: %s is not a directory", final, dir)
	}
	st, err := os.Stat(strings.TrimRight(final, "/"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return pathError(final, err)
	case InParts(final) && !st.IsDir():
		return fmt.Errorf("%s: is a file, want a directory or nothing", final)
	case InParts(final):
		return nil
	case st.IsDir():
		return fmt.Errorf("%s: is a directory, want the name of a file; with a slash at its end it gets parts", final)
	case !st.Mode().IsRegular():
		return fmt.Errorf("%s: is not a regular file and cannot be replaced; %q writes to standard output", final, Stdout)
	}
	return nil
}

// CreateOutput creates the temporary file for final, in place of one that an earlier life of the run left behind. An empty token makes a
// fresh one.
func CreateOutput(final, token string) (*Output, error) {
	if err := Creatable(final); err != nil {
		return nil, err
	}
	if token == "" {
		token = NewToken()
	}
	temp := TempPath(final, token)
	f, err := openTemp(final, temp, os.O_CREATE|os.O_EXCL)
	if errors.Is(err, fs.ErrExist) {
		if f, err = openTemp(final, temp, 0); err == nil {
			os.Remove(temp)
			f.Close()
			f, err = openTemp(final, temp, os.O_CREATE|os.O_EXCL)
		}
	}
	if err != nil {
		return nil, err
	}
	return &Output{Final: final, Temp: temp, f: f}, nil
}

// WriteError says that a file cannot be written, by its final name.
type WriteError struct {
	Final string
	Err   error
}

func (e *WriteError) Error() string { return fmt.Sprintf("%s: cannot write: %v", e.Final, e.Err) }

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Err }

func writeError(final string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &WriteError{final, err}
}

// Write writes all of p.
func (o *Output) Write(p []byte) (int, error) {
	n, err := o.f.Write(p)
	if err != nil {
		return n, writeError(o.Final, err)
	}
	return n, nil
}

// Close makes the file durable under its temporary name and closes it. Standard output stays open for others.
func (o *Output) Close() error {
	err := o.Sync()
	if e := o.f.Close(); err == nil && e != nil {
		err = writeError(o.Final, e)
	}
	return err
}

// Remove closes and removes the temporary file, if it is still there.
func (o *Output) Remove() {
	o.f.Close()
	if o.Temp != "" {
		os.Remove(o.Temp)
	}
}

// Leave closes the temporary file as it is.
func (o *Output) Leave() { o.f.Close() }

// GiveUp lets go of an output that could not be opened: a new one is removed, one to be continued stays as it was.
func (o *Output) GiveUp() {
	if o.again {
		o.Leave()
		return
	}
	o.Remove()
}

// Commit gives a finished file its final name and makes that durable. An existing file is replaced, at once. A temporary file that is missing is
// an error that wraps fs.ErrNotExist: who commits again after a crash then knows that it was done before.
func Commit(temp, final string) error {
	if err := os.Rename(temp, final); err != nil {
		var le *os.LinkError
		if errors.As(err, &le) {
			err = le.Err
		}
		return fmt.Errorf("%s: cannot be given its name: %w", final, err)
	}
	return syncDir(final)
}
