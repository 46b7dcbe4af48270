package ringlog

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Recovery is what Recover found.
type Recovery struct {
	Segments    int
	Frames      int
	End         frame.Pos         // where the log of the dead process ends
	Incarnation frame.Incarnation // its last one
	Torn        error             // why the last segment ends where it does, if not because nothing follows
}

// Recover maps what a dead process left of a log in the arena's directory, as the package document tells, and returns the log, to be
// read from its first surviving frame on and written to under cfg.Incarnation, which must be greater than any before. Every frame
// below acked was acknowledged to somebody: losing one is ErrCorrupt, as is damage anywhere but at the log's torn end. Without
// files it returns an empty log, which begins beyond acked. After an error the files can be recovered or inspected again.
func (a *Arena) Recover(cfg LogConfig, acked frame.Pos) (*Log, Recovery, error) {
	id := cfg.identity()
	fail := func(err error) (*Log, Recovery, error) { return nil, Recovery{}, fmt.Errorf("recover %v: %w", id, err) }
	if a.cfg.Backing != Tmpfs || cfg.Relay {
		return fail(fmt.Errorf("got %v, relay %v; want a tmpfs log of frames of its own", a.cfg.Backing, cfg.Relay))
	}
	a.mu.Lock()
	names := slices.Clone(a.mu.stale[id])
	a.mu.Unlock()
	r := recovering{arena: a, acked: acked}
	err := r.mapAll(names)
	if err == nil {
		err = r.scanAll()
	}
	if err == nil && len(r.segs) > 0 && cfg.Incarnation <= r.report.Incarnation {
		err = fmt.Errorf("incarnation: got %d, want more than %d", cfg.Incarnation, r.report.Incarnation)
	}
	if err != nil {
		return fail(errors.Join(err, r.unmap()))
	}
	l, err := a.adopt(cfg, &r)
	if err != nil {
		return fail(errors.Join(err, r.unmap()))
	}
	return l, r.report, nil
}

// recovering is a recovery under way.
type recovering struct {
	arena  *Arena
	acked  frame.Pos
	segs   []*recovered  // ascending by number
	next   SegmentNumber // to begin
	report Recovery
}

// recovered is a segment of a dead process.
type recovered struct {
	seg     *segment
	scan    SegmentScan
	entries []entry
	chains  []chainRange
	last    map[frame.Chain]frame.Pos
}

func (r *recovering) mapAll(names []string) error {
	for _, name := range names {
		fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: name, Err: err}
		}
		m := mapping{fd: fd, path: name}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Size != int64(r.arena.layout.Bytes) {
			return errors.Join(fmt.Errorf("%w: %s: got %d bytes, want %d", ErrCorrupt, name, st.Size, r.arena.layout.Bytes), err, m.detach())
		}
		if m, err = m.mapFile(r.arena.layout.Bytes); err == nil {
			err = populate(m.mem)
		}
		if err != nil {
			return errors.Join(err, m.detach())
		}
		r.segs = append(r.segs, &recovered{seg: &segment{mapping: m, arena: r.arena}})
	}
	return nil
}

func (r *recovering) unmap() error {
	var errs []error
	for _, s := range r.segs {
		errs = append(errs, s.seg.detach())
	}
	return errors.Join(errs...)
}

func (r *recovering) scanAll() error {
	for _, s := range r.segs {
		if err := s.read(); err != nil {
			return fmt.Errorf("%s: %w", s.seg.path, err)
		}
	}
	slices.SortFunc(r.segs, func(x, y *recovered) int {
		return int(min(max(int64(x.scan.Header.Number)-int64(y.scan.Header.Number), -1), 1))
	})
	for i, s := range r.segs {
		r.acked = max(r.acked, s.scan.Checkpoint.Committed)
		h := &s.scan.Header
		if i > 0 && (h.Number == r.segs[i-1].scan.Header.Number || h.Incarnation < r.report.Incarnation) {
			return fmt.Errorf("%w: %s: segment %d of incarnation %d after segment %d of incarnation %d", ErrCorrupt, s.seg.path,
				h.Number, h.Incarnation, r.segs[i-1].scan.Header.Number, r.report.Incarnation)
		}
		if i < len(r.segs)-1 && !s.scan.Sealed {
			return fmt.Errorf("%w: %s: segment %d ends at offset %d without a seal, yet %d follows: %w", ErrCorrupt, s.seg.path,
				h.Number, s.scan.End, r.segs[i+1].scan.Header.Number, stoppedOr(s.scan.Stopped))
		}
		r.report.Incarnation = h.Incarnation
		r.report.Segments++
		r.report.Frames += s.scan.Frames
	}
	return r.judgeEnd()
}

