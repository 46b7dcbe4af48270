package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Inspect prints and checks a snapshot file, a manifest, or all of both in a folder, read-only; also while another process writes there. With a
// manifest every chain it names is followed and its state hash verified. The error wraps ErrDamaged if anything is damaged; everything else is
// printed all the same.
func Inspect(path string, w io.Writer) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	open := opener((osDisk{}).Open)
	if !info.IsDir() {
		return open.inspect(path, w)
	}
	var errs []error
	found := 0
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && inspected(p) {
			found++
			errs = append(errs, open.inspect(p, w))
		}
		return err
	})
	fmt.Fprintf(w, "%s: %d snapshot files and manifests\n", path, found)
	return errors.Join(append(errs, err)...)
}

// InspectStore is Inspect for all of a store.
func InspectStore(s Store, w io.Writer) error {
	names, err := s.List("")
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !inspected(n) })
	var errs []error
	for _, n := range names {
		errs = append(errs, opener(s.Open).inspect(n, w))
	}
	fmt.Fprintf(w, "%d snapshot files and manifests\n", len(names))
	return errors.Join(errs...)
}

func inspected(path string) bool {
	return filepath.Base(path) == manifestName || strings.HasSuffix(path, fileSuffix)
}

// opener opens files, or objects of a store.
type opener func(path string) (Object, error)

func (open opener) inspect(path string, w io.Writer) error {
	var err error
	if filepath.Base(path) == manifestName {
		err = open.inspectManifest(path, w)
	} else {
		err = open.inspectFile(path, w)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (open opener) inspectFile(path string, w io.Writer) (err error) {
	o, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	f, err := scan(o)
	if err != nil {
		return err
	}
	kind := "full"
	if f.Increment {
		kind = fmt.Sprintf("increment on tick %d", f.Base)
	}
	fmt.Fprintf(w, "%s: job %016x task %d tick %d, %s, %d bytes, extra %d bytes, state hash %016x\n",
		filepath.Base(path), f.Job, f.Task, f.Tick, kind, f.size, f.extra, f.hash)
	for i := range f.index {
		p := &f.index[i]
		size, gone := uint64(0), 0
		for _, g := range p.pages {
			size += uint64(g.size)
			if g.size == 0 {
				gone++
			}
		}
		what := "changed"
		if p.full {
			what = "all"
		}
		fmt.Fprintf(w, "  part %d: %s pages: %d with %d bytes, %d gone; head %d bytes\n", p.ID, what, len(p.pages)-gone, size, gone, p.head)
	}
	return nil
}

// folderStore reads the objects of one task's folder, whatever its path.
type folderStore struct {
	Store
	open opener
	dir  string
}

func (s folderStore) Open(name string) (Object, error) {
	return s.open(filepath.Join(s.dir, filepath.Base(name)))
}

func (open opener) inspectManifest(path string, w io.Writer) error {
	b, err := open.readSmall(path)
	if err != nil {
		return err
	}
	m, err := decodeManifest(b)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: job %016x task %d, commit %d, %d snapshots\n", filepath.Base(path), m.Job, m.Task, m.Generation, len(m.Snapshots))
	var errs []error
	for _, e := range m.Snapshots {
		l, err := load(folderStore{open: open, dir: filepath.Dir(path)}, m, e.Tick)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(w, "  tick %d: %s, %d files, %d parts\n", e.Tick, e.File, len(l.files), len(l.Parts))
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (open opener) readSmall(path string) ([]byte, error) {
	o, err := open(path)
	if err != nil {
		return nil, err
	}
	b, err := readAllSmall(o)
	return b, errors.Join(err, o.Close())
}
