package ringlog

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// retryInterval is how long the driver leaves memory or a disk alone that had no room.
const retryInterval = 200 * time.Millisecond

// driver is the goroutine that calls Step for an arena.
type driver struct {
	mu   sync.Mutex
	quit chan struct{}
	done chan struct{}
}

// Start runs Step on a goroutine of its own, whenever there is something to do, until Close. A simulator calls Step itself instead.
func (a *Arena) Start() {
	d := &a.driver
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.quit != nil {
		return
	}
	d.quit, d.done = make(chan struct{}), make(chan struct{})
	go a.run(d.quit, d.done)
}

func (a *Arena) run(quit, done chan struct{}) {
	defer close(done)
	for {
		select {
		case <-quit:
			return
		default:
		}
		if a.Step() {
			continue
		}
		var retry <-chan time.Time
		if a.inTrouble() {
			retry = time.After(retryInterval)
		}
		select {
		case <-quit:
			return
		case <-a.kick:
		case <-retry:
		}
	}
}

// inTrouble reports whether the last growth or the last spill failed.
func (a *Arena) inTrouble() bool {
	a.mu.Lock()
	failing := a.mu.failing
	a.mu.Unlock()
	return failing || (a.spill != nil && a.spill.inTrouble())
}

func (d *driver) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.quit == nil {
		return
	}
	close(d.quit)
	<-d.done
	d.quit = nil
}

// Step does one piece of work, if there is any: populates a segment while too few are free, asks OnFull's function when the
// arena is full, or spills a segment, gives room of the spill file back. It may block on memory and disk. One goroutine at a time.
func (a *Arena) Step() (worked bool) {
	a.mu.Lock()
	closed, grow := a.mu.closed, len(a.mu.free) < a.cfg.ahead() && (len(a.mu.all) < a.mu.max || len(a.mu.free) < a.owed())
	a.mu.Unlock()
	if closed {
		return false
	}
	if grow {
		err := a.grow()
		a.reportGrowth(err)
		if err == nil {
			return true
		}
	}
	if f := a.onFull.Load(); f != nil && a.full() && (*f)() {
		return true
	}
	return a.spillStep()
}

// full reports whether a log waits for a segment, or none is free.
func (a *Arena) full() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.mu.waiting) > 0 || len(a.mu.free) == 0
}

// owed is the number of segments that logs still may take from their reserves. Recovered logs can hold so much that the limit
// alone would not leave that many. Called with a.mu held.
func (a *Arena) owed() (n int) {
	for _, l := range a.mu.logs {
		n += max(0, l.cfg.Reserve-l.held)
	}
	return n
}

// grow adds one populated segment to the free list. The room for it is checked first, since a memory control group answers
// overuse with SIGKILL.
func (a *Arena) grow() error {
	if err := a.checkRoom(); err != nil {
		return err
	}
	a.mu.Lock()
	serial := a.mu.serial
	a.mu.serial++
	a.mu.Unlock()
	mem, err := newMapping(a.cfg.Backing, a.cfg.Dir, serial, a.layout.Bytes)
	if err != nil {
		return fmt.Errorf("arena: one more segment: %w", err)
	}
	s := &segment{mapping: mem, arena: a}
	s.refs.Store(freeFlag)
	a.mu.Lock()
	if a.mu.closed {
		a.mu.Unlock()
		return errors.Join(ErrClosed, mem.destroy())
	}
	a.mu.all = append(a.mu.all, s)
	a.mu.free = append(a.mu.free, nil)
	copy(a.mu.free[1:], a.mu.free) // below the hot ones
	a.mu.free[0] = s
	a.mu.peak = max(a.mu.peak, len(a.mu.all))
	a.mu.Unlock()
	a.wakeWaiting()
	return nil
}

// checkRoom is nil if the machine has memory for one more segment. A look costs a seventh of what the segment does; where there is much, one
// stands for the next few segments as well.
func (a *Arena) checkRoom() error {
	size := int64(a.layout.Bytes)
	if a.unchecked -= size; a.unchecked >= 0 {
		return nil
	}
	a.unchecked = 0
	m, err := a.cfg.Available()
	if err != nil {
		return err
	}
	left := m.Bytes - headroomBytes
	if left < size {
		return fmt.Errorf("arena: one more segment of %d bytes: %d bytes are available (%s), of which %d are left to the rest of the process",
			size, m.Bytes, m.Source, headroomBytes)
	}
	a.unchecked = left/uncheckedShare - size
	return nil
}

// reportGrowth tells of the first of a row of failures.
func (a *Arena) reportGrowth(err error) {
	a.mu.Lock()
	first := err != nil && !a.mu.failing
	a.mu.failing = err != nil
	a.mu.Unlock()
	if first {
		a.cfg.OnError(err)
	}
}

// Stats is a snapshot of an arena.
type Stats struct {
	SegmentBytes    int
	LimitSegments   int // what the configured limit allows
	Segments        int // allocated and populated
	PeakSegments    int
	FreeSegments    int
	Logs            int
	WaitingLogs     int   // got ErrNoSegment and were not woken since
	Leases          int   // held on segments in memory
	CanSpill        bool  // a spill directory is configured
	SpilledSegments int   // whose live frames are on disk
	SpilledBytes    int64 // of live frames on disk, as they were written
	SpillFileBytes  int64
	BlockReads      int64 // of spilled blocks from disk
	BlockHits       int64 // served by the cache
	CachedBytes     int64 // blocks in memory, cached or leased
}

// Stats may be called from any goroutine.
func (a *Arena) Stats() Stats {
	a.mu.Lock()
	st := Stats{
		SegmentBytes:  a.layout.Bytes,
		LimitSegments: a.mu.max,
		Segments:      len(a.mu.all),
		PeakSegments:  a.mu.peak,
		FreeSegments:  len(a.mu.free),
		Logs:          len(a.mu.logs),
		WaitingLogs:   len(a.mu.waiting),
		CanSpill:      a.spill != nil,
	}
	for _, s := range a.mu.all {
		st.Leases += int(s.refs.Load() & (1<<32 - 1))
	}
	a.mu.Unlock()
	if a.spill != nil {
		a.spill.stats(&st)
	}
	return st
}
