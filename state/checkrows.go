package state

import "math"

// blocks checks the chain of a side of a key, newest first, and enters its blocks into the time indexes.
func (c *checker) blocks(sideNo int, hash, cell uint64) error {
	if cell > uint64(^ref(0)) {
		return damaged("chain at %#x", cell)
	}
	s := &c.m.sides[sideNo]
	newer, ends := ref(0), int64(math.MaxInt64) // ends: at least those of all rows of this block and older ones
	for r := ref(cell); r != 0; {
		size, err := c.block(r, blockHeaderBytes)
		if err != nil {
			return err
		}
		h := headerOf(&c.t.space, r)
		if h.newer != newer || h.hash != hash {
			return damaged("block %#x after %#x of hash %#x, want %#x and %#x", r, h.newer, h.hash, newer, hash)
		}
		if h.maxVe > ends || h.olderMax > ends {
			return damaged("block %#x with ends to %d and %d, want at most %d", r, h.maxVe, h.olderMax, ends)
		}
		fixed := s.fixedBytes(int(h.capacity))
		if h.n == 0 || h.n > h.capacity || int64(h.tail) > int64(size) || int64(fixed) > int64(h.tail) {
			return damaged("block %#x: %d of %d rows, tail %d of %d, columns to %d", r, h.n, h.capacity, h.tail, size, fixed)
		}
		b := c.m.view(sideNo, r)
		if err := c.vars(s, b, size); err != nil {
			return err
		}
		s.rows += int(h.n)
		s.due.push(&c.t.space, h.maxVe, r)
		if s.Low {
			s.low.push(&c.t.space, math.MinInt64, r)
		}
		newer, ends, r = r, h.olderMax, s.older(h)
	}
	return nil
}

func (c *checker) vars(s *side, b Block, size int) error {
	for i := range s.Vars {
		for row, place := range b.Cell(s.Cells + i) {
			from, n := place>>32, uint64(uint32(place))
			if from < uint64(b.header().tail) || from+n > uint64(size) {
				return damaged("value %d of row %d at [%d, %d) of a block of %d bytes", i, row, from, from+n, size)
			}
		}
	}
	return nil
}
