package peers

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/state/snapshot"
)

// find returns an object, once it is durable.
func (s *Store) find(name string) (*object, error) {
	if err := snapshot.ValidName(name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	o, lost := s.mu.objects[name], s.mu.lost
	s.mu.Unlock()
	switch {
	case o != nil:
		return o, s.settle(o.number)
	case lost != nil:
		return nil, fmt.Errorf("%s: %w: %v", name, snapshot.ErrNotFound, lost)
	}
	return nil, fmt.Errorf("%s: %w", name, snapshot.ErrNotFound)
}

// Open implements snapshot.Reader.
func (s *Store) Open(name string) (snapshot.Object, error) {
	o, err := s.find(name)
	if err != nil {
		return nil, fmt.Errorf("open %w", err)
	}
	return opened{o}, nil
}

// Load implements snapshot.Store.
func (s *Store) Load(name string) ([]byte, snapshot.Version, error) {
	o, err := s.find(name)
	if err != nil {
		return nil, "", fmt.Errorf("load %w", err)
	}
	if o.size() > snapshot.MaxSwapBytes {
		return nil, "", fmt.Errorf("load %s: %w: %d bytes, want at most %d", name, snapshot.ErrDamaged, o.size(), snapshot.MaxSwapBytes)
	}
	return slices.Concat(o.pieces...), o.version(), nil
}

// List implements snapshot.Reader.
func (s *Store) List(prefix string) (names []string, err error) {
	newest := uint64(0)
	s.mu.Lock()
	for name, o := range s.mu.objects {
		if strings.HasPrefix(name, prefix) {
			names, newest = append(names, name), max(newest, o.number)
		}
	}
	s.mu.Unlock()
	slices.Sort(names)
	if err := s.settle(newest); err != nil {
		return nil, fmt.Errorf("list %q: %w", prefix, err)
	}
	return names, nil
}

// Create implements snapshot.Store. The error wraps ErrNoRoom if the object does not fit.
func (s *Store) Create(name string, write func(w io.Writer) error) error {
	if err := snapshot.ValidName(name); err != nil {
		return err
	}
	o, err := s.start(name)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	w := writer{store: s, object: o}
	if err = write(&w); err == nil {
		err = w.end(created)
	}
	if err == nil {
		err = s.wait(o.number)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.writing, name)
	if err != nil {
		s.forget(useless{tick: o.tick, held: o.held})
		return fmt.Errorf("create %s: %w", name, err)
	}
	s.mu.objects[name] = o
	return nil
}

// start takes a name.
func (s *Store) start(name string) (*object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.err(); err != nil {
		return nil, err
	}
	if s.mu.objects[name] != nil || s.mu.writing[name] {
		return nil, snapshot.ErrExists
	}
	s.mu.writing[name] = true
	return &object{name: name, tick: s.next()}, nil
}

// Swap implements snapshot.Store.
func (s *Store) Swap(name string, old snapshot.Version, data []byte) (snapshot.Version, error) {
	if err := snapshot.ValidName(name); err != nil {
		return "", err
	}
	if len(data) > snapshot.MaxSwapBytes {
		return "", fmt.Errorf("swap %s: %d bytes, want at most %d", name, len(data), snapshot.MaxSwapBytes)
	}
	o, err := s.swap(name, old, data)
	if err == nil {
		err = s.settle(o.number)
	}
	if err != nil {
		return "", fmt.Errorf("swap %s: %w", name, err)
	}
	return o.version(), nil
}

func (s *Store) swap(name string, old snapshot.Version, data []byte) (*object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.err(); err != nil {
		return nil, err
	}
	was, version := s.mu.objects[name], snapshot.Version("")
	if was != nil {
		version = was.version()
	}
	if version != old {
		return nil, fmt.Errorf("%w: version %q, want %q", snapshot.ErrConflict, version, old)
	}
	o := &object{name: name, tick: s.next(), swapped: true}
	w := writer{store: s, object: o, must: true}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.end(swapped); err != nil {
		return nil, err
	}
	s.mu.objects[name] = o
	if was != nil {
		s.mu.useless = append(s.mu.useless, useless{was.tick, was.held, o.number})
	}
	return o, nil
}

// Delete implements snapshot.Store.
func (s *Store) Delete(name string) error {
	if err := snapshot.ValidName(name); err != nil {
		return err
	}
	number, err := s.delete(name)
	if err == nil && number > 0 {
		err = s.settle(number)
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

func (s *Store) delete(name string) (number uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.err(); err != nil {
		return 0, err
	}
	o := s.mu.objects[name]
	if o == nil {
		return 0, nil
	}
	tick := s.next()
	number, err = s.Guard().Own().Append(tick, (&entry{kind: deleted, name: name}).appendHead(nil))
	if err != nil {
		return 0, err
	}
	delete(s.mu.objects, name)
	s.mu.useless = append(s.mu.useless, useless{o.tick, o.held, number}, useless{tick, 0, number})
	return number, nil
}

// writer cuts what is written into entries.
type writer struct {
	store  *Store
	object *object
	must   bool   // there is room for it
	buf    []byte // the entry at hand, beginning with its head; nil: none
	from   int    // where its bytes begin
}

var errLong = errors.New("the object is complete")

// bufferLeast is room for what is small, and does not come at once.
const bufferLeast = 4 << 10

// Write implements io.Writer.
func (w *writer) Write(b []byte) (n int, err error) {
	if w.object.number > 0 {
		return 0, errLong
	}
	for n < len(b) {
		if w.buf == nil {
			head := (&entry{kind: piece, name: w.object.name}).appendHead(nil)
			w.buf = make([]byte, 0, min(w.store.cfg.PieceBytes, max(len(head)+len(b)-n, bufferLeast)))
			w.buf, w.from = append(w.buf, head...), len(head)
		}
		m := min(cap(w.buf)-len(w.buf), len(b)-n)
		w.buf, n = append(w.buf, b[n:n+m]...), n+m
		if len(w.buf) == cap(w.buf) && n < len(b) {
			if err := w.flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (w *writer) flush() error {
	_, err := w.append(w.buf, w.from)
	w.buf = nil
	return err
}

// end appends the last piece, with how long it all is.
func (w *writer) end(k kind) (err error) {
	var rest []byte
	if w.buf != nil {
		rest = w.buf[w.from:]
	}
	e := entry{kind: k, name: w.object.name, total: uint64(w.object.size()) + uint64(len(rest))}
	head := e.appendHead(nil)
	if len(head)+len(rest) > w.store.cfg.PieceBytes {
		if err := w.flush(); err != nil {
			return err
		}
		rest = nil
	}
	w.object.number, err = w.append(append(head, rest...), len(head))
	return err
}

// append adds an entry to the object and the stream.
func (w *writer) append(b []byte, from int) (number uint64, err error) {
	room := w.store.cfg.Room
	if w.must {
		room.hold(int64(len(b)))
	} else if err := room.take(int64(len(b))); err != nil {
		return 0, err
	}
	w.object.held += int64(len(b))
	w.object.add(b[from:])
	return w.store.Guard().Own().Append(w.object.tick, b)
}
