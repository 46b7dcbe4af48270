package extent

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/state"
)

const (
	extentLog   = 21
	extentBytes = 1 << extentLog
	unitBytes   = state.PageLarge
	units       = extentBytes / unitBytes
)

// class is what a unit is cut into.
type class uint8

const (
	small class = iota
	medium
	large
	classes
	unused class = 0xff
)

var (
	classBytes = [classes]int{state.PageSmall, state.PageMedium, state.PageLarge}
	// wholeMask has a bit for each page of a unit.
	wholeMask = [classes]uint16{1<<(unitBytes/state.PageSmall) - 1, 1<<(unitBytes/state.PageMedium) - 1, 1}
)

const _ = uint(16 - unitBytes/state.PageSmall)

// Arena is the budget of a node's state.
type Arena struct {
	budgetBytes int64
	mappedBytes atomic.Int64
}

// NewArena returns an arena that maps at most budgetBytes; at least one extent per Pages in use is needed.
func NewArena(budgetBytes int64) *Arena { return &Arena{budgetBytes: budgetBytes} }

// Mapped is the memory mapped now, in bytes.
func (a *Arena) Mapped() int64 { return a.mappedBytes.Load() }

// NewPages returns pages for one core, empty.
func (a *Arena) NewPages() *Pages {
	return &Pages{arena: a, byBase: map[uintptr]*extent{}, single: map[uintptr][]byte{}}
}

func (a *Arena) take(n int64) bool {
	if a.mappedBytes.Add(n) > a.budgetBytes {
		a.mappedBytes.Add(-n)
		return false
	}
	return true
}

// extent is a mapping of 2 MiB.
type extent struct {
	mem   []byte
	units [units]unit
	free  [units / 64]uint64 // units without a page in use
	inUse int
	// listed: in Pages.open
	listed bool
}

// unit is 16 KiB of an extent.
type unit struct {
	class  class
	dirty  bool        // pages may hold what an earlier owner left
	listed [large]bool // in Pages.partial
	free   uint16      // bit i: page i of the unit is free
}

type unitRef struct {
	e *extent
	i int
}

// Pages implements state.Pages.
//
// open and partial may hold extents and units that have no room any more; they are passed over when met.
type Pages struct {
	arena   *Arena
	byBase  map[uintptr]*extent
	open    []*extent        // that have free units
	partial [large][]unitRef // small and medium units that have free pages
	spare   *extent          // the one extent without a unit in use that is kept, or nil
	single  map[uintptr][]byte
}

var _ state.Pages = (*Pages)(nil)

// Alloc implements state.Pages.
func (p *Pages) Alloc(size int) []byte {
	if size <= 0 || state.PageSize(size) != size {
		panic(fmt.Sprintf("extent: page of %d bytes", size))
	}
	switch size {
	case state.PageSmall:
		return p.part(small)
	case state.PageMedium:
		return p.part(medium)
	case state.PageLarge:
		r, ok := p.unit(large)
		if !ok {
			return nil
		}
		return r.page(0)
	}
	return p.allocSingle(size)
}

// part returns a page of a unit that is cut.
func (p *Pages) part(c class) []byte {
	for list := &p.partial[c]; len(*list) > 0; {
		r := (*list)[len(*list)-1]
		if u := &r.e.units[r.i]; u.class == c && u.free != 0 {
			return r.page(bits.TrailingZeros16(u.free))
		}
		*list = (*list)[:len(*list)-1]
		r.e.units[r.i].listed[c] = false
	}
	r, ok := p.unit(c)
	if !ok {
		return nil
	}
	p.list(r, c)
	return r.page(0)
}

func (p *Pages) list(r unitRef, c class) {
	if u := &r.e.units[r.i]; !u.listed[c] {
		u.listed[c] = true
		p.partial[c] = append(p.partial[c], r)
	}
}

// page takes page i of a unit.
func (r unitRef) page(i int) []byte {
	u := &r.e.units[r.i]
	u.free &^= 1 << i
	size := classBytes[u.class]
	at := r.i*unitBytes + i*size
	b := r.e.mem[at : at+size : at+size]
	if u.dirty {
		clear(b)
	}
	return b
}

