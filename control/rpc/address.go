package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/vfs"
)

// Address is where a run's manager is found, and what it is told apart by. It stands in a file of the run's data directory, for workers that
// have lost the manager before.
type Address struct {
	URL   string
	Token string // the run's: whoever does not know it has not written the file for this run
	Epoch control.Epoch
	PID   int
	Group int // process group of the manager
}

// addressMaxBytes bounds the file.
const addressMaxBytes = 4096

// ErrAddress wraps complaints about the file.
var ErrAddress = errors.New("address of the manager")

// Write replaces the file, readable by its owner alone. It is not synced: after a crash of the machine nobody is left who reads it.
func (a Address) Write(path string) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Remove removes the file if it is this manager's.
func (a Address) Remove(path string) error {
	if now, err := ReadAddress(path, a.Token); err != nil || now.Epoch != a.Epoch {
		return nil // it is another's, or nobody's
	}
	return os.Remove(path)
}

// ReadAddress reads the file of a run that is known by its token. Any error means that there is no manager for the moment.
func ReadAddress(path, token string) (Address, error) {
	var a Address
	text, err := vfs.ReadFile(path, addressMaxBytes)
	if err != nil {
		return a, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("%w: %s: %w", ErrAddress, path, err)
	}
	if a.Token != token || token == "" {
		return a, fmt.Errorf("%w: %s: of another run", ErrAddress, path)
	}
	return a, nil
}
