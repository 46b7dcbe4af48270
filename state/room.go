package state

import "math/bits"

// pageRoom is what the owner of a page keeps of its free blocks, beside the page: giving a block back changes no page, so that a page whose blocks go
// one after the other goes to the images that need it without a copy.
type pageRoom struct {
	prev, next uint32 // pages of the class that have room
	holes      uint32 // 1 + the page's place in holes.maps; 0: no block below carved is free
	linked     bool
}

// classRoom is the pages of a class that have room: those that changed since the last Freeze first, so that the next block changes no other.
type classRoom struct {
	first, last uint32
	holes       int // free blocks below what is carved, of all pages
	blocks      int // of all pages
}

// holeShare: one in so many blocks may be free while others come from new pages, for the sake of pages that would have to be copied first. Where rows leave in
// the order of time, the pages with holes are those about to go.
const holeShare = 8

// holes are the free blocks of pages below what is carved.
type holes struct {
	maps []holeMap // of pages that have some
	idle []uint32  // maps to use again
}

// holeMap has a bit for each block of a page.
type holeMap [PageLarge >> minBlockLog / 64]uint64

// withRoom is a page with room for a block of a class, 0 when Pages has no more.
func (s *space) withRoom(class uint8) uint32 {
	c := &s.rooms[class]
	no := c.first
	if no != 0 && !(s.isClean(no) && int(s.meta[no].carved) == s.meta[no].blocks() && c.holes*holeShare <= c.blocks) {
		return no
	}
	if fresh := s.newPage(s.pageSizeFor(class), class); fresh != 0 {
		s.link(fresh)
		return fresh
	}
	return no
}

// makeHole puts block i of a page down as free.
func (s *space) makeHole(no uint32, i int) {
	r := &s.room[no]
	if r.holes == 0 {
		h := &s.holes
		if n := len(h.idle); n > 0 {
			r.holes, h.idle = h.idle[n-1], h.idle[:n-1]
		} else {
			h.maps = append(h.maps, holeMap{})
			r.holes = uint32(len(h.maps))
		}
	}
	s.holes.maps[r.holes-1][i>>6] |= 1 << (i & 63)
	s.rooms[s.meta[no].class].holes++
}

// fillHole takes a free block of a page that has one.
func (s *space) fillHole(no uint32) int {
	m := &s.holes.maps[s.room[no].holes-1]
	w := 0
	for m[w] == 0 {
		w++
	}
	i := 64*w + bits.TrailingZeros64(m[w])
	m[w] &= m[w] - 1
	s.rooms[s.meta[no].class].holes--
	if s.meta[no].carved == s.meta[no].live+1 {
		s.noHoles(no)
	}
	return i
}

// noHoles gives the map of a page back.
func (s *space) noHoles(no uint32) {
	h, r := &s.holes, &s.room[no]
	h.maps[r.holes-1] = holeMap{}
	h.idle = append(h.idle, r.holes)
	r.holes = 0
}

// endRoom forgets the room of a page that goes, and of which no block is in use.
func (s *space) endRoom(no uint32) {
	r, m := &s.room[no], &s.meta[no]
	if r.linked {
		s.unlink(no)
	}
	if r.holes != 0 {
		s.noHoles(no)
		s.rooms[m.class].holes -= int(m.carved) - 1 // the last block has made none
	}
	s.counted(no, -1)
}

// counted adds the blocks of n pages like this one to those of its class.
func (s *space) counted(no uint32, n int) {
	if m := &s.meta[no]; m.class != classLarge {
		s.rooms[m.class].blocks += n * m.blocks()
	}
}

// link enters a page that has room, before those that did not change since the last Freeze or behind them.
func (s *space) link(no uint32) {
	r, c := &s.room[no], &s.rooms[s.meta[no].class]
	r.linked, r.prev, r.next = true, 0, 0
	switch {
	case c.first == 0:
		c.first, c.last = no, no
	case s.isClean(no):
		r.prev, s.room[c.last].next, c.last = c.last, no, no
	default:
		r.next, s.room[c.first].prev, c.first = c.first, no, no
	}
}

func (s *space) unlink(no uint32) {
	r, c := &s.room[no], &s.rooms[s.meta[no].class]
	if r.prev != 0 {
		s.room[r.prev].next = r.next
	} else {
		c.first = r.next
	}
	if r.next != 0 {
		s.room[r.next].prev = r.prev
	} else {
		c.last = r.prev
	}
	r.linked, r.prev, r.next = false, 0, 0
}
