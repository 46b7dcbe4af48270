package ringlog

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Log is a chain of segments with one writer.
type Log struct {
	arena *Arena
	cfg   LogConfig

	committed atomic.Uint64            // frame.Pos; stored by the writer after the frame's first word
	failed    atomic.Pointer[error]    // ErrClosed or ErrPoisoned, with its story
	resident  atomic.Pointer[pinTable] // a cache of mu.units for pins; a miss there decides nothing

	writer writer

	mu struct {
		sync.Mutex
		units  []*unit // ascending by number: everything that lives, in memory or spilled
		spare  []*unit // to be used again
		chains map[frame.Chain]*chain
		dead   *segment // detached under mu, to be recycled after it
		closed bool
	}

	held int  // segments, leased dead ones included; guarded by arena.mu
	job  *job // guarded by arena.mu
}

// unit is what a log knows of one of its segment numbers. Guarded by Log.mu; while open, chains belongs to the writer.
type unit struct {
	number  SegmentNumber
	seg     *segment // nil: spilled
	sealed  bool
	chains  []unitChain
	live    int // chains of a sealed unit that are not trimmed beyond their max
	spilled spilledUnit
}

// unitChain is a chain's part of a unit.
type unitChain struct {
	chainRange
	state *chain
}

// pinTable is a direct-mapped cache from segment numbers to segments; its length is a power of two.
type pinTable []atomic.Pointer[segment]

func (t pinTable) slot(n SegmentNumber) *atomic.Pointer[segment] {
	return &t[uint64(n)&uint64(len(t)-1)]
}

// NewLog makes a log without frames. The segments that its reserve needs must fit into the arena's limit beside all others'.
// With files of a dead process's log of the same identity in the arena's directory it returns ErrExists.
func (a *Arena) NewLog(cfg LogConfig) (*Log, error) {
	l, err := a.register(cfg)
	if err != nil {
		return nil, err
	}
	l.committed.Store(uint64(a.layout.First(0)))
	return l, nil
}

func (a *Arena) register(cfg LogConfig) (*Log, error) {
	cfg.Reserve = max(cfg.Reserve, minReserve)
	l := &Log{arena: a, cfg: cfg}
	l.mu.chains = make(map[frame.Chain]*chain)
	l.writer.chains = make(map[frame.Chain]*chain)
	table := make(pinTable, 16)
	l.resident.Store(&table)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.closed {
		return nil, fmt.Errorf("new log of %v: arena: %w", cfg.identity(), ErrClosed)
	}
	if n := len(a.mu.stale[cfg.identity()]); n > 0 && !cfg.Relay {
		return nil, fmt.Errorf("new log of %v: %w: %d files in %s", cfg.identity(), ErrExists, n, a.cfg.Dir)
	}
	if a.cfg.Backing == Tmpfs && !cfg.Relay && slices.ContainsFunc(a.mu.logs, func(o *Log) bool { return !o.cfg.Relay && o.cfg.identity() == cfg.identity() }) {
		return nil, fmt.Errorf("new log of %v: %w and are in use", cfg.identity(), ErrExists)
	}
	if want := a.mu.reserve + cfg.Reserve; want > a.mu.max {
		return nil, fmt.Errorf("new log of %v: the reserves of %d logs take %d segments of %d bytes, the arena's limit is %d",
			cfg.identity(), len(a.mu.logs)+1, want, a.layout.Bytes, a.mu.max)
	}
	a.mu.reserve += cfg.Reserve
	a.mu.logs = append(a.mu.logs, l)
	l.job = a.job(cfg.Job)
	l.job.logs++
	return l, nil
}

// Committed is the position after the last committed frame: every frame below it can be read, if it is not trimmed.
func (l *Log) Committed() frame.Pos { return frame.Pos(l.committed.Load()) }

// Err is nil, or why the log cannot be used any more: ErrPoisoned or ErrClosed.
func (l *Log) Err() error {
	if p := l.failed.Load(); p != nil {
		return *p
	}
	return nil
}

// fail keeps the first reason.
func (l *Log) fail(err error) { l.failed.CompareAndSwap(nil, &err) }

// Close ends the log: its frames are gone, its segments return to the arena as their leases end. Only the writer, or somebody after
// it has stopped, may call it. Others' calls return ErrClosed from then on. A second Close does nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.mu.closed {
		l.mu.Unlock()
		return nil
	}
	l.mu.closed = true
	l.fail(fmt.Errorf("%v: %w", l.cfg.identity(), ErrClosed))
	l.writer.seg = nil
	for len(l.mu.units) > 0 {
		l.detach(l.mu.units[len(l.mu.units)-1])
	}
	dead := l.takeDead()
	l.mu.Unlock()
	a := l.arena
	a.recycleAll(dead)
	a.mu.Lock()
	a.mu.reserve -= l.cfg.Reserve
	a.mu.beyond += min(l.held, l.cfg.Reserve) // what is still leased now counts against the shared rest
	l.cfg.Reserve = 0
	a.mu.logs = slices.DeleteFunc(a.mu.logs, func(o *Log) bool { return o == l })
	a.stopWaiting(l)
	l.job.logs--
	a.forget(l.cfg.Job, l.job)
	a.mu.Unlock()
	a.wakeWaiting()
	return nil
}

