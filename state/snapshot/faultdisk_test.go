package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
)

var errCrash = errors.New("the machine is down")

// faultDisk is a disk in memory that forgets what was not synced when it crashes: contents of files in part, entries of directories one by one.
type faultDisk struct {
	files map[string]*memFile // as processes see them
	safe  map[string]*memFile // as a crash leaves the directories
	steps int                 // operations that change something, so far
	stop  int                 // the step at which the fault comes; 0: never
	fault error               // errCrash lasts, ENOSPC is for one step, EROFS as long as it is set
	locks map[string]int      // >0 shared, -1 alone
}

type memFile struct {
	data   []byte
	synced []byte
}

func newFaultDisk() *faultDisk {
	return &faultDisk{files: map[string]*memFile{}, safe: map[string]*memFile{}, locks: map[string]int{}}
}

func (d *faultDisk) step() error {
	d.steps++
	if d.stop == 0 || d.steps < d.stop || (d.fault == syscall.ENOSPC && d.steps > d.stop) {
		return nil
	}
	return d.fault
}

// crash is what the disk holds after a crash: what was synced, and of the rest what luck leaves.
func (d *faultDisk) crash(r *rand.Rand) *faultDisk {
	after := newFaultDisk()
	names := slices.Sorted(maps.Keys(d.files))
	for n := range d.safe {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		f := d.safe[n]
		if d.files[n] != f && r.IntN(2) == 0 {
			f = d.files[n]
		}
		if f == nil {
			continue
		}
		data := slices.Clone(f.synced)
		if extra := len(f.data) - len(f.synced); extra > 0 {
			data = append(data, make([]byte, r.IntN(extra+1))...) // lengths may be kept without their content
		}
		kept := &memFile{data, data}
		after.files[n], after.safe[n] = kept, kept
	}
	return after
}

func (d *faultDisk) MkdirAll(string) error { return nil } // folders are what the names of files say

func (d *faultDisk) CreateTemp(p string) (tempFile, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f := &memFile{}
	d.files[p] = f
	return &memTemp{d, f}, nil
}

type memTemp struct {
	d *faultDisk
	f *memFile
}

func (t *memTemp) Write(b []byte) (int, error) {
	if err := t.d.step(); err != nil {
		t.f.data = append(t.f.data, b[:len(b)/2]...)
		return len(b) / 2, err
	}
	t.f.data = append(t.f.data, b...)
	return len(b), nil
}

func (t *memTemp) Sync() error {
	if err := t.d.step(); err != nil {
		return err
	}
	t.f.synced = slices.Clone(t.f.data)
	return nil
}

func (t *memTemp) Close() error { return nil }

func (d *faultDisk) Link(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	if d.files[to] != nil {
		return fs.ErrExist
	}
	d.files[to] = d.files[from]
	return nil
}

func (d *faultDisk) Rename(from, to string) error {
	if err := d.step(); err != nil {
		return err
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (d *faultDisk) Remove(p string) error {
	if err := d.step(); err != nil && err != syscall.ENOSPC {
		return err
	}
	if d.files[p] == nil {
		return fs.ErrNotExist
	}
	delete(d.files, p)
	return nil
}

func (d *faultDisk) SyncDir(dir string) error {
	if err := d.step(); err != nil {
		return err
	}
	for _, m := range []map[string]*memFile{d.files, d.safe} {
		for n := range m {
			if path.Dir(n) != dir {
				continue
			}
			if f := d.files[n]; f != nil {
				d.safe[n] = f
			} else {
				delete(d.safe, n)
			}
		}
	}
	return nil
}

type memObject struct{ *bytes.Reader }

func (memObject) Close() error { return nil }

func (d *faultDisk) Open(p string) (Object, error) {
	if d.stop > 0 && d.steps >= d.stop && d.fault == errCrash {
		return nil, errCrash
	}
	f := d.files[p]
	if f == nil {
		return nil, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
	}
	return memObject{bytes.NewReader(slices.Clone(f.data))}, nil
}

func (d *faultDisk) ReadDir(dir string) (names []string, isDir []bool, err error) {
	seen := map[string]bool{}
	for _, n := range slices.Sorted(maps.Keys(d.files)) {
		rest, ok := strings.CutPrefix(n, dir+"/")
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		if !seen[first] {
			seen[first] = true
			names, isDir = append(names, first), append(isDir, deeper)
		}
	}
	return names, isDir, nil
}

func (d *faultDisk) Lock(p string, shared, _ bool) (unlock func() error, ok bool, err error) {
	was := d.locks[p]
	switch {
	case was < 0 || (was > 0 && !shared):
		return nil, false, nil
	case shared:
		d.locks[p]++
		return func() error { d.locks[p]--; return nil }, true, nil
	}
	d.locks[p] = -1
	return func() error { d.locks[p] = 0; return nil }, true, nil
}
