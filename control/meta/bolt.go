package meta

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Bolt is a store in a file of bbolt. Every Swap is synced.
type Bolt struct {
	path string
	db   *bbolt.DB
}

// bucket holds all pairs.
var bucket = []byte("streamscope")

// OpenBolt opens or creates the store at path and locks it. ErrInUse after wait, if another process has it.
func OpenBolt(path string, wait time.Duration) (*Bolt, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := createBolt(path); err != nil {
			return nil, fmt.Errorf("metadata store: %s: %w", path, err)
		}
	}
	b, err := openBolt(path, wait, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	err = b.try(func() error {
		return b.db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bucket)
			return err
		})
	})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// createBolt makes an empty store that is there whole, or not at all: bbolt itself would leave what a full disk took of it.
func createBolt(path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	temp := f.Name()
	defer func() { err = errors.Join(err, os.Remove(temp)) }()
	if err := f.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(temp, 0o600, nil) // syncs
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) { // another process may have been first
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ReadBolt opens an existing store to read it only. Nothing is changed, not even by recovery; ErrInUse as with OpenBolt.
func ReadBolt(path string, wait time.Duration) (*Bolt, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return openBolt(path, wait, &bbolt.Options{ReadOnly: true})
}

func openBolt(path string, wait time.Duration, o *bbolt.Options) (*Bolt, error) {
	// bbolt would read and write whatever is there.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("metadata store: %s: not a regular file (%v)", path, info.Mode().Type())
	}
	b := &Bolt{path: path}
	// bbolt takes 0 for ever.
	o.Timeout = max(wait, time.Millisecond)
	err := b.try(func() (err error) {
		b.db, err = bbolt.Open(path, 0o600, o)
		var number syscall.Errno
		if err != nil && !errors.Is(err, berrors.ErrTimeout) && !errors.As(err, &number) {
			// It could be opened, so this is about what is in it.
			err = fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// try calls into bbolt, which maps the file and believes what it finds there: a page that is not there, or is none, ends in a panic.
func (b *Bolt) try(call func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s: a page of it is none (%v)", ErrDamaged, b.path, p)
		}
	}()
	return b.named(call())
}

// named says in our words what bbolt complains about.
func (b *Bolt) named(err error) error {
	var path *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrGuard), errors.Is(err, ErrDamaged):
		return err
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("%w: %s: %s has it open", ErrInUse, b.path, holder(b.path))
	case errors.As(err, &path) && path.Path == b.path:
		return fmt.Errorf("metadata store: %w", err)
	}
	return fmt.Errorf("metadata store %s: %w", b.path, err)
}

// Load implements Store.
func (b *Bolt) Load() (pairs []Pair, err error) {
	err = b.try(func() error {
		return b.db.View(func(tx *bbolt.Tx) error {
			k := tx.Bucket(bucket)
			if k == nil {
				return nil
			}
			return k.ForEach(func(key, value []byte) error {
				if value == nil {
					return fmt.Errorf("%w: %q is a bucket", ErrDamaged, key)
				}
				pairs = append(pairs, Pair{string(key), slices.Clone(value)})
				return nil
			})
		})
	})
	return pairs, err
}

// Swap implements Store.
func (b *Bolt) Swap(guard Pair, set []Pair) error {
	return b.try(func() error {
		return b.db.Update(func(tx *bbolt.Tx) error {
			k := tx.Bucket(bucket)
			if k == nil {
				return fmt.Errorf("%w: no bucket", ErrDamaged)
			}
			if v := k.Get([]byte(guard.Key)); (v == nil) != (guard.Value == nil) || !bytes.Equal(v, guard.Value) {
				return ErrGuard
			}
			for _, p := range set {
				if err := k.Put([]byte(p.Key), p.Value); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// Close implements Store.
func (b *Bolt) Close() error { return b.try(b.db.Close) }
