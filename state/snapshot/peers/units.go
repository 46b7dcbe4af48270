package peers

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/streamscope/streamscope/state/snapshot"
)

// Units are the stores of a node's units as one: which one has an object follows from how its name begins.
type Units map[string]*Store

// of returns the store of a name, or of the names that begin so.
func (u Units) of(name string) (*Store, error) {
	for folder, s := range u {
		if strings.HasPrefix(name, folder) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s: %w: no unit of this worker has it", name, snapshot.ErrNotFound)
}

// Begun is that of all.
func (u Units) Begun() {
	for _, s := range u {
		s.Begun()
	}
}

// Close is that of all.
func (u Units) Close() error {
	var errs []error
	for _, s := range u {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// Open implements snapshot.Reader.
func (u Units) Open(name string) (snapshot.Object, error) {
	s, err := u.of(name)
	if err != nil {
		return nil, err
	}
	return s.Open(name)
}

// List implements snapshot.Reader, for prefixes that name a unit.
func (u Units) List(prefix string) ([]string, error) {
	s, err := u.of(prefix)
	if err != nil {
		return nil, err
	}
	return s.List(prefix)
}

// Create implements snapshot.Store.
func (u Units) Create(name string, write func(io.Writer) error) error {
	s, err := u.of(name)
	if err != nil {
		return err
	}
	return s.Create(name, write)
}

// Delete implements snapshot.Store.
func (u Units) Delete(name string) error {
	s, err := u.of(name)
	if err != nil {
		return err
	}
	return s.Delete(name)
}

// Load implements snapshot.Store.
func (u Units) Load(name string) ([]byte, snapshot.Version, error) {
	s, err := u.of(name)
	if err != nil {
		return nil, "", err
	}
	return s.Load(name)
}

// Swap implements snapshot.Store.
func (u Units) Swap(name string, old snapshot.Version, data []byte) (snapshot.Version, error) {
	s, err := u.of(name)
	if err != nil {
		return "", err
	}
	return s.Swap(name, old, data)
}
