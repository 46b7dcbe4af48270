package state

import "math"

// Expire forgets the rows of a side that end at or before cti. Blocks go when all their rows have ended; the cost is that of the blocks that
// are due, not of those that stay. Where the oldest of a key go, no page changes but those of buckets.
func (m *Multimap) Expire(sideNo int, cti int64) {
	s, sp := &m.sides[sideNo], &m.keys.space
	if cti > s.expired {
		s.expired = cti
	}
	for {
		top, ok := s.due.min()
		if !ok || top.time > cti {
			break
		}
		h := headerOf(sp, top.block)
		switch {
		case h.maxVe > cti:
			s.due.set(sp, top.block, h.maxVe)
		case s.older(h) != 0:
			m.drop(sideNo, top.block)
		default:
			m.dropOldest(sideNo, top.block, cti)
		}
	}
	s.cut = max(s.cut, cutAt(cti))
}

// cutAt leaves room for an olderMax that is above it.
func cutAt(cti int64) int64 { return min(cti, math.MaxInt64-1) }

// dropOldest takes the oldest block of a key out, and with it those behind it that end at or before cti: so none of them is met once more before
// the side's cut tells that nothing is older.
func (m *Multimap) dropOldest(sideNo int, b ref, cti int64) {
	s, sp := &m.sides[sideNo], &m.keys.space
	hash := headerOf(sp, b).hash
	for {
		newer := headerOf(sp, b).newer
		m.forget(s, b)
		sp.free(b)
		if newer == 0 {
			break
		}
		b = newer
		if h := headerOf(sp, b); h.maxVe > cti {
			if h.olderMax > cutAt(cti) {
				sp.touch(b)
				h.older = 0
			}
			return
		}
	}
	m.setNewest(sideNo, hash, b, 0)
}

// Expired is the greatest time given to Expire for the side.
func (m *Multimap) Expired(side int) int64 { return m.sides[side].expired }

// TakeDue takes a block of the side whose time in the index is at or before t out of the index, if there is one: the caller deals with its rows,
// then puts it back with another time or drops it. A side that is treated so is not for Expire while a block is out.
func (m *Multimap) TakeDue(side int, t int64) (Block, bool) {
	s := &m.sides[side]
	top, ok := s.due.min()
	if !ok || top.time > t {
		return Block{}, false
	}
	s.due.remove(&m.keys.space, top.block)
	m.keys.touch(top.block)
	headerOf(&m.keys.space, top.block).id[0] = notIndexed
	return m.view(side, top.block), true
}

// PutDue puts a block back that TakeDue took.
func (m *Multimap) PutDue(side int, b Block, t int64) {
	m.sides[side].due.push(&m.keys.space, t, b.ref)
}

func (m *Multimap) view(side int, b ref) Block {
	return Block{&m.sides[side].RowShape, m.keys.at(b), b}
}

// DueAt is the time of a block in the index.
func (m *Multimap) DueAt(side int, b Block) int64 {
	return m.sides[side].due.timeOf(&m.keys.space, b.ref)
}

// SetDue moves a block in the time index. The time must not be later than the end of the last of its rows, nor that of PutDue.
func (m *Multimap) SetDue(side int, b Block, t int64) { m.sides[side].due.set(&m.keys.space, b.ref, t) }

// Lowest returns the block with the least time in the second index of a side that has one (RowShape.Low), and that time.
// A new block has the least time there is.
func (m *Multimap) Lowest(side int) (Block, int64, bool) {
	top, ok := m.sides[side].low.min()
	if !ok {
		return Block{}, math.MaxInt64, false
	}
	return m.view(side, top.block), top.time, true
}

// SetLow moves a block in the second index.
func (m *Multimap) SetLow(side int, b Block, t int64) { m.sides[side].low.set(&m.keys.space, b.ref, t) }

// LowAt is the time of a block in the second index.
func (m *Multimap) LowAt(side int, b Block) int64 {
	return m.sides[side].low.timeOf(&m.keys.space, b.ref)
}

// ChainsOf returns the chains of the key that a block belongs to.
func (m *Multimap) ChainsOf(side int, b Block) Chains {
	sp := &m.keys.space
	newest := b.ref
	for h := headerOf(sp, newest); h.newer != 0; h = headerOf(sp, newest) {
		newest = h.newer
	}
	return m.chainsAt(m.keys.findCell(b.Hash(), side, uint64(newest)))
}

// Drop forgets a block and its rows; t is the time up to which all of them have ended.
func (m *Multimap) Drop(side int, b Block, t int64) {
	if s := &m.sides[side]; t > s.expired {
		s.expired = t
	}
	m.drop(side, b.ref)
}

// drop takes a block out of its chain and indexes, and the key with its last block.
func (m *Multimap) drop(sideNo int, b ref) {
	s, sp := &m.sides[sideNo], &m.keys.space
	m.forget(s, b)
	h := headerOf(sp, b)
	hash, older, newer := h.hash, s.older(h), h.newer
	sp.free(b)
	if older != 0 {
		sp.touch(older)
		headerOf(sp, older).newer = newer
	}
	if newer != 0 {
		sp.touch(newer)
		headerOf(sp, newer).older = older
		return
	}
	m.setNewest(sideNo, hash, b, older)
}

// forget takes a block that goes out of the indexes.
func (m *Multimap) forget(s *side, b ref) {
	sp := &m.keys.space
	h := headerOf(sp, b)
	s.rows -= int(h.n)
	if h.id[0] != notIndexed {
		s.due.remove(sp, b)
	}
	if s.Low {
		s.low.remove(sp, b)
	}
}

// setNewest replaces the newest block of a key on a side, which is gone, by another or none; the key goes with its last block.
func (m *Multimap) setNewest(sideNo int, hash uint64, gone, newest ref) {
	at := m.keys.findCell(hash, sideNo, uint64(gone))
	m.keys.touch(at.l.ref())
	cells := m.keys.cellsOf(m.keys.entryAt(at.b, at.index))
	cells[sideNo] = uint64(newest)
	for _, c := range cells {
		if c != 0 {
			return
		}
	}
	m.keys.deleteSlot(hash, at)
}

// EachBlock calls f for every block of a side, in no particular order. f may call SetDue and SetLow: a copy of the index is walked.
func (m *Multimap) EachBlock(side int, f func(b Block)) {
	for _, it := range append([]timeItem(nil), m.sides[side].due.items...) {
		f(m.view(side, it.block))
	}
}

// findCell finds the entry of a hash that has a given value in a cell.
func (t *Table) findCell(hash uint64, cell int, value uint64) slot {
	for l := t.bucketOf(hash); l != 0; {
		b, class := t.at(l.ref()), l.class()
		for i := home(hash, t.capacity[class]); *t.hashAt(b, i) != 0; {
			if *t.hashAt(b, i) == hash && t.cellsOf(t.entryAt(b, i))[cell] == value {
				return slot{b, l, i}
			}
			if i++; i == t.capacity[class] {
				i = 0
			}
		}
		if l&linkChained == 0 {
			break
		}
		l = (*bucketHeader)(b).next
	}
	panic("state: block of a key that is not there")
}