// judgeEnd finds where the log ends. Behind a sealed segment others may have been trimmed, as in a hole: their positions are not
// used again if they were acknowledged. Behind an open one there was nothing.
func (r *recovering) judgeEnd() error {
	y := r.arena.layout
	if r.acked > y.First(0) {
		n, _ := y.Split(r.acked - 1)
		r.next = n + 1
	}
	for _, s := range r.segs { // a segment whose tail was lost to an earlier recovery
		if end := y.Join(s.scan.Header.Number, s.scan.End); s.scan.Header.Number+1 == r.next && s.scan.Sealed && r.acked > end {
			return fmt.Errorf("%w: segment %d ends at %d, yet frames up to %d were acknowledged", ErrCorrupt, s.scan.Header.Number, end, r.acked)
		}
	}
	if len(r.segs) == 0 {
		return nil
	}
	last := &r.segs[len(r.segs)-1].scan
	r.next = max(r.next, last.Header.Number+1)
	if last.Sealed {
		r.report.End = y.First(last.Header.Number + 1)
		return nil
	}
	r.report.End, r.report.Torn = y.Join(last.Header.Number, last.End), last.Stopped
	if r.acked > r.report.End {
		return fmt.Errorf("%w: the log ends at %d, yet frames up to %d were acknowledged: %w", ErrCorrupt, r.report.End, r.acked, stoppedOr(last.Stopped))
	}
	return nil
}

func stoppedOr(err error) error {
	if err != nil {
		return err
	}
	return errUnwritten
}

// read scans one segment and collects what a writer would know of it.
func (s *recovered) read() (err error) {
	index := make(map[frame.Chain]uint32)
	s.last = make(map[frame.Chain]frame.Pos)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { // the arena does not know the segment yet, so its Guard would not
		if r := recover(); r != nil {
			if fault, ok := r.(addressed); !ok || !s.seg.holds(fault.Addr()) {
				panic(r)
			}
			err = fmt.Errorf("%w: fault in the mapping", ErrCorrupt)
		}
	}()
	s.scan, err = ScanSegment(s.seg.mem, func(offset int, h frame.Header) {
		i, ok := index[h.Chain()]
		if !ok {
			i = uint32(len(s.chains))
			index[h.Chain()] = i
			s.chains = append(s.chains, chainRange{chain: h.Chain(), min: h.Tick, max: h.Tick})
		}
		c := &s.chains[i]
		c.min, c.max, c.frames = min(c.min, h.Tick), max(c.max, h.Tick), c.frames+1
		s.entries = append(s.entries, entry{uint32(offset), i})
		s.last[h.Chain()] = h.Pos
	})
	return err
}

// seal ends a segment where its scan ended (crash states C1 to C5, C8, C10). There is room: it was set aside before each claim. But what
// a torn frame left is not believed: without room for the footer it is an error.
func (s *recovered) seal() error {
	h := &s.scan.Header
	if !s.scan.Sealed {
		if s.scan.End+tailLen(len(s.chains), len(s.entries)) > len(s.seg.mem) {
			return fmt.Errorf("%w: %s: no room to seal at %d", ErrCorrupt, s.seg.path, s.scan.End)
		}
		word(s.seg.mem, s.scan.End).Store(0)
		footer := putFooter(s.seg.mem, h.Number, h.Incarnation, s.scan.End, s.chains, s.entries, make([]uint32, len(s.chains)))
		n := footer - s.scan.End
		y := s.seg.arena.layout
		pad := frame.Header{Len: int32(n), Type: frame.Pad, Pos: y.Join(h.Number, s.scan.End), Incarnation: h.Incarnation, Core: h.Core}
		b := s.seg.mem[s.scan.End : s.scan.End+n]
		word(b, 0).Store(putFrame(b, &pad))
	}
	s.seg.end.Store(int64(s.scan.End))
	return nil
}

// adopt makes a log of the recovered segments. They count as held by it, even beyond the arena's limit.
func (a *Arena) adopt(cfg LogConfig, r *recovering) (*Log, error) {
	for _, s := range r.segs {
		if err := s.seal(); err != nil {
			return nil, err
		}
	}
	a.mu.Lock()
	stale := a.mu.stale[cfg.identity()]
	delete(a.mu.stale, cfg.identity())
	a.mu.Unlock()
	l, err := a.register(cfg)
	if err != nil {
		a.mu.Lock()
		a.mu.stale[cfg.identity()] = stale
		a.mu.Unlock()
		return nil, err
	}
	a.mu.Lock()
	for _, s := range r.segs {
		s.seg.owner.Store(l)
		s.seg.number.Store(uint64(s.scan.Header.Number))
		a.mu.all = append(a.mu.all, s.seg)
		a.account(l, 1)
	}
	a.mu.peak = max(a.mu.peak, len(a.mu.all))
	a.mu.Unlock()
	l.mu.Lock()
	for _, s := range r.segs {
		l.adoptUnit(s)
	}
	dead := l.takeDead()
	l.mu.Unlock()
	l.writer.number = r.next
	l.committed.Store(uint64(a.layout.First(r.next)))
	a.recycleAll(dead)
	return l, nil
}

// adoptUnit books a recovered segment. Called with l.mu held.
func (l *Log) adoptUnit(s *recovered) {
	u := l.attach(s.scan.Header.Number, s.seg)
	for _, c := range s.chains {
		state := l.chain(c.chain)
		state.last = s.last[c.chain]
		u.chains = append(u.chains, unitChain{c, state})
	}
	l.sealUnit(u)
	l.writer.checkpoint = max(l.writer.checkpoint, s.scan.Checkpoint.Sequence)
}
