package state

import (
	"errors"
	"fmt"
	"unsafe"
)

// Pages hands out memory that the garbage collector does not scan. Sizes are the page sizes 1, 4 and 16 KiB or multiples of 16 KiB.
// Memory is 64-byte aligned and zeroed; nil says that the budget is used up. One goroutine at a time uses a Pages.
type Pages interface {
	Alloc(size int) []byte
	Free(page []byte)
}

// The page sizes in bytes.
const (
	PageSmall  = 1 << 10
	PageMedium = 4 << 10
	PageLarge  = 16 << 10
)

var (
	// ErrFull means that Pages had no memory left; the task cannot go on.
	ErrFull = errors.New("state memory is used up")
	// ErrDamaged means that a snapshot does not hold what it should.
	ErrDamaged = errors.New("damaged state snapshot")
)

// PageSize rounds a size in bytes up to one that Pages serves.
func PageSize(size int) int {
	switch {
	case size <= PageSmall:
		return PageSmall
	case size <= PageMedium:
		return PageMedium
	}
	return (size + PageLarge - 1) &^ (PageLarge - 1)
}

// HeapPages serves pages from the Go heap, up to a budget; for tests and for state that must not outgrow a few megabytes.
// A page freed is poisoned, so that a view kept too long reads nonsense.
type HeapPages struct {
	budgetBytes int
	usedBytes   int
}

// NewHeapPages returns pages of at most budgetBytes in all; 0 means no bound.
func NewHeapPages(budgetBytes int) *HeapPages { return &HeapPages{budgetBytes: budgetBytes} }

// Alloc implements Pages.
func (h *HeapPages) Alloc(size int) []byte {
	if size <= 0 || PageSize(size) != size {
		panic(fmt.Sprintf("state: page of %d bytes", size))
	}
	if h.budgetBytes > 0 && h.usedBytes+size > h.budgetBytes {
		return nil
	}
	h.usedBytes += size
	b := make([]byte, size+63)
	shift := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & 63
	return b[shift : shift+size : shift+size]
}

// Free implements Pages.
func (h *HeapPages) Free(page []byte) {
	h.usedBytes -= len(page)
	for i := range page {
		page[i] = 0xdb
	}
}

// Used is the memory handed out and not returned, in bytes.
func (h *HeapPages) Used() int { return h.usedBytes }
