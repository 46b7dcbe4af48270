package state

import (
	"encoding/binary"
	"fmt"
)

// Kinds of state in the head of an image. 1 and 2 were those whose buckets had all hashes before all entries, 3 and 4 those with free blocks in a list
// that lay in them.
const (
	headTable    = 5
	headMultimap = 6
)

const (
	headFixedBytes = 56
	headPageBytes  = 12
	headSideBytes  = 48
	dirEntriesMax  = 1 << 30
)

// headFields is what a table keeps outside its pages, but for the directory.
type headFields struct {
	kind, cells, shift, outside, buckets, peak uint32
	n, first                                   uint64
}

// sideFields is what a side of a multimap keeps outside its pages, but for the time indexes.
type sideFields struct{ word, expired, cut, varBytes, varRows, rows uint64 }

func (t *Table) headFields() headFields {
	return headFields{kind: headTable, cells: uint32(t.cells), shift: uint32(t.shift), outside: uint32(t.outside), buckets: uint32(t.buckets),
		peak: uint32(t.peak), n: uint64(t.n), first: t.first}
}

func (s *side) fields() sideFields {
	return sideFields{s.word(), uint64(s.expired), uint64(s.cut), s.varBytes, s.varRows, uint64(s.rows)}
}

// AppendHead appends what the state keeps outside its pages to dst. It must not be called after Release.
func (f *Frozen) AppendHead(dst []byte) []byte {
	h, le := &f.head, binary.LittleEndian
	kind := uint32(headTable)
	if f.sides != nil {
		kind = headMultimap
	}
	for _, v := range []uint32{kind, h.cells, h.shift, h.outside, h.buckets, h.peak} {
		dst = le.AppendUint32(dst, v)
	}
	dst = le.AppendUint64(le.AppendUint64(dst, h.n), h.first)
	dst = le.AppendUint32(le.AppendUint32(dst, uint32(len(f.dir))), uint32(len(f.base)))
	dst = le.AppendUint64(dst, uint64(len(f.sides)))
	for _, s := range f.sides {
		for _, v := range []uint64{s.word, s.expired, s.cut, s.varBytes, s.varRows, s.rows} {
			dst = le.AppendUint64(dst, v)
		}
	}
	for i := range f.meta {
		p := &f.meta[i]
		dst = append(le.AppendUint32(dst, p.size), p.class, 0)
		dst = le.AppendUint16(le.AppendUint16(le.AppendUint16(dst, p.live), p.carved), 0)
	}
	for _, l := range f.dir {
		dst = le.AppendUint32(dst, uint32(l))
	}
	return dst
}

// head is a parsed head.
type head struct {
	headFields
	sides []sideFields
	pages []pageMeta
	dir   []link
}

// parseHead checks what a head says on its own; what it says of pages is checked with their content.
func parseHead(b []byte) (*head, error) {
	if len(b) < headFixedBytes {
		return nil, fmt.Errorf("%w: head of %d bytes, want at least %d", ErrDamaged, len(b), headFixedBytes)
	}
	le := binary.LittleEndian
	u32 := func(i int) uint32 { return le.Uint32(b[4*i:]) }
	h := &head{headFields: headFields{kind: u32(0), cells: u32(1), shift: u32(2), outside: u32(3), buckets: u32(4), peak: u32(5),
		n: le.Uint64(b[24:]), first: le.Uint64(b[32:])}}
	dirLen, pages, sides := uint64(u32(10)), uint64(u32(11)), le.Uint64(b[48:])
	if sides > MaxSides || pages == 0 || pages > maxPages || dirLen > dirEntriesMax {
		return nil, fmt.Errorf("%w: head of %d sides, %d pages, %d directory entries", ErrDamaged, sides, pages, dirLen)
	}
	if want := headFixedBytes + sides*headSideBytes + pages*headPageBytes + dirLen*4; uint64(len(b)) != want {
		return nil, fmt.Errorf("%w: head of %d bytes, want %d", ErrDamaged, len(b), want)
	}
	if h.shift > 64 || h.shift < 64-maxDepth || (dirLen > 0 && h.first+dirLen-1 > ^uint64(0)>>h.shift) || (h.shift == 64 && dirLen > 1) {
		return nil, fmt.Errorf("%w: directory of %d entries from %d at depth %d", ErrDamaged, dirLen, h.first, 64-int(h.shift))
	}
	b = b[headFixedBytes:]
	for ; sides > 0; sides-- {
		h.sides = append(h.sides, sideFields{le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:]), le.Uint64(b[40:])})
		b = b[headSideBytes:]
	}
	h.pages = make([]pageMeta, pages)
	for i := range h.pages {
		h.pages[i] = pageMeta{size: le.Uint32(b), class: b[4], live: le.Uint16(b[6:]), carved: le.Uint16(b[8:])}
		b = b[headPageBytes:]
		if err := h.pages[i].valid(i); err != nil {
			return nil, err
		}
	}
	h.dir = make([]link, dirLen)
	for i := range h.dir {
		h.dir[i] = link(le.Uint32(b[4*i:]))
	}
	return h, nil
}

const pageBytesMax = 1 << 30

func (m *pageMeta) valid(no int) error {
	if m.size == 0 && *m == (pageMeta{}) {
		return nil
	}
	ok := no > 0 && m.size > 0 && m.size <= pageBytesMax && PageSize(int(m.size)) == int(m.size) && m.class <= classLarge
	if ok && m.class == classLarge {
		ok = m.live == 1 && m.carved == 0
	} else if ok {
		ok = m.size <= PageLarge && m.live > 0 && m.live <= m.carved && int(m.carved) <= m.blocks()
	}
	if !ok {
		return fmt.Errorf("%w: page %d of %d bytes, class %d, %d of %d blocks in use", ErrDamaged, no, m.size, m.class, m.live, m.carved)
	}
	return nil
}
