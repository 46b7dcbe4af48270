package state

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// shapeWord tells shapes apart in snapshots.
func (s *RowShape) word() uint64 {
	w := uint64(s.Cells)<<32 | uint64(s.Vars)<<8
	if s.HasVe {
		w |= 1
	}
	return w
}

// Snapshot writes the multimap: per side its shape and how far it has expired, then records by (hash, key): hash, key, and per side the number
// of rows and the rows {Vs, [Ve], cells, variable values}, oldest first. Rows that have expired are left out.
func (m *Multimap) Snapshot(w Writer) {
	w.Uint64(uint64(len(m.sides)))
	for i := range m.sides {
		w.Uint64(m.sides[i].word())
		w.Uint64(uint64(m.sides[i].expired))
	}
	c := chunks{w: w}
	var blocks []Block
	m.keys.byHash(func(e Entry) {
		start := len(c.buf)
		c.u64(m.keys.hashOf(e))
		c.bytes(m.keys.Key(e))
		rows := 0
		for i := range m.sides {
			blocks = m.oldestFirst(i, ref(m.keys.Cells(e)[i]), blocks[:0])
			rows += m.sides[i].putRows(&c, blocks)
		}
		if rows == 0 {
			c.buf = c.buf[:start]
		}
		c.done()
	})
	c.end()
}

func (m *Multimap) oldestFirst(side int, newest ref, dst []Block) []Block {
	for b := newest; b != 0; b = m.sides[side].older(headerOf(&m.keys.space, b)) {
		dst = append(dst, m.view(side, b))
	}
	slices.Reverse(dst)
	return dst
}

func (s *side) putRows(c *chunks, blocks []Block) int {
	at := len(c.buf)
	c.u64(0)
	rows := 0
	for _, b := range blocks {
		for row, vs := range b.Vs() {
			if b.End(row) <= s.expired {
				continue
			}
			rows++
			c.u64(uint64(vs))
			if s.HasVe {
				c.u64(uint64(b.Ve()[row]))
			}
			for i := range s.Cells {
				c.u64(b.Cell(i)[row])
			}
			for i := range s.Vars {
				c.bytes(b.Var(i, row))
			}
		}
	}
	binary.LittleEndian.PutUint64(c.buf[at:], uint64(rows))
	return rows
}

// Reset forgets everything, how far it has expired included, and returns all pages.
func (m *Multimap) Reset() {
	m.keys.Reset()
	for i := range m.sides {
		s := &m.sides[i]
		*s = side{RowShape: s.RowShape, rowBytes: s.rowBytes, due: s.due.emptied(), low: s.low.emptied(), expired: math.MinInt64, cut: math.MinInt64}
	}
}

// Restore replaces the content by what Snapshot wrote. Errors wrap ErrDamaged or ErrFull, or are the reader's.
func (m *Multimap) Restore(r Reader) error {
	m.Reset()
	if err := want(r, "sides", uint64(len(m.sides))); err != nil {
		return err
	}
	for i := range m.sides {
		if err := want(r, "shape of rows", m.sides[i].word()); err != nil {
			return err
		}
		m.sides[i].expired = int64(r.Uint64())
	}
	c := records{r: r}
	for c.more() {
		if err := m.restoreKey(&c); err != nil {
			return err
		}
	}
	return c.err
}

func (m *Multimap) restoreKey(c *records) error {
	hash, key := c.u64(), c.bytes()
	if c.err != nil {
		return c.err
	}
	if m.keys.Get(hash, key) != nil {
		return fmt.Errorf("%w: key %x twice", ErrDamaged, key)
	}
	chains, err := m.Put(hash, key)
	if err != nil {
		return err
	}
	total := uint64(0)
	for i := range m.sides {
		n := c.u64()
		total += n
		for ; n > 0 && c.err == nil; n-- {
			if err := m.restoreRow(c, chains, hash, i); err != nil {
				return err
			}
		}
	}
	if c.err == nil && total == 0 {
		return fmt.Errorf("%w: key %x without rows", ErrDamaged, key)
	}
	return c.err
}

func (m *Multimap) restoreRow(c *records, chains Chains, hash uint64, i int) error {
	s := &m.sides[i]
	vs := int64(c.u64())
	ve := pointEnd(vs)
	if s.HasVe {
		ve = int64(c.u64())
	}
	cells := make([]uint64, s.Cells)
	for j := range cells {
		cells[j] = c.u64()
	}
	vars := make([][]byte, s.Vars)
	for j := range vars {
		vars[j] = c.bytes()
	}
	if c.err != nil {
		return c.err
	}
	if ve <= s.expired {
		return fmt.Errorf("%w: row [%d, %d) had expired at %d", ErrDamaged, vs, ve, s.expired)
	}
	_, _, err := m.Add(chains, hash, i, vs, ve, cells, vars)
	return err
}
