package batch

import (
	"math"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Odd constants, so that multiplication by them loses nothing.
const (
	mixCell  = 0x9E3779B97F4A7C15
	mixRow   = 0xC2B2AE3D27D4EB4F
	mixIndex = 0x165667B19E3779F9
	nullCell = 0x27D4EB2F165667C5
)

// mix folds the 128-bit product of a and b.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^mixRow, b^mixCell)
	return hi ^ lo
}

// rowSum hashes one row: its lifetime, its diff and its cells. Two runs of a deterministic computation give it the same bits.
func rowSum(b *Batch, row int) uint64 {
	h := mix(mixRow, uint64(b.Vs[row]))
	if b.Ve != nil {
		h = mix(h, uint64(b.Ve[row]))
	}
	if b.Diff != nil {
		h = mix(h, uint64(b.Diff[row]))
	}
	for i := range b.Cols {
		h = mix(h+mixCell, cellSum(&b.Cols[i], row))
	}
	return h
}

func cellSum(c *Column, row int) uint64 {
	if c.Null(row) {
		return nullCell
	}
	switch c.Kind() {
	case String, Bytes:
		return xxhash.Sum64(c.Bytes(row))
	case Float64:
		return math.Float64bits(c.Float64s()[row])
	case Bool:
		if c.Bools().Get(row) {
			return 1
		}
		return 0
	}
	return uint64(c.Int64s()[row])
}

// RowSums adds up the hashes of rows order[from:to] of b, or rows from to to-1 themselves if order is nil. On ordered edges the
// index of each row in its channel is part of it, and first that of the first row; on unordered ones rows have none.
func RowSums(b *Batch, order []int32, from, to int, first uint64, ordered bool) (sum uint64) {
	for i := from; i < to; i++ {
		row := i
		if order != nil {
			row = int(order[i])
		}
		h := rowSum(b, row)
		if ordered {
			h = mix(h, (first+uint64(i-from))*mixIndex)
		}
		sum += h
	}
	return sum
}
