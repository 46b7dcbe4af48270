package ringlog

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// Arena owns the segments of a process, deals them to logs and takes them back.
type Arena struct {
	cfg    ArenaConfig
	layout Layout
	spill  *spillStore // nil without SpillDir
	lock   *os.File    // of Dir, for Tmpfs

	kick   chan struct{} // tells a driver that Step has something to do
	driver driver
	// hungry is whether mu.waiting has a log. The end of a lease looks here: it may be what the spilling waits for.
	hungry atomic.Bool
	shared atomic.Int64 // holds of Share; Invariant: <= maxShared, but for a moment in Hold
	onFull atomic.Pointer[func() bool]
	// unchecked is what may be grown by before the machine's memory is looked at again, in bytes; it belongs to who calls Step.
	unchecked int64

	mu struct {
		sync.Mutex
		all     []*segment
		free    []*segment // last in, first out: few segments stay hot in the caches
		max     int        // segments that the limit allows, or the system, if that is less
		logs    []*Log
		reserve int    // Invariant: the sum of the logs' reserves; <= LimitBytes / segment size
		beyond  int    // segments that logs hold beyond their reserves
		moves   uint64 // of segments between logs and the arena
		jobs    map[uint64]*job
		waiting []*Log // got ErrNoSegment, first come first
		stale   map[Identity][]string
		serial  uint64 // of the next segment file
		closed  bool
		failing bool // the last growth failed and was reported
		peak    int
	}
}

// job is the part of an arena that a job may take.
type job struct {
	quota int // segments; 0: no limit
	used  int
	logs  int
}

