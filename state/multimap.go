package state

import (
	"fmt"
	"math"
	"unsafe"
)

// MaxSides is the number of sides a Multimap may have: the inputs of a join.
const MaxSides = 2

// Multimap maps a key to rows with lifetimes, on one or more sides that share their keys: what a join finds on one side for a key is one
// lookup away from where it stores the other's row.
type Multimap struct {
	keys  Table
	sides []side
}

type side struct {
	RowShape
	rowBytes int
	due      timeHeap // every block; by default by the end of its last row
	low      timeHeap // every block, if RowShape.Low
	expired  int64    // rows that end at or before it are gone, in blocks or not
	cut      int64    // at most expired, and below the end of time: a block that says so has no older ones, see blockHeader.olderMax
	varBytes uint64   // of all rows ever added, to guess what a row takes
	varRows  uint64
	rows     int
}

// NewMultimap returns an empty multimap.
func NewMultimap(pages Pages, shapes ...RowShape) (*Multimap, error) {
	if len(shapes) < 1 || len(shapes) > MaxSides {
		return nil, fmt.Errorf("state: %d sides, want 1 to %d", len(shapes), MaxSides)
	}
	m := &Multimap{sides: make([]side, len(shapes))}
	if err := m.keys.init(pages, len(shapes)); err != nil {
		return nil, err
	}
	for i, s := range shapes {
		if n := s.columns(); s.Cells < 0 || s.Vars < 0 || n > MaxCells {
			return nil, fmt.Errorf("state: rows of %d cells and %d variable values, want at most %d columns", s.Cells, s.Vars, MaxCells)
		}
		m.sides[i] = side{RowShape: s, rowBytes: 8 * s.columns(), due: timeHeap{which: 0}, low: timeHeap{which: 1}, expired: math.MinInt64, cut: math.MinInt64}
	}
	return m, nil
}

// Bytes is the memory taken from Pages, in bytes.
func (m *Multimap) Bytes() int { return m.keys.Bytes() }

// Rows is the number of rows of a side that lie in blocks, expired ones that wait for their block included.
func (m *Multimap) Rows(side int) int { return m.sides[side].rows }

// Chains are the rows of one key, by side, until the next change of the Multimap other than Add to them.
type Chains struct {
	cells  []uint64
	bucket ref
}

// Found reports whether the chains belong to a key that is there.
func (c Chains) Found() bool { return c.cells != nil }

// Put returns the chains of a key, made if need be; the caller adds a row to them, or calls Get instead. The error is ErrFull.
func (m *Multimap) Put(hash uint64, key []byte) (Chains, error) {
	cells, bucket, _, err := m.keys.put(tag(hash), words(key), key)
	return Chains{cells, bucket}, err
}

// Get returns the chains of a key, empty if it has none.
func (m *Multimap) Get(hash uint64, key []byte) Chains {
	s := m.keys.find(tag(hash), words(key), key)
	if s.b == nil {
		return Chains{}
	}
	return m.chainsAt(s)
}

func (m *Multimap) chainsAt(s slot) Chains {
	return Chains{m.keys.cellsOf(m.keys.entryAt(s.b, s.index)), s.l.ref()}
}

// Add adds a row as the newest of a key. cells and vars are copied; their numbers are those of the shape. The error is ErrFull.
// It returns the block and the row in it.
func (m *Multimap) Add(c Chains, hash uint64, sideNo int, vs, ve int64, cells []uint64, vars [][]byte) (Block, int, error) {
	s := &m.sides[sideNo]
	varLen := 0
	for _, v := range vars {
		varLen += len(v)
	}
	b := ref(c.cells[sideNo])
	if b == 0 || !s.fits(headerOf(&m.keys.space, b), varLen) {
		var err error
		if b, err = m.newBlock(c, tag(hash), sideNo, ve, varLen); err != nil {
			return Block{}, 0, err
		}
	}
	m.keys.touch(b)
	blk := Block{&s.RowShape, m.keys.at(b), b}
	h := blk.header()
	row := int(h.n)
	h.n++
	h.minVs, h.maxVe, h.prefixMax = min(h.minVs, vs), max(h.maxVe, ve), max(h.prefixMax, ve)
	if int(h.capacity) > zoneRows {
		z := &blk.zones()[row/zoneRows]
		if row%zoneRows == 0 {
			*z = zone{vs, ve}
		} else {
			*z = zone{min(z.minVs, vs), max(z.maxVe, ve)}
		}
	}
	s.fill(blk, row, vs, ve, cells, vars)
	s.rows++
	s.varBytes += uint64(varLen)
	s.varRows++
	return blk, row, nil
}

