package batch

import (
	"encoding/binary"
	"math/bits"
)

// spread holds the eight bits of a byte as eight bytes of 0 or 1, least significant first.
var spread = func() (t [256]uint64) {
	for v := range t {
		for i := range 8 {
			t[v] |= uint64(v>>i&1) << (8 * i)
		}
	}
	return t
}()

// Unpack stores bits 0 to len(dst) of the run as bytes of 0 or 1 and reports whether all are 1. An absent bitmap is all ones.
// Kernels compute on bytes: eight bits cost one table look-up, a bit at a time several instructions each.
func (m Bitmap) Unpack(dst []uint8) (all bool) {
	if m.buf == nil {
		for i := range dst {
			dst[i] = 1
		}
		return true
	}
	const ones = 0x0101010101010101
	and := uint64(ones)
	i := 0
	for ; i+8 <= len(dst); i += 8 {
		w := spread[m.eight(i)]
		and &= w
		binary.LittleEndian.PutUint64(dst[i:], w)
	}
	all = and == ones
	for ; i < len(dst); i++ {
		dst[i] = 0
		if m.Get(i) {
			dst[i] = 1
		}
		all = all && dst[i] == 1
	}
	return all
}

// eight returns bits i to i+8 of the run, which must be inside the buffer.
func (m Bitmap) eight(i int) byte {
	at := m.off + i
	b, shift := at>>3, uint(at&7)
	if shift == 0 {
		return m.buf[b]
	}
	return m.buf[b]>>shift | m.buf[b+1]<<(8-shift)
}

// Count returns how many of the bits [from, to) of the run are 1; the bitmap is not absent.
func (m Bitmap) Count(from, to int) (n int) {
	for ; from+8 <= to; from += 8 {
		n += bits.OnesCount8(m.eight(from))
	}
	for ; from < to; from++ {
		if m.Get(from) {
			n++
		}
	}
	return n
}

// pack is the inverse of spread: eight bytes of 0 or 1 as bits.
func pack(v []uint8) byte {
	return byte(binary.LittleEndian.Uint64(v) * 0x0102040810204080 >> 56)
}

// appendBytesAsBits appends bytes of 0 or 1 to a run of n bits.
func appendBytesAsBits(dst []byte, n int, v []uint8) []byte {
	for len(v) > 0 && n&7 != 0 {
		dst = appendBit(dst, n, v[0] != 0)
		n, v = n+1, v[1:]
	}
	for ; len(v) >= 8; v = v[8:] {
		dst = append(dst, pack(v))
		n += 8
	}
	for _, x := range v {
		dst = appendBit(dst, n, x != 0)
		n++
	}
	return dst
}

// appendBits appends bits [from, to) of src to a run of n bits; an absent src is all ones.
func appendBits(dst []byte, n int, src Bitmap, from, to int) []byte {
	for from < to && n&7 != 0 {
		dst = appendBit(dst, n, src.buf == nil || src.Get(from))
		n, from = n+1, from+1
	}
	for ; from+8 <= to; from += 8 {
		b := byte(0xff)
		if src.buf != nil {
			b = src.eight(from)
		}
		dst = append(dst, b)
		n += 8
	}
	for ; from < to; from++ {
		dst = appendBit(dst, n, src.buf == nil || src.Get(from))
		n++
	}
	return dst
}

// AppendBools appends bytes of 0 or 1 to a Bool column.
func (c *ColumnBuilder) AppendBools(v []uint8) {
	c.bits = appendBytesAsBits(c.bits, c.nbits, v)
	c.nbits += len(v)
}

// SetValids marks the n rows just appended: valid[i] is 1 where row i is there, a nil valid means that all are. A no-op on a column
// that is not nullable.
func (c *ColumnBuilder) SetValids(n int, valid []uint8) {
	if !c.Nullable {
		return
	}
	if valid == nil {
		c.valid = appendBits(c.valid, c.nvalid, Bitmap{}, 0, n)
	} else {
		c.valid = appendBytesAsBits(c.valid, c.nvalid, valid[:n])
	}
	c.nvalid += n
}

// appendBitsSel appends the bits of src that sel names to a run of n bits.
func appendBitsSel(dst []byte, n int, src Bitmap, sel []int32) []byte {
	for len(sel) > 0 && n&7 != 0 {
		dst = appendBit(dst, n, src.Get(int(sel[0])))
		n, sel = n+1, sel[1:]
	}
	for ; len(sel) >= 8; sel = sel[8:] {
		b := byte(0)
		for k, i := range sel[:8] {
			at := src.off + int(i)
			b |= src.buf[at>>3] >> (at & 7) & 1 << k
		}
		dst = append(dst, b)
		n += 8
	}
	for _, i := range sel {
		dst = appendBit(dst, n, src.Get(int(i)))
		n++
	}
	return dst
}
