package state

import (
	"math/bits"
	"unsafe"
)

// tablesKept is how many page tables of ended images are used again: one is written while the next is made.
const tablesKept = 2

// pageTable is the pages as an image has them: the owner's own until that is about to change them, then the image's.
type pageTable struct {
	base []unsafe.Pointer // by page number; nil: no such page
	meta []pageMeta
	own  []uint64 // Invariant: guarded by images.mu; the bit of a page is set if its memory is the image's own
	from int      // Invariant: guarded by images.mu; the words of own before it are zero, once the image is released
	dir  []link
}

// table copies the page table of a space.
func (im *images) table(s *space) pageTable {
	var t pageTable
	if n := len(im.owner.tables) - 1; n >= 0 {
		t, im.owner.tables = im.owner.tables[n], im.owner.tables[:n]
	}
	t.base, t.meta = append(t.base[:0], s.base...), append(t.meta[:0], s.meta...)
	words := (len(s.base) + 63) / 64
	if cap(t.own) < words {
		t.own = make([]uint64, words, words+words/4)
	}
	t.own, t.from = t.own[:words], 0
	return t
}

// recycle keeps the memory of a table for the next image. Its own is all zero.
func (im *images) recycle(t pageTable) {
	if len(im.owner.tables) < tablesKept {
		clear(t.base) // pages may be unmapped: nothing must point there
		im.owner.tables = append(im.owner.tables, t)
	}
}

// has reports whether the memory of a page is the image's own.
func (t *pageTable) has(no uint32) bool {
	return int(no>>6) < len(t.own) && t.own[no>>6]>>(no&63)&1 != 0
}

// needs reports whether there is a page whose content is still the owner's.
func (t *pageTable) needs(no uint32) bool {
	return int(no) < len(t.base) && t.base[no] != nil && !t.has(no)
}

// page is the content of a page that there is.
func (t *pageTable) page(no uint32) []byte {
	return unsafe.Slice((*byte)(t.base[no]), t.meta[no].size)
}

// keep makes memory with the content of a page that the image needs its own.
func (t *pageTable) keep(no uint32, mem []byte) {
	t.base[no] = unsafe.Pointer(unsafe.SliceData(mem))
	t.own[no>>6] |= 1 << (no & 63)
}

// leave is a page of the image's own, nil if there is none left. The image was released.
func (t *pageTable) leave() (no uint32, mem []byte) {
	for ; t.from < len(t.own); t.from++ {
		if w := t.own[t.from]; w != 0 {
			no = uint32(t.from*64 + bits.TrailingZeros64(w))
			return no, t.page(no)
		}
	}
	return 0, nil
}

// forget ends what leave began.
func (t *pageTable) forget(no uint32) {
	t.base[no] = nil
	t.own[no>>6] &^= 1 << (no & 63)
}
