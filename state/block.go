package state

import (
	"math"
	"unsafe"
)

const (
	blockHeaderBytes = 64
	blockLenMax      = math.MaxUint16
	// Blocks of a key double up to this size, in bytes; wide rows up to PageLarge.
	blockBytesMax = PageMedium
	wideRowBytes  = 128

	// A zone is so many neighbouring rows of a block; larger blocks keep the lifetime of each zone behind their columns, so that probes pass over
	// the rest.
	zoneRows  = 16
	zoneBytes = 16
)

// zone is the lifetime that the rows of a zone lie in.
type zone struct{ minVs, maxVe int64 }

const _ = -(unsafe.Sizeof(zone{}) - zoneBytes)

// zonesOf is the number of zones of a block of the given capacity; the header does for a single one.
func zonesOf(capacity int) int {
	if capacity <= zoneRows {
		return 0
	}
	return (capacity + zoneRows - 1) / zoneRows
}

// fixedBytes is what a block takes before its variable bytes.
func (s *side) fixedBytes(capacity int) int {
	return blockHeaderBytes + s.rowBytes*capacity + zoneBytes*zonesOf(capacity)
}

// blockHeader stands before the columns of a block.
type blockHeader struct {
	older, newer ref
	hash         uint64 // of the key
	minVs, maxVe int64
	// prefixMax is at least every Ve in this block and all older ones: a probe that looks back ends where it is not above the probe's Vs.
	prefixMax int64
	n         uint16
	capacity  uint16
	tail      uint32    // variable bytes lie in [tail, size)
	id        [2]uint32 // in the time indexes; no part of an image
	// olderMax is at least every Ve of all older blocks there ever were, and above side.cut when this one was made. If it is not above that any more
	// they are gone, whatever older says: so the last block before this one goes without a change of this one's page.
	olderMax int64
}

const _ = -(unsafe.Sizeof(blockHeader{}) - blockHeaderBytes)

func headerOf(s *space, b ref) *blockHeader { return (*blockHeader)(s.at(b)) }

// older is the block of the key before this one, 0 for none.
func (s *side) older(h *blockHeader) ref {
	if h.olderMax <= s.cut {
		return 0
	}
	return h.older
}

// RowShape is what the rows of a side carry.
type RowShape struct {
	HasVe bool // without it every row is the point [Vs, Vs+1)
	Cells int  // 8-byte columns
	Vars  int  // columns of variable length
	// Low adds a second time index, whose times the caller sets: see Multimap.SetLow.
	Low bool
}

func (s *RowShape) columns() int {
	n := 1 + s.Cells + s.Vars
	if s.HasVe {
		n++
	}
	return n
}

// Block is a view of rows of one key that lie together, column by column. It borrows from its Multimap until that changes.
type Block struct {
	shape *RowShape
	base  unsafe.Pointer
	ref   ref
}

func (b Block) header() *blockHeader { return (*blockHeader)(b.base) }

func (b Block) column(i int) unsafe.Pointer {
	return unsafe.Add(b.base, blockHeaderBytes+8*uintptr(i)*uintptr(b.header().capacity))
}

// zones are the lifetimes of the block's zones, nil for none.
func (b Block) zones() []zone {
	n := zonesOf(int(b.header().capacity))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*zone)(b.column(b.shape.columns())), n)
}

// Len is the number of rows.
func (b Block) Len() int { return int(b.header().n) }

// Hash is the hash of the key, its lowest bit set.
func (b Block) Hash() uint64 { return b.header().hash }

// Vs are the starts of the rows.
func (b Block) Vs() []int64 { return unsafe.Slice((*int64)(b.column(0)), b.header().n) }

// Ve are the ends of the rows, nil for points.
func (b Block) Ve() []int64 {
	if !b.shape.HasVe {
		return nil
	}
	return unsafe.Slice((*int64)(b.column(1)), b.header().n)
}

// End is the end of a row.
func (b Block) End(row int) int64 {
	if ve := b.Ve(); ve != nil {
		return ve[row]
	}
	return pointEnd(b.Vs()[row])
}

// Cell is a cell column; it may be written after Multimap.Change.
func (b Block) Cell(i int) []uint64 {
	if b.shape.HasVe {
		i++
	}
	return unsafe.Slice((*uint64)(b.column(1+i)), b.header().n)
}

// Var is a variable-length value, borrowed.
func (b Block) Var(i, row int) []byte {
	place := b.Cell(b.shape.Cells + i)[row]
	return unsafe.Slice((*byte)(unsafe.Add(b.base, place>>32)), uint32(place))
}

// Same reports whether two views are of one block.
func (b Block) Same(c Block) bool { return b.ref == c.ref }

// pointEnd is the end of a point event; at the end of time it lives for nothing.
func pointEnd(vs int64) int64 {
	if vs == math.MaxInt64 {
		return vs
	}
	return vs + 1
}