func (s *side) fill(b Block, row int, vs, ve int64, cells []uint64, vars [][]byte) {
	h := b.header()
	stride := 8 * uintptr(h.capacity)
	at := unsafe.Add(b.base, blockHeaderBytes+8*uintptr(row))
	*(*int64)(at) = vs
	if s.HasVe {
		at = unsafe.Add(at, stride)
		*(*int64)(at) = ve
	}
	for _, v := range cells[:s.Cells] {
		at = unsafe.Add(at, stride)
		*(*uint64)(at) = v
	}
	for _, v := range vars[:s.Vars] {
		h.tail -= uint32(len(v))
		copy(unsafe.Slice((*byte)(unsafe.Add(b.base, h.tail)), len(v)), v)
		at = unsafe.Add(at, stride)
		*(*uint64)(at) = uint64(h.tail)<<32 | uint64(len(v))
	}
}

// fits reports whether the block takes one more row with so many variable bytes.
func (s *side) fits(h *blockHeader, varLen int) bool {
	return h.n < h.capacity && int(h.tail)-varLen >= s.fixedBytes(int(h.capacity))
}

// blockSize chooses the size of the next block of a key after one of so many rows.
func (s *side) blockSize(after, varLen int) (size, capacity int) {
	row := s.rowBytes
	if s.varRows > 0 {
		row += int(s.varBytes/s.varRows) + 1
	}
	largest := blockBytesMax
	if row > wideRowBytes {
		largest = PageLarge
	}
	size = min(classBytes(classOf(min(blockHeaderBytes+row*max(1, 2*after), PageLarge))), largest)
	for size < s.fixedBytes(1)+varLen {
		size = max(2*size, PageSize(s.fixedBytes(1)+varLen)&^(PageLarge-1))
	}
	capacity = min(max((size-blockHeaderBytes)/row, 1), blockLenMax)
	for capacity > 1 && s.fixedBytes(capacity)+varLen > size {
		capacity--
	}
	return size, capacity
}

func (m *Multimap) newBlock(c Chains, hash uint64, sideNo int, ve int64, varLen int) (ref, error) {
	s, sp := &m.sides[sideNo], &m.keys.space
	older := ref(c.cells[sideNo])
	after := 0
	if older != 0 {
		after = int(headerOf(sp, older).n)
	}
	size, capacity := s.blockSize(after, varLen)
	b := sp.alloc(size)
	if b == 0 {
		return 0, ErrFull
	}
	h := headerOf(sp, b)
	*h = blockHeader{older: older, hash: hash, minVs: math.MaxInt64, maxVe: math.MinInt64, prefixMax: math.MinInt64,
		olderMax: math.MinInt64, capacity: uint16(capacity), tail: uint32(size)}
	if older != 0 {
		sp.touch(older)
		o := headerOf(sp, older)
		o.newer, h.prefixMax, h.olderMax = b, o.prefixMax, max(o.prefixMax, s.cut+1) // rows may come late
	}
	sp.touch(c.bucket)
	c.cells[sideNo] = uint64(b)
	s.due.push(sp, ve, b)
	if s.Low {
		s.low.push(sp, math.MinInt64, b)
	}
	return b, nil
}