// unit takes a free unit and cuts it.
func (p *Pages) unit(c class) (unitRef, bool) {
	e := p.withRoom()
	if e == nil {
		return unitRef{}, false
	}
	w := 0
	for e.free[w] == 0 {
		w++
	}
	i := 64*w + bits.TrailingZeros64(e.free[w])
	e.free[w] &^= 1 << (i & 63)
	e.inUse++
	e.units[i].class, e.units[i].free = c, wholeMask[c]
	return unitRef{e, i}, true
}

// withRoom returns an extent with a free unit, mapped if need be; nil: there is no memory.
func (p *Pages) withRoom() *extent {
	for len(p.open) > 0 {
		if e := p.open[len(p.open)-1]; e.mem != nil && e.inUse < units {
			if e == p.spare {
				p.spare = nil
			}
			return e
		}
		p.open[len(p.open)-1].listed = false
		p.open = p.open[:len(p.open)-1]
	}
	if !p.arena.take(extentBytes) {
		return nil
	}
	mem, err := mapAligned()
	if err != nil {
		p.arena.mappedBytes.Add(-extentBytes)
		return nil
	}
	e := &extent{mem: mem}
	for i := range e.free {
		e.free[i] = ^uint64(0)
	}
	for i := range e.units {
		e.units[i].class = unused
	}
	p.byBase[base(mem)] = e
	p.listExtent(e)
	return e
}

func (p *Pages) listExtent(e *extent) {
	if !e.listed {
		e.listed = true
		p.open = append(p.open, e)
	}
}

func base(b []byte) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b))) >> extentLog
}

// Free implements state.Pages.
func (p *Pages) Free(page []byte) {
	if len(page) > unitBytes {
		p.freeSingle(page)
		return
	}
	e := p.byBase[base(page)]
	if e == nil {
		panic(fmt.Sprintf("extent: free of %d bytes at %p, which are not ours", len(page), page))
	}
	at := int(uintptr(unsafe.Pointer(unsafe.SliceData(page))) & (extentBytes - 1))
	i := at / unitBytes
	u := &e.units[i]
	if u.class == unused || classBytes[u.class] != len(page) || at%len(page) != 0 || u.free>>(at%unitBytes/len(page))&1 != 0 {
		panic(fmt.Sprintf("extent: free of %d bytes at %p, which are not in use", len(page), page))
	}
	u.free |= 1 << (at % unitBytes / len(page))
	u.dirty = true
	if u.free != wholeMask[u.class] {
		p.list(unitRef{e, i}, u.class)
		return
	}
	u.class = unused
	e.free[i/64] |= 1 << (i & 63)
	e.inUse--
	p.listExtent(e)
	if e.inUse == 0 {
		p.retire(e)
	}
}

// retire keeps an extent without a unit in use, or unmaps it if one is kept.
func (p *Pages) retire(e *extent) {
	if p.spare == nil {
		p.spare = e
		return
	}
	delete(p.byBase, base(e.mem))
	p.unmap(e.mem)
	e.mem = nil
}

func (p *Pages) unmap(mem []byte) {
	p.arena.mappedBytes.Add(-int64(len(mem)))
	if err := unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem))); err != nil {
		panic(fmt.Sprintf("extent: unmap of %d bytes: %v", len(mem), err)) // only for addresses that are none
	}
}

// allocSingle maps a page larger than a unit.
func (p *Pages) allocSingle(size int) []byte {
	if !p.arena.take(int64(size)) {
		return nil
	}
	mem, err := mapAnonymous(uintptr(size))
	if err != nil {
		p.arena.mappedBytes.Add(-int64(size))
		return nil
	}
	b := unsafe.Slice((*byte)(mem), size)
	p.single[uintptr(mem)] = b
	return b
}

func (p *Pages) freeSingle(page []byte) {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(page)))
	if len(p.single[at]) != len(page) {
		panic(fmt.Sprintf("extent: free of %d bytes at %p, which are not in use", len(page), page))
	}
	delete(p.single, at)
	p.unmap(page)
}

// Close unmaps everything.
func (p *Pages) Close() {
	for _, e := range p.byBase {
		p.unmap(e.mem)
	}
	for _, b := range p.single {
		p.unmap(b)
	}
	*p = *p.arena.NewPages()
}
