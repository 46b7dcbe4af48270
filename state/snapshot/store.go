package snapshot

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

var (
	// ErrExists means that Create found an object of the name.
	ErrExists = errors.New("object exists")
	// ErrNotFound means that there is no object of the name.
	ErrNotFound = errors.New("no such object")
	// ErrConflict means that Swap found another version than the caller's.
	ErrConflict = errors.New("object was changed by another")
	// ErrUnavailable means that the store did not answer, long enough to give up: nothing is known of what it holds.
	ErrUnavailable = errors.New("store does not answer")
	// ErrDamaged means that stored bytes are not what was written.
	ErrDamaged = errors.New("damaged snapshot")
)

// Version names a content of an object for Swap. The zero Version is that of an object that does not exist.
type Version string

// Object is an open object. It stays readable while it is open, even if it is deleted; a store that is far away may fail reads of a large one
// with ErrNotFound then. It never gives bytes of another content.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes
}

// Reader is what changes nothing of a Store.
type Reader interface {
	// Open opens an object, or fails with ErrNotFound.
	Open(name string) (Object, error)
	// List returns the names that begin with the prefix, in order. Objects that Swap stores are among them.
	List(prefix string) ([]string, error)
}

// Store holds objects by name. Names are relative paths of lower-case letters, digits and ". _ -" between slashes. What a call that changes
// something has done is durable when it returns nil; after an error it has been done or not, but never in part. Any goroutine may call.
type Store interface {
	Reader
	// Create stores what write writes under a name that is not taken, else it fails with ErrExists. An error of write is returned, and
	// nothing stored.
	Create(name string, write func(w io.Writer) error) error
	// Delete removes an object if it is there.
	Delete(name string) error
	// Load returns a small object, of at most MaxSwapBytes, and its version; ErrNotFound if there is none.
	Load(name string) ([]byte, Version, error)
	// Swap stores a small object in place of the one of a version, or fails with ErrConflict. It returns the new version.
	Swap(name string, old Version, data []byte) (Version, error)
}

const (
	// MaxSwapBytes bounds objects that are loaded and swapped, in bytes.
	MaxSwapBytes = 4 << 20
	nameBytesMax = 200
)

// ValidName checks the name of an object, or a prefix of names that ends in a slash without that.
func ValidName(name string) error {
	if name == "" || len(name) > nameBytesMax {
		return fmt.Errorf("object name %q: %d bytes, want 1 to %d", name, len(name), nameBytesMax)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' {
			return fmt.Errorf("object name %q: empty part or one that begins with a dot", name)
		}
		for _, c := range []byte(part) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
				return fmt.Errorf("object name %q: byte %q", name, c)
			}
		}
	}
	return nil
}
