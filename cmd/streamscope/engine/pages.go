package engine

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/state"
)

// extentBytes is the least that is asked of the kernel at a time. Memory is touched only as pages are used.
const extentBytes = 1 << 20

// offHeap serves state pages from anonymous mappings, which the garbage collector does not scan. Each core has one.
//
// Invariant: every page handed out lies in one extent, 64-byte aligned, and its memory is zero.
type offHeap struct {
	extents [][]byte
	rest    []byte           // of the newest extent
	free    map[int][][]byte // pages given back, by size
}

var _ state.Pages = (*offHeap)(nil)

// Alloc implements state.Pages. It returns nil if the kernel has no more memory for us.
func (o *offHeap) Alloc(size int) []byte {
	if size <= 0 || state.PageSize(size) != size {
		panic(fmt.Sprintf("state page of %d bytes", size))
	}
	if pages := o.free[size]; len(pages) > 0 {
		p := pages[len(pages)-1]
		o.free[size] = pages[:len(pages)-1]
		clear(p)
		return p
	}
	if size > len(o.rest) && !o.extend(size) {
		return nil
	}
	p := o.rest[:size:size]
	o.rest = o.rest[size:]
	return p
}

// extend maps a new extent that holds size bytes. What is left of the old one becomes free pages.
func (o *offHeap) extend(size int) bool {
	for _, page := range []int{state.PageLarge, state.PageMedium, state.PageSmall} {
		for len(o.rest) >= page {
			o.Free(o.rest[:page:page])
			o.rest = o.rest[page:]
		}
	}
	extent, err := unix.Mmap(-1, 0, max(size, extentBytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return false
	}
	o.extents, o.rest = append(o.extents, extent), extent
	return true
}

// Free implements state.Pages.
func (o *offHeap) Free(page []byte) {
	if o.free == nil {
		o.free = map[int][][]byte{}
	}
	o.free[len(page)] = append(o.free[len(page)], page)
}

func (o *offHeap) close() error {
	var errs []error
	for _, e := range o.extents {
		errs = append(errs, unix.Munmap(e))
	}
	*o = offHeap{}
	return errors.Join(errs...)
}

// pageSet holds the pages of all cores of a node.
type pageSet struct {
	mu    sync.Mutex
	cores []*offHeap
}

// forCore returns new pages for a core's tasks.
func (s *pageSet) forCore(int) state.Pages {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := &offHeap{}
	s.cores = append(s.cores, o)
	return o
}

// close unmaps everything. No task runs any more.
func (s *pageSet) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, o := range s.cores {
		errs = append(errs, o.close())
	}
	s.cores = nil
	return errors.Join(errs...)
}
