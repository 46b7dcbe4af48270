package connect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// Stdin as a path is standard input, Stdout standard output.
const (
	Stdin  = "-"
	Stdout = "-"
)

// expand lists the files that paths name: each pattern's matches in the order of their names, the paths in the order given.
// A path that exists as it stands is never a pattern.
func expand(paths []string) ([]string, error) {
	var names []string
	for _, p := range paths {
		if p == Stdin || !strings.ContainsAny(p, "*?[") || exists(p) {
			names = append(names, p)
			continue
		}
		matches, err := filepath.Glob(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		if len(matches) == 0 {
			return nil, fmt.Errorf("%s: no such file", p)
		}
		sort.Strings(matches)
		names = append(names, matches...)
	}
	return names, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// readable complains in words about a file that cannot be read. A pipe is not opened, since that could block.
func readable(path string) error {
	if path == Stdin {
		return nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return pathError(path, err)
	}
	if st.IsDir() {
		return fmt.Errorf("%s: is a directory, want a file", path)
	}
	if !st.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return pathError(path, err)
	}
	return f.Close()
}

// Repeatable complains about files among paths that can be read only once, other than standard input. What cannot be found is for others to say.
func Repeatable(paths []string) error {
	names, err := expand(paths)
	if err != nil {
		return nil
	}
	for _, n := range names {
		if st, err := os.Stat(n); n != Stdin && err == nil && !st.Mode().IsRegular() && !st.IsDir() {
			return fmt.Errorf("%s: no regular file, so that it can be read only once; give it as standard input: --input - < %s", n, n)
		}
	}
	return nil
}

// pathError names the file and what is wrong, without the operation.
func pathError(path string, err error) error {
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: no such file", path)
	case errors.As(err, &pe):
		return fmt.Errorf("%s: %w", path, pe.Err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Input is an open file to decode.
type Input struct {
	Name string   // for messages: the path as the user gave it
	File *os.File // nil for standard input
	Size int64    // bytes; -1 if it is not a regular file
	Tape *Tape    // nil: rows can be read again, or need not be
	io.Reader
}

// stdinName is standard input in messages.
const stdinName = "standard input"

// openInput opens a path. A read that waits for a pipe ends when done is closed.
func openInput(path string, done <-chan struct{}) (*Input, error) {
	if path == Stdin {
		return &Input{Name: stdinName, Size: -1, Reader: &pollReader{fd: 0, done: done}}, nil
	}
	// Without O_NONBLOCK the opening of a named pipe would wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, pathError(path, err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, pathError(path, err)
	}
	in := &Input{Name: path, File: f, Size: -1, Reader: f}
	if st.Mode().IsRegular() {
		in.Size = st.Size()
	} else {
		in.Reader = &pollReader{fd: int(f.Fd()), done: done}
	}
	return in, nil
}

// Close closes the file.
func (in *Input) Close() error {
	if in.File == nil {
		return nil
	}
	return in.File.Close()
}

// IOError wraps an error of reading with the file's name.
func (in *Input) IOError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: cannot read: %w", in.Name, err)
}
