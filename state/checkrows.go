package state

import "math"

// nextBlock is the next block of a key on a side, newest first.
type nextBlock struct {
	block, newer ref
	hash         uint64
	ends         int64 // at least those of all rows of the block and of older ones
	side, size   int
}

// chains checks the blocks of the keys of a bucket, and enters them into the time indexes: of all chains one block, then the one before, and so
// on, since a block lies in no cache, and many are fetched in the time of one.
func (c *checker) chains() error {
	for len(c.next) > 0 {
		var err error
		for i := range c.next {
			x := &c.next[i]
			if x.size, err = c.block(x.block, blockHeaderBytes); err != nil {
				return err
			}
		}
		for i := range c.next {
			x := &c.next[i]
			if h := headerOf(&c.t.space, x.block); h.newer != x.newer || h.hash != x.hash {
				return damaged("block %#x after %#x of hash %#x, want %#x and %#x", x.block, h.newer, h.hash, x.newer, x.hash)
			}
		}
		older := c.next[:0]
		for _, x := range c.next {
			if err := c.rows(&x); err != nil {
				return err
			}
			s, h := &c.m.sides[x.side], headerOf(&c.t.space, x.block)
			if o := s.older(h); o != 0 {
				older = append(older, nextBlock{block: o, newer: x.block, hash: x.hash, ends: h.olderMax, side: x.side})
			}
		}
		c.next = older
	}
	return nil
}

// rows checks what a block says of its rows, and indexes it.
func (c *checker) rows(x *nextBlock) error {
	s, h := &c.m.sides[x.side], headerOf(&c.t.space, x.block)
	if h.maxVe > x.ends || h.olderMax > x.ends {
		return damaged("block %#x with ends to %d and %d, want at most %d", x.block, h.maxVe, h.olderMax, x.ends)
	}
	fixed := s.fixedBytes(int(h.capacity))
	if h.n == 0 || h.n > h.capacity || int64(h.tail) > int64(x.size) || int64(fixed) > int64(h.tail) {
		return damaged("block %#x: %d of %d rows, tail %d of %d, columns to %d", x.block, h.n, h.capacity, h.tail, x.size, fixed)
	}
	if err := c.vars(s, c.m.view(x.side, x.block), x.size); err != nil {
		return err
	}
	s.rows += int(h.n)
	s.due.push(&c.t.space, h.maxVe, x.block)
	if s.Low {
		s.low.push(&c.t.space, math.MinInt64, x.block)
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
