package meta

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/control"
)

// Store keeps pairs. It is as small as it is so that a file, memory and a cluster's own store can implement it; package metatest says what
// all of them must do.
type Store interface {
	// Load returns all pairs, by key. The slices are the caller's.
	Load() ([]Pair, error)
	// Swap sets pairs, all or none, if the guard's key has the guard's value; nil: if it is absent. When it returns nil they are durable. If
	// the guard fails the error is ErrGuard and nothing has changed; after any other error the pairs may be set or not.
	Swap(guard Pair, set []Pair) error
	// Close frees the store for others. What was swapped stays.
	Close() error
}

// Pair is a key with its value.
type Pair struct {
	Key   string
	Value []byte
}

// The errors of stores. All are wrapped with what and where.
var (
	// ErrGuard: the guard's key has another value.
	ErrGuard = errors.New("another value")
	// ErrFenced: another manager has taken over.
	ErrFenced = errors.New("another manager has taken over")
	// ErrOther: the store belongs to another job, or was written by another release.
	ErrOther = errors.New("the store is another's")
	// ErrDamaged: the store cannot be read, or holds what nobody wrote.
	ErrDamaged = errors.New("the store is damaged")
	// ErrInUse: another process has the store open.
	ErrInUse = errors.New("the store is in use")
)

// Load reads and checks the record in a store. An empty store holds the zero record.
func Load(s Store, id Identity) (control.Stored, error) {
	pairs, err := s.Load()
	if err != nil || len(pairs) == 0 {
		return control.Stored{}, err
	}
	found, rec, err := Decode(pairs)
	if err != nil {
		return control.Stored{}, err
	}
	if err := id.matches(found); err != nil {
		return control.Stored{}, err
	}
	return rec, nil
}

// TakeOver raises the epoch and returns what the store holds after that: from then on nobody else changes it. ErrFenced: somebody was
// quicker.
func TakeOver(s Store, id Identity) (control.Stored, error) {
	rec, err := Load(s, id)
	if err != nil {
		return control.Stored{}, err
	}
	set := []Pair{seal(keyEpoch, number(uint64(rec.Epoch)+1))}
	if rec.Epoch == 0 {
		set = append(set, seal(keyFormat, number(Format)), seal(keyJob, id.text()))
	}
	if err := s.Swap(guard(rec.Epoch), set); errors.Is(err, ErrGuard) {
		return control.Stored{}, fmt.Errorf("%w while this one tried to: epoch %d is not the newest", ErrFenced, rec.Epoch)
	} else if err != nil {
		return control.Stored{}, err
	}
	// Only what was read after the epoch was raised is sure to be the last word of the manager before.
	after, err := Load(s, id)
	if err == nil && after.Epoch != rec.Epoch+1 {
		err = fmt.Errorf("%w: epoch got %d, want %d", ErrFenced, after.Epoch, rec.Epoch+1)
	}
	return after, err
}

// Commit carries out a transaction. ErrFenced: the store has another epoch than the transaction.
func Commit(s Store, t control.Txn) error {
	err := s.Swap(guard(t.Epoch), encode(t))
	if errors.Is(err, ErrGuard) {
		return fmt.Errorf("%w: epoch %d is not the newest", ErrFenced, t.Epoch)
	}
	return err
}

// guard is what the store must hold for a manager of the epoch; 0: nothing.
func guard(e control.Epoch) Pair {
	if e == 0 {
		return Pair{Key: keyEpoch}
	}
	return seal(keyEpoch, number(uint64(e)))
}

// Persisted is the answer to a Persist effect, from the error of its Commit.
func Persisted(err error) control.Persisted {
	if err == nil {
		return control.Persisted{}
	}
	return control.Persisted{Reason: err.Error(), Fenced: errors.Is(err, ErrFenced)}
}