// NewArena checks the limit against the machine's memory, and allocates and populates the first two segments.
func NewArena(cfg ArenaConfig) (*Arena, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	layout, err := NewLayout(cfg.SegmentBytes)
	if err != nil {
		return nil, err
	}
	a := &Arena{cfg: cfg, layout: layout, kick: make(chan struct{}, 1)}
	a.mu.max = int(cfg.LimitBytes / int64(cfg.SegmentBytes))
	a.mu.jobs = make(map[uint64]*job)
	if cfg.Backing == Tmpfs {
		if err := a.openDir(); err != nil {
			return nil, err
		}
	}
	if cfg.OpenSpill != nil {
		if a.spill, err = newSpillStore(cfg); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	for range aheadSegments {
		if err := a.grow(); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// Layout is the layout of the arena's segments.
func (a *Arena) Layout() Layout { return a.layout }

// MaxFrame is the length of the longest frame that a log of this arena takes, in bytes.
func (a *Arena) MaxFrame() int { return a.layout.MaxFrame() }

// SetQuota limits what the logs of a job may hold in memory together, in bytes, 0 for no limit but the arena's. The logs' reserves
// come before any quota.
func (a *Arena) SetQuota(jobID uint64, bytes int64) {
	a.mu.Lock()
	j := a.job(jobID)
	j.quota = int((bytes + int64(a.layout.Bytes) - 1) / int64(a.layout.Bytes))
	a.forget(jobID, j)
	a.mu.Unlock()
	a.wakeWaiting()
}

// OnFull has Step call f when logs need segments and the arena may not grow: f trims what can be done without, and reports whether it did.
// Only when it did not, something is spilled. nil: nobody is asked. f is called without locks, on the goroutine of Step, perhaps once more
// after it was replaced.
func (a *Arena) OnFull(f func() bool) {
	if f == nil {
		a.onFull.Store(nil)
		return
	}
	a.onFull.Store(&f)
}

// job is called with a.mu held.
func (a *Arena) job(id uint64) *job {
	j := a.mu.jobs[id]
	if j == nil {
		j = &job{}
		a.mu.jobs[id] = j
	}
	return j
}

// forget drops a job that has neither logs nor a quota. Called with a.mu held.
func (a *Arena) forget(id uint64, j *job) {
	if j.logs == 0 && j.quota == 0 {
		delete(a.mu.jobs, id)
	}
}

// take deals a free segment to a log, or notes that the log waits for one. The segment still has freeFlag.
func (a *Arena) take(l *Log) *segment {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.mu.free) == 0 || !a.mayHold(l) {
		if !slices.Contains(a.mu.waiting, l) {
			a.mu.waiting = append(a.mu.waiting, l)
			a.hungry.Store(true)
		}
		a.notify()
		return nil
	}
	n := len(a.mu.free) - 1
	s := a.mu.free[n]
	a.mu.free = a.mu.free[:n]
	a.account(l, 1)
	a.stopWaiting(l)
	if n < a.cfg.ahead() {
		a.notify()
	}
	return s
}

// stopWaiting is called with a.mu held.
func (a *Arena) stopWaiting(l *Log) {
	a.mu.waiting = slices.DeleteFunc(a.mu.waiting, func(w *Log) bool { return w == l })
	a.hungry.Store(len(a.mu.waiting) > 0)
}

// mayHold reports whether a log may hold one more segment. Called with a.mu held.
func (a *Arena) mayHold(l *Log) bool {
	if l.held < l.cfg.Reserve {
		return true
	}
	return a.mu.beyond < a.mu.max-a.mu.reserve && (l.job.quota == 0 || l.job.used < l.job.quota)
}

// account notes that a log holds one segment more or less. Called with a.mu held.
func (a *Arena) account(l *Log, by int) {
	was := max(0, l.held-l.cfg.Reserve)
	l.held += by
	a.mu.moves++
	l.job.used += by
	a.mu.beyond += max(0, l.held-l.cfg.Reserve) - was
}

// recycle returns a segment whose freeFlag the caller won, and wakes who waits for one.
func (a *Arena) recycle(s *segment) {
	if err := a.Guard(func() { word(s.mem, 0).Store(0) }); err != nil { // a dead segment must not be recovered
		s.bad.Store(true)
	}
	a.mu.Lock()
	if l := s.owner.Swap(nil); l != nil {
		a.account(l, -1)
	}
	destroy := a.mu.closed || s.bad.Load() || s.retired.Load()
	if destroy {
		a.mu.all = slices.DeleteFunc(a.mu.all, func(t *segment) bool { return t == s })
	} else {
		a.mu.free = append(a.mu.free, s)
	}
	a.mu.Unlock()
	if destroy {
		s.gone.Store(true)
		a.notify() // a segment may be missing now
		if err := s.destroy(); err != nil && !s.bad.Load() {
			a.cfg.OnError(fmt.Errorf("arena: give back a segment: %w", err))
		}
	}
	a.wakeWaiting()
}

// recycleAll recycles a list linked by next.
func (a *Arena) recycleAll(s *segment) {
	for s != nil {
		next := s.next
		s.next = nil
		a.recycle(s)
		s = next
	}
}

// wakeWaiting calls Wake of the logs that waited when it began, each once, without locks.
func (a *Arena) wakeWaiting() {
	a.mu.Lock()
	n := len(a.mu.waiting)
	a.mu.Unlock()
	for ; n > 0; n-- {
		a.mu.Lock()
		if len(a.mu.waiting) == 0 {
			a.mu.Unlock()
			return
		}
		l := a.mu.waiting[0]
		a.stopWaiting(l)
		a.mu.Unlock()
		if l.cfg.Wake != nil {
			l.cfg.Wake()
		}
	}
}

func (a *Arena) notify() {
	select {
	case a.kick <- struct{}{}:
	default:
	}
}

// Close stops the driver, closes all logs and gives all memory back. Segments that are still leased stay mapped until their
// last Release; the error then wraps ErrLeased and counts them.
func (a *Arena) Close() error {
	a.driver.stop()
	a.mu.Lock()
	logs := slices.Clone(a.mu.logs)
	a.mu.closed = true
	a.mu.Unlock()
	var errs []error
	for _, l := range logs {
		errs = append(errs, l.Close())
	}
	a.mu.Lock()
	free := a.mu.free
	a.mu.free = nil
	a.mu.all = slices.DeleteFunc(a.mu.all, func(s *segment) bool { return slices.Contains(free, s) })
	leased := len(a.mu.all)
	a.mu.Unlock()
	for _, s := range free {
		errs = append(errs, s.destroy())
	}
	if a.spill != nil {
		errs = append(errs, a.spill.close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
		a.lock = nil
	}
	if leased > 0 {
		errs = append(errs, fmt.Errorf("arena: %w: %d of them", ErrLeased, leased))
	}
	return errors.Join(errs...)
}
