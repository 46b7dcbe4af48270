package hostlink

import (
	"fmt"
	"sync"

	"github.com/streamscope/streamscope/netio/wire"
)

// mailReader is how one end takes what the other one sends once they share memory: units of a ring, and, where an ASIDE says so, units of
// the connection among them. Whoever looks takes: a core that polls, or the link's own goroutine when a BELL has come.
//
// Invariants:
//   - while nobody polls, the ring's bell is set unless the ring has something that a BELL was sent for
//   - asides > 0: the next unit comes over the connection
type mailReader struct {
	host *Host
	take func(b []byte) error // one unit, checked like one of a connection, borrowed
	tell func()               // sends a BELL
	max  int                  // longest unit, bytes
	mu   struct {
		sync.Mutex
		ring    *ring // nil: not open
		live    bool  // the connection has brought what was sent before the ring was used
		asides  uint32
		failed  error // a unit could not be taken: nothing after it is
		scratch []byte
	}
}

// open begins to read a ring; its units wait for the first BELL unless live. Called with m.mu held.
func (m *mailReader) open(r *ring, live bool) {
	m.mu.ring, m.mu.live, m.mu.asides, m.mu.failed = r, live, 0, nil
}

// close ends reading. With rest, what was sent before an orderly end is read first.
func (m *mailReader) close(rest bool) (err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if rest && m.mu.ring != nil && m.mu.live && m.mu.failed == nil {
		_, err = m.read()
	}
	m.mu.ring, m.mu.live, m.mu.failed = nil, false, nil
	return err
}

// read takes what lies in the ring, up to an ASIDE. Called with m.mu held.
func (m *mailReader) read() (worked bool, err error) {
	if m.mu.failed != nil {
		return false, m.mu.failed
	}
	r := m.mu.ring
	for m.mu.asides == 0 && err == nil {
		var b []byte
		if b, m.mu.scratch, err = r.next(m.mu.scratch, m.max); b == nil {
			break
		}
		worked = true
		if wire.Type(b[4]) != wire.TypeAside {
			err = m.take(b)
			continue
		}
		var a wire.Message
		if a, err = wire.Decode(b); err == nil {
			if a.Len() != 1 || a.Aside(0) == 0 {
				err = fmt.Errorf("%w: ASIDE of %d entries", wire.ErrGarbage, a.Len())
				break
			}
			m.mu.asides = a.Aside(0)
		}
	}
	m.mu.failed = err
	if worked && r.taken() {
		m.tell()
	}
	return worked, err
}

// poll takes what there is, unless somebody else does.
func (m *mailReader) poll() (worked bool, err error) {
	if !m.mu.TryLock() {
		return false, nil
	}
	defer m.mu.Unlock()
	if m.mu.ring == nil || !m.mu.live {
		return false, nil
	}
	if m.mu.ring.bell.Load() != 0 {
		m.mu.ring.bell.Store(0) // somebody looks
	}
	if m.mu.ring.empty() {
		return false, nil
	}
	return m.read()
}

// sleep asks for a BELL, since nobody will look without one. It reports whether there is something to look at.
func (m *mailReader) sleep() bool {
	if !m.mu.TryLock() {
		return false // who has the lock asks
	}
	defer m.mu.Unlock()
	return !m.arm()
}

// arm is called with m.mu held. It reports whether there is nothing to look at.
func (m *mailReader) arm() bool {
	r := m.mu.ring
	if r == nil || !m.mu.live {
		return true
	}
	r.bell.Store(1)
	return r.empty() || m.mu.asides > 0
}

// unit takes a unit of the connection: a BELL; or what an ASIDE announced; or, before the ring is used, anything.
func (m *mailReader) unit(t wire.Type, take func() error) error {
	m.mu.Lock()
	err := m.unitLocked(t, take)
	m.mu.Unlock()
	for err == nil && !m.host.polled() { // after the unlock: a core that went to sleep meanwhile could not ask for a BELL
		m.mu.Lock()
		rest := !m.arm()
		if rest {
			_, err = m.read()
		}
		m.mu.Unlock()
		if !rest {
			break
		}
	}
	return err
}

func (m *mailReader) unitLocked(t wire.Type, take func() error) error {
	switch {
	case t == wire.TypeBell && m.mu.ring == nil, t == wire.TypeAside:
		return fmt.Errorf("%w: %v on a connection", wire.ErrGarbage, t)
	case t == wire.TypeBell:
		m.mu.live = true
		_, err := m.read()
		return err
	case !m.mu.live:
		m.mu.failed = take()
		return m.mu.failed
	}
	if _, err := m.read(); err != nil {
		return err
	}
	if m.mu.asides == 0 {
		return fmt.Errorf("%w: %v on a connection that shares memory, without ASIDE", wire.ErrGarbage, t)
	}
	if m.mu.failed = take(); m.mu.failed != nil {
		return m.mu.failed
	}
	m.mu.asides--
	_, err := m.read()
	return err
}
