package snapshot

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/vfs"
)

const (
	tempPrefix = ".tmp-"
	useLock    = ".lock-use"  // held shared by every open store: whoever gets it alone may remove temporary files
	swapLock   = ".lock-swap" // held alone for a moment by Swap
	listMax    = 1 << 20
)

// Dir is a Store in a local directory. Objects are files: written under a temporary name, synced, then linked or renamed, the directory
// synced. Several processes may use one directory.
type Dir struct {
	disk   disk
	root   string
	unlock func() error
}

// OpenDir opens a directory, made if it is missing, and removes what crashes have left of unfinished files if no other process uses it.
func OpenDir(root string) (*Dir, error) { return openDir(osDisk{}, root) }

// ReadDir reads a directory, also while others write there. It changes nothing, and holds nothing.
func ReadDir(root string) (Reader, error) {
	d := &Dir{disk: osDisk{}, root: root}
	if _, _, err := d.disk.ReadDir(root); err != nil {
		return nil, err
	}
	return d, nil
}

func openDir(d disk, root string) (*Dir, error) {
	if err := d.MkdirAll(root); err != nil {
		return nil, fmt.Errorf("snapshot directory: %w", err)
	}
	s := &Dir{disk: d, root: root}
	unlock, alone, err := d.Lock(filepath.Join(root, useLock), false, false)
	if err == nil && alone {
		err = errors.Join(s.sweep(root), unlock())
	}
	if err == nil {
		s.unlock, _, err = d.Lock(filepath.Join(root, useLock), true, true)
	}
	if err != nil {
		return nil, fmt.Errorf("snapshot directory %s: %w", root, err)
	}
	return s, nil
}

// Close lets go of the directory.
func (s *Dir) Close() error { return s.unlock() }

func (s *Dir) sweep(dir string) error {
	names, isDir, err := s.disk.ReadDir(dir)
	if err != nil {
		return err
	}
	for i, n := range names {
		p := filepath.Join(dir, n)
		switch {
		case isDir[i]:
			err = s.sweep(p)
		case strings.HasPrefix(n, tempPrefix):
			err = s.disk.Remove(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Dir) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

// temp writes a synced temporary file beside where name is to be.
func (s *Dir) temp(name string, write func(w io.Writer) error) (string, error) {
	dir := filepath.Dir(s.path(name))
	if err := s.disk.MkdirAll(dir); err != nil {
		return "", err
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	path := filepath.Join(dir, tempPrefix+hex.EncodeToString(random[:]))
	f, err := s.disk.CreateTemp(path)
	if err != nil {
		return "", err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, s.disk.Remove(path))
	}
	return path, nil
}

// Create implements Store.
func (s *Dir) Create(name string, write func(w io.Writer) error) error {
	if err := ValidName(name); err != nil {
		return err
	}
	temp, err := s.temp(name, write)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	err = s.disk.Link(temp, s.path(name))
	if errors.Is(err, fs.ErrExist) {
		err = ErrExists
	}
	err = errors.Join(err, s.disk.Remove(temp), s.disk.SyncDir(filepath.Dir(temp)))
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	return nil
}

// Open implements Store.
func (s *Dir) Open(name string) (Object, error) {
	if err := ValidName(name); err != nil {
		return nil, err
	}
	o, err := s.disk.Open(s.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = ErrNotFound
	case errors.Is(err, vfs.ErrNotRegular):
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return o, nil
}

// List implements Store.
func (s *Dir) List(prefix string) ([]string, error) {
	var out []string
	err := s.list("", prefix, &out)
	slices.Sort(out)
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	return out, nil
}

func (s *Dir) list(dir, prefix string, out *[]string) error {
	names, isDir, err := s.disk.ReadDir(s.path(dir))
	if err != nil {
		return err
	}
	for i, n := range names {
		name := strings.TrimPrefix(dir+"/"+n, "/")
		switch {
		case ValidName(name) != nil:
		case isDir[i] && (strings.HasPrefix(name+"/", prefix) || strings.HasPrefix(prefix, name+"/")):
			if err := s.list(name, prefix, out); err != nil {
				return err
			}
		case !isDir[i] && strings.HasPrefix(name, prefix):
			if len(*out) == listMax {
				return fmt.Errorf("more than %d objects", listMax)
			}
			*out = append(*out, name)
		}
	}
	return nil
}

// Delete implements Store.
func (s *Dir) Delete(name string) error {
	if err := ValidName(name); err != nil {
		return err
	}
	err := s.disk.Remove(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.disk.SyncDir(filepath.Dir(s.path(name)))
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

// Load implements Store.
func (s *Dir) Load(name string) ([]byte, Version, error) {
	o, err := s.Open(name)
	if err != nil {
		return nil, "", err
	}
	b, err := readAllSmall(o)
	if err = errors.Join(err, o.Close()); err != nil {
		return nil, "", fmt.Errorf("load %s: %w", name, err)
	}
	return b, versionOf(b), nil
}

func readAllSmall(o Object) ([]byte, error) {
	if o.Size() > MaxSwapBytes {
		return nil, damaged("%d bytes, want at most %d", o.Size(), MaxSwapBytes)
	}
	b := make([]byte, o.Size())
	_, err := io.ReadFull(io.NewSectionReader(o, 0, int64(len(b))), b)
	return b, err
}

// versionOf names a content by two independent hashes and its length.
func versionOf(b []byte) Version {
	h := fnv.New64a()
	_, _ = h.Write(b) // never fails
	return Version(fmt.Sprintf("%d-%016x-%016x", len(b), xxhash.Sum64(b), h.Sum64()))
}

// Swap implements Store.
func (s *Dir) Swap(name string, old Version, data []byte) (_ Version, err error) {
	if err := ValidName(name); err != nil {
		return "", err
	}
	if len(data) > MaxSwapBytes {
		return "", fmt.Errorf("swap %s: %d bytes, want at most %d", name, len(data), MaxSwapBytes)
	}
	temp, err := s.temp(name, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("swap %s: %w", name, err)
	}
	unlock, _, err := s.disk.Lock(filepath.Join(s.root, swapLock), false, true)
	if err != nil {
		return "", fmt.Errorf("swap %s: %w", name, errors.Join(err, s.disk.Remove(temp)))
	}
	defer func() { err = errors.Join(err, unlock()) }()
	_, now, err := s.Load(name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", errors.Join(err, s.disk.Remove(temp))
	}
	if now != old {
		return "", errors.Join(fmt.Errorf("swap %s: %w: version %q, want %q", name, ErrConflict, now, old), s.disk.Remove(temp))
	}
	err = s.disk.Rename(temp, s.path(name))
	if err == nil {
		err = s.disk.SyncDir(filepath.Dir(temp))
	} else {
		err = errors.Join(err, s.disk.Remove(temp))
	}
	if err != nil {
		return "", fmt.Errorf("swap %s: %w", name, err)
	}
	return versionOf(data), nil
}
