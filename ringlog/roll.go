package ringlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// roll seals the writer's segment, if there is one, and takes another with room for a frame of n bytes.
func (l *Log) roll(n int) error {
	w := &l.writer
	a := l.arena
	if n > a.layout.MaxFrame() {
		return fmt.Errorf("%w: got %d bytes, want at most %d in segments of %d", ErrFrameTooLarge, n, a.layout.MaxFrame(), a.layout.Bytes)
	}
	if w.seg != nil {
		l.seal()
	}
	s := a.take(l)
	if s == nil {
		return ErrNoSegment
	}
	l.open(s)
	return nil
}

// open begins the writer's next segment in s.
func (l *Log) open(s *segment) {
	w := &l.writer
	s.owner.Store(l)
	s.number.Store(uint64(w.number))
	s.end.Store(0)
	s.refs.Add(-freeFlag)
	l.mu.Lock()
	w.unit = l.attach(w.number, s) // before its memory is touched, so that a fault leaves it with an owner
	l.mu.Unlock()
	w.seg, w.at, w.entries = s, SegmentHeaderLen, w.entries[:0]
	w.tail = tailLen(1, 1)
	s.format(&SegmentHeader{
		Identity: l.cfg.identity(), Relay: l.cfg.Relay, Incarnation: l.cfg.Incarnation, Number: w.number, Bytes: len(s.mem),
	}, l.nextCheckpoint())
}

// seal ends the writer's segment: footer, PAD, bookkeeping, then the committed position moves to the next segment. If all of it was
// trimmed meanwhile it goes back to the arena at once.
func (l *Log) seal() {
	w := &l.writer
	s, u := w.seg, w.unit
	w.ranges, w.starts = w.ranges[:0], w.starts[:0]
	for i := range u.chains {
		w.ranges = append(w.ranges, u.chains[i].chainRange)
		w.starts = append(w.starts, 0)
	}
	footer := putFooter(s.mem, w.number, l.cfg.Incarnation, w.at, w.ranges, w.entries, w.starts)
	l.pad(footer - w.at)
	s.end.Store(int64(w.at))
	l.mu.Lock()
	l.sealUnit(u)
	dead := l.takeDead()
	l.mu.Unlock()
	w.seg, w.unit = nil, nil
	w.number++
	l.committed.Store(uint64(l.arena.layout.First(w.number)))
	l.arena.recycleAll(dead)
}

// sealUnit books a unit's chains as live or trimmed, and detaches it if nothing lives. Called with l.mu held.
func (l *Log) sealUnit(u *unit) {
	u.sealed = true
	for i := range u.chains {
		c := &u.chains[i]
		if c.state.trims(c.max) {
			continue
		}
		u.live++
		c.state.sealed.push(sealedUnit{c.max, u})
	}
	if u.live == 0 {
		l.detach(u)
	}
}

func (a *Arena) offsetOf(s *segment, addr uintptr) int {
	return int(addr - uintptr(unsafe.Pointer(unsafe.SliceData(s.mem))))
}

func le64(b []byte) uint64       { return binary.LittleEndian.Uint64(b) }
func putLE64(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }

var errLength = errors.New("wrong length or type")

func errOr(err error) error {
	if err != nil {
		return err
	}
	return errLength
}
