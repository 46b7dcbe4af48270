package persist

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/state/snapshot"
)

// memory is a store in memory, of which only what streams need works. It can be told to end at a call.
type memory struct {
	snapshot.Store // nil: the rest
	objects        map[string][]byte
	calls          int
	crashAt        int  // call at which the process of its user ends; 0: none
	done           bool // what that call was to do has been done
}

func newMemory() *memory { return &memory{objects: map[string][]byte{}} }

var errCrashed = errors.New("the process has ended")

// call counts, and tells whether this one ends everything.
func (m *memory) call() (crashed bool) {
	m.calls++
	return m.crashAt > 0 && m.calls >= m.crashAt
}

func (m *memory) Create(name string, write func(io.Writer) error) error {
	crashed := m.call()
	if crashed && (m.calls > m.crashAt || !m.done) {
		return errCrashed
	}
	if _, taken := m.objects[name]; taken {
		return snapshot.ErrExists
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	m.objects[name] = b.Bytes()
	if crashed {
		return errCrashed
	}
	return nil
}

func (m *memory) Delete(name string) error {
	if m.call() {
		return errCrashed
	}
	delete(m.objects, name)
	return nil
}

type memoryObject struct{ *bytes.Reader }

func (memoryObject) Close() error { return nil }

func (m *memory) Open(name string) (snapshot.Object, error) {
	if m.call() {
		return nil, errCrashed
	}
	b, ok := m.objects[name]
	if !ok {
		return nil, snapshot.ErrNotFound
	}
	return memoryObject{bytes.NewReader(b)}, nil
}

func (m *memory) List(prefix string) (names []string, err error) {
	if m.call() {
		return nil, errCrashed
	}
	for name := range m.objects {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
