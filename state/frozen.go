package state

import (
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

var (
	// ErrFrozen means that MaxFrozen images are alive already.
	ErrFrozen = errors.New("too many frozen images of a state")
	// ErrReleased means that an image was read after its Release.
	ErrReleased = errors.New("frozen image was released")
)

// Frozen is a Table or Multimap as it was at one moment. Any goroutine may read it while the owner goes on writing; what it reads is what the
// owner had written before Freeze, if the image came to the goroutine by something that orders memory, as a channel or a go statement does.
// Release must be called once, before the memory behind Pages goes; until then, pages that the owner changes take twice their memory.
type Frozen struct {
	images *images
	link   Link
	dirty  *roaring.Bitmap
	head   headFields
	sides  []sideFields
	pageTable
	failed   bool // Invariant: guarded by images.mu
	released bool // Invariant: guarded by images.mu
}

// Dirty are the numbers of the pages that changed, came or went since the image before, or since ThawPages: all pages in the first image of a state. It is
// the caller's own.
func (f *Frozen) Dirty() *roaring.Bitmap { return f.dirty }

// Pages is the number of page numbers in use, those of missing pages and page 0 included. It must not be called after Release.
func (f *Frozen) Pages() uint32 { return uint32(len(f.base)) }

// PageBytes is the size of a page in bytes, 0 if there is none of that number. It must not be called after Release.
func (f *Frozen) PageBytes(no uint32) int {
	if int(no) >= len(f.base) {
		return 0
	}
	return int(f.meta[no].size)
}

// AppendPage appends the content of a page to dst. The owner waits while a page is copied, which it does only if it is about to change a page
// for the first time. The error is ErrFull if the memory did not last to keep the image, or ErrReleased.
func (f *Frozen) AppendPage(dst []byte, no uint32) ([]byte, error) {
	im := f.images
	im.mu.Lock()
	defer im.mu.Unlock()
	switch {
	case f.released:
		return dst, ErrReleased
	case f.failed:
		return dst, fmt.Errorf("page %d of a frozen image: %w", no, ErrFull)
	case int(no) >= len(f.base) || f.base[no] == nil:
		return dst, fmt.Errorf("page %d of a frozen image: there is none", no)
	}
	later := false
	for _, g := range im.mu.live {
		if later = later || g == f; !later {
			continue
		}
		if g.has(no) {
			return append(dst, g.page(no)...), nil
		}
	}
	return append(dst, f.page(no)...), nil
}

// Release ends the image; the owner takes its memory over with its next change of a clean page, its next Freeze or its next new page, uses it for
// the next copies and gives it back a few pages at a time, or all of it with a Reset. Releasing twice is harmless.
func (f *Frozen) Release() {
	f.images.mu.Lock()
	defer f.images.mu.Unlock()
	f.released = true
	f.images.released.Store(true)
}

// Freeze makes an image of the table as it is now. It copies the page table and the directory, not the pages, and ends all loans of cells.
// The error is ErrFrozen.
func (t *Table) Freeze() (*Frozen, error) {
	f, err := t.freeze()
	if err != nil {
		return nil, err
	}
	t.moves++ // cells lent before must not be written: their pages are clean now
	f.head = t.headFields()
	f.dir = append(f.dir[:0], t.dir...)
	return f, nil
}

// Freeze makes an image of the multimap, as Table.Freeze does. The time indexes are no part of it.
func (m *Multimap) Freeze() (*Frozen, error) {
	f, err := m.keys.Freeze()
	if err != nil {
		return nil, err
	}
	for i := range m.sides {
		f.sides = append(f.sides, m.sides[i].fields())
	}
	return f, nil
}

// Change must precede writes to the cells of a block.
func (m *Multimap) Change(b Block) { m.keys.touch(b.ref) }

// Link tells whether one image is the next of another: both are of one lineage, and the numbers follow each other. A lineage is one state from
// its first Freeze, or from a thaw, on; no two of a process are the same.
type Link struct{ Lineage, Number uint64 }

// Link is the image's own.
func (f *Frozen) Link() Link { return f.link }
