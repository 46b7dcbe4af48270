package ringlog

import (
	"fmt"
	"runtime/debug"
)

// addressed is what the runtime panics with on a fault while SetPanicOnFault is on.
type addressed interface{ Addr() uintptr }

// Guard calls f, which may touch frames of any log of the arena. A fault on a segment's memory poisons the log it belongs to
// and is returned, wrapping ErrPoisoned; f is then left in the middle. All other panics pass.
func (a *Arena) Guard(f func()) (err error) {
	defer a.caught(debug.SetPanicOnFault(true), &err)
	f()
	return nil
}

// caught is deferred by everything that touches mapped memory.
func (a *Arena) caught(panicOnFault bool, err *error) {
	debug.SetPanicOnFault(panicOnFault)
	if r := recover(); r != nil {
		*err = a.judge(r)
	}
}

// judge poisons the log whose memory faulted, or panics on.
func (a *Arena) judge(r any) error {
	fault, ok := r.(addressed)
	if !ok {
		panic(r)
	}
	s := a.segmentAt(fault.Addr())
	if s == nil {
		panic(r)
	}
	s.bad.Store(true)
	err := fmt.Errorf("%w: fault at offset %d of segment %d %s", ErrPoisoned, a.offsetOf(s, fault.Addr()), s.number.Load(), s.path)
	if l := s.owner.Load(); l != nil {
		err = fmt.Errorf("%v: %w", l.cfg.identity(), err)
		l.fail(err)
	}
	return err
}

func (a *Arena) segmentAt(addr uintptr) *segment {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.mu.all {
		if s.holds(addr) {
			return s
		}
	}
	return nil
}