// find returns the unit of a number, or nil. Called with l.mu held.
func (l *Log) find(n SegmentNumber) *unit {
	if u := l.atOrAfter(n); u != nil && u.number == n {
		return u
	}
	return nil
}

// atOrAfter returns the first unit with this number or a greater one, or nil. Called with l.mu held.
func (l *Log) atOrAfter(n SegmentNumber) *unit {
	if i := l.index(n); i < len(l.mu.units) {
		return l.mu.units[i]
	}
	return nil
}

func (l *Log) index(n SegmentNumber) int {
	return sort.Search(len(l.mu.units), func(i int) bool { return l.mu.units[i].number >= n })
}

// attach adds the newest unit, held in s. Called with l.mu held.
func (l *Log) attach(n SegmentNumber, s *segment) *unit {
	var u *unit
	if k := len(l.mu.spare); k > 0 {
		u, l.mu.spare = l.mu.spare[k-1], l.mu.spare[:k-1]
	} else {
		u = &unit{}
	}
	u.number, u.seg = n, s
	l.mu.units = append(l.mu.units, u)
	table := *l.resident.Load()
	if 2*len(l.mu.units) > len(table) && len(table) < 1<<16 {
		table = l.growTable(2 * len(table))
	}
	table.slot(n).Store(s)
	return u
}

// growTable is called with l.mu held.
func (l *Log) growTable(size int) pinTable {
	table := make(pinTable, size)
	for _, o := range l.mu.units {
		table.slot(o.number).Store(o.seg)
	}
	l.resident.Store(&table)
	return table
}

// detach removes a unit: its memory goes to the dead list, or to the last lease's Release; its room on disk is free.
// Called with l.mu held; the caller recycles takeDead() after unlocking.
func (l *Log) detach(u *unit) {
	i := l.index(u.number)
	l.mu.units = slices.Delete(l.mu.units, i, i+1)
	if u.seg != nil {
		l.drop(u.number, u.seg)
	} else {
		l.arena.spill.release(u.spilled.extent)
	}
	clear(u.chains)
	*u = unit{chains: u.chains[:0]}
	if len(l.mu.spare) < 16 {
		l.mu.spare = append(l.mu.spare, u)
	}
}

// drop lets the memory of a unit go. Called with l.mu held.
func (l *Log) drop(n SegmentNumber, s *segment) {
	(*l.resident.Load()).slot(n).CompareAndSwap(s, nil)
	if s.kill() {
		s.next = l.mu.dead
		l.mu.dead = s
	}
}

func (l *Log) takeDead() *segment {
	s := l.mu.dead
	l.mu.dead = nil
	return s
}

// pin leases the segment of a number if it is in memory.
func (l *Log) pin(n SegmentNumber) *segment {
	table := *l.resident.Load()
	if s := table.slot(n).Load(); s != nil && s.pin(l, n) {
		return s
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.find(n)
	if u == nil || u.seg == nil {
		return nil
	}
	table = *l.resident.Load()
	table.slot(n).Store(u.seg)
	u.seg.refs.Add(1) // it lives as long as l.mu is held
	return u.seg
}

// LogStats is a snapshot of a log.
type LogStats struct {
	Committed frame.Pos
	Trimmed   frame.Pos // frames below it are gone
	Segments  int       // in memory
	Spilled   int       // on disk
	Chains    int
	Err       error
}

// Stats may be called from any goroutine.
func (l *Log) Stats() LogStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := LogStats{Committed: l.Committed(), Trimmed: l.trimmed(), Chains: len(l.mu.chains), Err: l.Err()}
	for _, u := range l.mu.units {
		if u.seg != nil {
			st.Segments++
		} else {
			st.Spilled++
		}
	}
	return st
}

// trimmed is the least position that may still be read. Called with l.mu held.
func (l *Log) trimmed() frame.Pos {
	if len(l.mu.units) == 0 {
		return l.Committed()
	}
	return l.arena.layout.First(l.mu.units[0].number)
}

// InMemory reports whether Acquire of this position would not read from disk. It is a hint: the frame may be spilled meanwhile.
func (l *Log) InMemory(pos frame.Pos) bool {
	n, _ := l.arena.layout.Split(pos)
	if s := l.pin(n); s != nil {
		s.unpin()
		return true
	}
	return false
}

// Poison marks the log as unusable, as a fault in one of its mappings does; for callers whom the kernel told EFAULT.
func (l *Log) Poison(reason error) {
	l.fail(fmt.Errorf("%v: %w: %w", l.cfg.identity(), ErrPoisoned, reason))
}

var errNoChainRoom = errors.New("too many chains in a log")
