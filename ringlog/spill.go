package ringlog

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// spilledUnit says where the live frames of a segment are on disk. Guarded by Log.mu.
type spilledUnit struct {
	id     uint64 // unique in the arena; 0: in memory
	extent extent
	index  []spilledFrame // ascending by offset
	blocks []spilledBlock
}

// spilledFrame is a frame on disk.
type spilledFrame struct {
	offset uint32 // in the segment that was
	length uint32 // unpadded
	at     uint32 // in the block
	block  uint32
	chain  uint32 // index into the unit's chains
	tick   frame.Tick
}

// spilledBlock is what is read at once: whole frames, padded, one after the other.
type spilledBlock struct {
	at     uint32 // in the extent
	length uint32
}

// frameAtOrAfter returns the index of the first frame at the offset or beyond.
func (s *spilledUnit) frameAtOrAfter(offset int) int {
	i, _ := slices.BinarySearchFunc(s.index, offset, func(f spilledFrame, o int) int { return int(f.offset) - o })
	return i
}

// spillBlockBytes is the size at which a block ends; a longer frame is a block of its own.
const spillBlockBytes = 64 << 10

// spillStep spills one segment if a log waits for one, or none is free, and the arena may not grow; and gives the file's unused end back.
func (a *Arena) spillStep() (worked bool) {
	if a.spill == nil {
		return false
	}
	scope := a.spillScope()
	v := coldest(scope)
	if v.log == nil {
		return a.spill.shrink()
	}
	err := a.spillUnit(v)
	a.spill.report(a.cfg.OnError, err)
	return err == nil
}

// spillScope lists the logs of which a spilled segment would help somebody.
func (a *Arena) spillScope() []*Log {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.mu.waiting) == 0 && len(a.mu.free) > 0 {
		return nil
	}
	var scope []*Log
	for _, l := range a.mu.logs {
		helps := len(a.mu.waiting) == 0 && l.held > l.cfg.Reserve
		for _, w := range a.mu.waiting {
			byQuota := w.job.quota > 0 && w.job.used >= w.job.quota && w.held >= w.cfg.Reserve
			helps = helps || l == w || (byQuota && l.job == w.job && l.held > l.cfg.Reserve) || (!byQuota && l.held > l.cfg.Reserve)
		}
		if helps {
			scope = append(scope, l)
		}
	}
	return scope
}

// victim is a unit that could be spilled.
type victim struct {
	log    *Log
	number SegmentNumber
	lowest frame.Tick // the greater, the longer it is not needed
}

// coldest finds the unit that will be needed last: among sealed ones without leases that whose lowest live tick is highest.
func coldest(logs []*Log) (best victim) {
	for _, l := range logs {
		l.mu.Lock()
		for _, u := range l.mu.units {
			if u.seg == nil || !u.sealed || u.seg.refs.Load() != 0 || u.seg.bad.Load() {
				continue
			}
			if t := u.lowestLive(); best.log == nil || t >= best.lowest {
				best = victim{l, u.number, t}
			}
		}
		l.mu.Unlock()
	}
	return best
}

// spillUnit writes the live frames of a unit and lets its segment go. Readers are served from memory until the unit is switched over
// in one step under the log's lock; a lease taken meanwhile, or a trim, makes the work void.
func (a *Arena) spillUnit(v victim) (err error) {
	l := v.log
	s := l.pin(v.number)
	if s == nil {
		return nil
	}
	var su spilledUnit
	fault := a.Guard(func() { su, err = l.writeSpilled(s, v.number) })
	if errors.Is(err, unix.EFAULT) { // the kernel met the fault before we could
		s.bad.Store(true)
		l.Poison(err)
	}
	if err = errors.Join(fault, err); err != nil {
		s.unpin()
		return err
	}
	l.mu.Lock()
	u := l.find(v.number)
	if u == nil || u.seg != s || !s.refs.CompareAndSwap(1, deadFlag) {
		l.mu.Unlock()
		s.unpin()
		a.spill.free(su.extent)
		return nil
	}
	u.spilled, u.seg = su, nil
	(*l.resident.Load()).slot(v.number).CompareAndSwap(s, nil)
	l.mu.Unlock()
	a.spill.count(1, int64(su.extent.len))
	if s.refs.CompareAndSwap(deadFlag, freeFlag) {
		a.recycle(s)
	}
	return nil
}

