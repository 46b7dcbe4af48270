package partition

import (
	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// MixV1 hashes one 8-byte key: the output function of splitmix64 (Steele, Lea, Flood 2014; Stafford's variant 13). It is a bijection,
// so different keys never collide. It must never change; a better one gets a new name and version.
func MixV1(x uint64) uint64 {
	x = mixTop(x)
	return x ^ x>>31
}

// mixTop is MixV1 without its last step, which leaves the top 31 bits as they are: more than a key group has.
func mixTop(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	return (x ^ x>>27) * 0x94d049bb133111eb
}

// Hash returns the hash of canonical key bytes that hold the given columns' kinds. HashRows gives the same for whole batches.
func Hash(key []byte, kinds []batch.Kind) uint64 {
	switch {
	case len(kinds) == 0:
		return 0
	case len(kinds) == 1 && kinds[0].Fixed() && len(key) == 9:
		return MixV1(leUint64(key[1:]))
	}
	return xxhash.Sum64(key)
}

func leUint64(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// stackKey is the length in bytes up to which keys are hashed without touching the heap.
const stackKey = 512

// HashRows stores the hash of the key columns of each row that rows names in dst, in order, and returns dst[:n]. rows nil means all rows
// of b. dst must be long enough. Keys longer than 512 bytes cost an allocation a call.
func HashRows(b *batch.Batch, keyCols []int, rows []int32, dst []uint64) []uint64 {
	if rows == nil {
		dst = dst[:b.N]
	} else {
		dst = dst[:len(rows)]
	}
	switch {
	case len(keyCols) == 0:
		clear(dst)
	case len(keyCols) == 1 && b.Cols[keyCols[0]].Kind().Fixed():
		hashFixed(&b.Cols[keyCols[0]], rows, dst)
	default:
		hashBytes(b, keyCols, rows, dst)
	}
	return dst
}

var nullHash = xxhash.Sum64([]byte{keyNull})

func hashFixed(c *batch.Column, rows []int32, dst []uint64) {
	switch f64, i64 := c.Float64s(), c.Int64s(); {
	case c.Kind() == batch.Float64 && rows == nil:
		for i, v := range f64[:len(dst)] {
			dst[i] = MixV1(FloatBits(v))
		}
	case c.Kind() == batch.Float64:
		for i, r := range rows {
			dst[i] = MixV1(FloatBits(f64[r]))
		}
	case rows == nil:
		for i, v := range i64[:len(dst)] {
			dst[i] = MixV1(uint64(v))
		}
	default:
		for i, r := range rows {
			dst[i] = MixV1(uint64(i64[r]))
		}
	}
	if !c.Nulls() {
		return
	}
	for i := range dst {
		if c.Null(rowAt(rows, i)) {
			dst[i] = nullHash
		}
	}
}

func rowAt(rows []int32, i int) int {
	if rows == nil {
		return i
	}
	return int(rows[i])
}

func hashBytes(b *batch.Batch, keyCols []int, rows []int32, dst []uint64) {
	var buf [stackKey]byte
	key := buf[:0]
	for i := range dst {
		key = AppendKey(key[:0], b, keyCols, rowAt(rows, i))
		dst[i] = xxhash.Sum64(key)
	}
}
