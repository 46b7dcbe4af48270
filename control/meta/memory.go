package meta

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
)

// Memory is a store for tests and simulations: it lasts as long as it is referred to, and fails when it is told to.
type Memory struct {
	mu struct {
		sync.Mutex
		values map[string][]byte
		closed bool
	}
	// Fault, if set, is asked before each Swap. It is called under the store's lock.
	Fault func() Fault
}

// Fault is what goes wrong with a Swap.
type Fault uint8

// The faults.
const (
	NoFault Fault = iota
	// FailBefore: nothing is changed.
	FailBefore
	// FailAfter: it is carried out, and an error returned all the same.
	FailAfter
)

var (
	errInjected = errors.New("injected fault")
	errClosed   = errors.New("the store is closed")
)

// NewMemory returns an empty store.
func NewMemory() *Memory {
	m := &Memory{}
	m.mu.values = map[string][]byte{}
	return m
}

// Reopen closes the store, as the death of its process does, and returns another with what was swapped.
func (m *Memory) Reopen() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := NewMemory()
	next.mu.values, m.mu.closed = m.mu.values, true
	return next
}

// Load implements Store.
func (m *Memory) Load() ([]Pair, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return nil, errClosed
	}
	pairs := make([]Pair, 0, len(m.mu.values))
	for k, v := range m.mu.values {
		pairs = append(pairs, Pair{k, slices.Clone(v)})
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(a.Key, b.Key) })
	return pairs, nil
}

// Swap implements Store.
func (m *Memory) Swap(guard Pair, set []Pair) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return errClosed
	}
	fault := NoFault
	if m.Fault != nil {
		fault = m.Fault()
	}
	if fault == FailBefore {
		return errInjected
	}
	if v, ok := m.mu.values[guard.Key]; ok != (guard.Value != nil) || !bytes.Equal(v, guard.Value) {
		return ErrGuard
	}
	for _, p := range set {
		m.mu.values[p.Key] = slices.Clone(p.Value)
	}
	if fault == FailAfter {
		return errInjected
	}
	return nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.closed = true
	return nil
}
