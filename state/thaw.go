package state

import (
	"fmt"
	"unsafe"
)

// ReadPages fills the pages of an image, by number, with their content; nil: there is no such page. The length of a page is its size. It may do so by
// several goroutines, which have ended when it returns.
type ReadPages func(pages [][]byte) error

// ThawPages replaces the content by that of an image: its head, and its pages as read fills them. All
// references are checked, so that no damage reaches memory; content is the business of sums. The next Freeze counts the pages that change from
// here on. No image may be alive. Errors wrap ErrDamaged or ErrFull, or are those of read; the table is empty then.
func (t *Table) ThawPages(headBytes []byte, read ReadPages) error {
	h, err := parseHead(headBytes)
	if err == nil && h.kind != headTable {
		err = fmt.Errorf("%w: image of kind %d, want a table", ErrDamaged, h.kind)
	}
	if err == nil {
		err = t.thaw(h, read)
	}
	if err == nil {
		c := newChecker(t, nil)
		if err = c.table(); err == nil {
			err = c.done()
		}
	}
	return t.thawed(err)
}

// ThawPages replaces the content by that of an image, as Table.ThawPages does. Every block enters the time indexes as if it were new, by the
// greatest end of its rows.
func (m *Multimap) ThawPages(headBytes []byte, read ReadPages) error {
	m.Reset()
	h, err := parseHead(headBytes)
	if err == nil && (h.kind != headMultimap || len(h.sides) != len(m.sides)) {
		err = fmt.Errorf("%w: image of kind %d with %d sides, want a multimap with %d", ErrDamaged, h.kind, len(h.sides), len(m.sides))
	}
	if err == nil {
		err = m.keys.thaw(h, read)
	}
	if err == nil {
		err = m.thawSides(h)
	}
	if err = m.keys.thawed(err); err != nil {
		m.Reset()
	}
	return err
}

// thawed ends a thaw: the pages are those of the image, or there are none.
func (t *Table) thawed(err error) error {
	if err != nil {
		t.Reset()
		return err
	}
	t.images = newImages() // none was alive
	t.allClean()
	return nil
}

// thaw loads pages and directory, unchecked.
func (t *Table) thaw(h *head, read ReadPages) error {
	t.Reset()
	if err := t.endImages(); err != nil {
		return err
	}
	if int(h.cells) != t.cells {
		return fmt.Errorf("%w: %d cells a key, want %d", ErrDamaged, h.cells, t.cells)
	}
	t.dirty, t.clean = nil, t.clean[:0]
	if err := t.loadPages(h, read); err != nil {
		return err
	}
	t.dir = append(t.dir[:0], h.dir...)
	t.first, t.shift, t.outside = h.first, uint8(h.shift), link(h.outside)
	t.buckets, t.peak, t.n = int(h.buckets), int(h.peak), int(h.n)
	return nil
}

func (s *space) loadPages(h *head, read ReadPages) error {
	pages := make([][]byte, len(h.pages))
	for no := 1; no < len(h.pages); no++ {
		meta := h.pages[no]
		s.base, s.meta, s.room = append(s.base, nil), append(s.meta, pageMeta{}), append(s.room, pageRoom{})
		if meta.size == 0 {
			s.unused = append(s.unused, uint32(no))
			continue
		}
		mem := s.pages.Alloc(int(meta.size))
		if mem == nil {
			return ErrFull
		}
		s.bytes += len(mem)
		s.base[no], s.meta[no] = unsafe.Pointer(unsafe.SliceData(mem)), meta
		s.counted(uint32(no), 1)
		pages[no] = mem
	}
	return read(pages)
}

func (m *Multimap) thawSides(h *head) error {
	for i, f := range h.sides {
		s := &m.sides[i]
		if f.word != s.word() {
			return fmt.Errorf("%w: shape of rows %d, want %d", ErrDamaged, f.word, s.word())
		}
		s.expired, s.cut, s.varBytes, s.varRows = int64(f.expired), int64(f.cut), f.varBytes, f.varRows
		if s.cut > cutAt(s.expired) {
			return fmt.Errorf("%w: blocks are gone up to %d, rows up to %d", ErrDamaged, s.cut, s.expired)
		}
	}
	c := newChecker(&m.keys, m)
	if err := c.table(); err != nil {
		return err
	}
	if err := c.done(); err != nil {
		return err
	}
	for i, f := range h.sides {
		if got := uint64(m.sides[i].rows); got != f.rows {
			return fmt.Errorf("%w: %d rows on side %d, want %d", ErrDamaged, got, i, f.rows)
		}
	}
	return nil
}