// writeSpilled writes the live frames of a pinned, sealed segment to the spill file.
func (l *Log) writeSpilled(s *segment, n SegmentNumber) (spilledUnit, error) {
	su := spilledUnit{id: l.arena.spill.nextID()}
	runs, total, err := l.planSpill(s, n, &su)
	if err != nil || total == 0 {
		return su, err
	}
	su.extent = l.arena.spill.alloc(int64(total))
	at := su.extent.off
	for _, r := range runs {
		if _, err := l.arena.spill.file.WriteAt(s.mem[r.from:r.to], at); err != nil {
			l.arena.spill.free(su.extent)
			return su, fmt.Errorf("spill segment %d of %v: %w", n, l.cfg.identity(), err)
		}
		at += int64(r.to - r.from)
	}
	return su, nil
}

// memRun is a range of a segment's memory.
type memRun struct{ from, to int }

// planSpill indexes the live frames of a segment, packed, and returns the runs of memory that hold them.
func (l *Log) planSpill(s *segment, n SegmentNumber, su *spilledUnit) (runs []memRun, total int, err error) {
	end := int(s.end.Load())
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.find(n)
	if u == nil {
		return nil, 0, nil // trimmed meanwhile: the caller finds that out again
	}
	chains := make(map[frame.Chain]uint32, len(u.chains))
	for i := range u.chains {
		chains[u.chains[i].chain] = uint32(i)
	}
	for offset := SegmentHeaderLen; offset < end; {
		b, err := l.frameAt(s, l.arena.layout.Join(n, offset), offset)
		if err != nil {
			return nil, 0, err
		}
		h := frame.DecodeHeader(b)
		padded := h.Padded()
		if c, ok := chains[h.Chain()]; ok && h.Type != frame.Pad && !u.chains[c].state.trims(h.Tick) {
			if k := len(runs) - 1; k >= 0 && runs[k].to == offset {
				runs[k].to += padded
			} else {
				runs = append(runs, memRun{offset, offset + padded})
			}
			su.add(spilledFrame{offset: uint32(offset), length: uint32(h.Len), chain: c, tick: h.Tick}, total, padded)
			total += padded
		}
		offset += padded
	}
	return runs, total, nil
}

// add appends a frame that lies at the given place in the extent.
func (s *spilledUnit) add(f spilledFrame, at, padded int) {
	k := len(s.blocks) - 1
	if k < 0 || int(s.blocks[k].length)+padded > spillBlockBytes {
		s.blocks = append(s.blocks, spilledBlock{at: uint32(at)})
		k++
	}
	f.block, f.at = uint32(k), s.blocks[k].length
	s.blocks[k].length += uint32(padded)
	s.index = append(s.index, f)
}

// acquireSpilled leases a frame of a segment that is not in memory.
func (l *Log) acquireSpilled(n SegmentNumber, offset int) (Lease, error) {
	pos := l.arena.layout.Join(n, offset)
	l.mu.Lock()
	u := l.find(n)
	if u == nil || u.seg != nil {
		l.mu.Unlock()
		if err := l.Err(); err != nil {
			return Lease{}, err
		}
		return Lease{}, fmt.Errorf("acquire %d: %w", pos, ErrTrimmed)
	}
	i := u.spilled.frameAtOrAfter(offset)
	if i == len(u.spilled.index) || int(u.spilled.index[i].offset) != offset {
		l.mu.Unlock()
		return Lease{}, fmt.Errorf("acquire %d: %w: it was not spilled", pos, ErrTrimmed)
	}
	f, id := u.spilled.index[i], u.spilled.id
	k := u.spilled.blocks[f.block]
	from := u.spilled.extent.off + int64(k.at)
	l.mu.Unlock()

	still := func() bool { // the extent was not given to others while it was read
		l.mu.Lock()
		defer l.mu.Unlock()
		u := l.find(n)
		return u != nil && u.spilled.id == id
	}
	b, err := l.arena.spill.block(blockKey{id, f.block}, from, int(k.length), still)
	if err != nil {
		return Lease{}, fmt.Errorf("acquire %d: %w", pos, err)
	}
	return Lease{b: b.buf[f.at : f.at+f.length : f.at+f.length], block: b}, nil
}
