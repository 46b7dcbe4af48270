package ops

import (
	"math"
	"math/bits"
)

// An exact sum of float64 in cells: a two's complement number of sumWords words that counts units of 2^-1074, the least of all floats, so that
// nothing is ever rounded and neither order nor grouping matters (Kulisch's long accumulator), and a cell of flags. Zero cells are an empty sum.
const (
	sumWords = 34 // 2098 bits of the range of float64, and 78 for carries
	sumCells = sumWords + 1

	sumNaN    = 1
	sumPlus   = 2 // +Inf was added
	sumMinus  = 4 // -Inf was added
	mantissa  = 52
	expMask   = 1<<11 - 1
	fracMask  = 1<<mantissa - 1
	hiddenBit = 1 << mantissa
)

const _ = uint(sumWords*64 - (expMask + mantissa + 64)) // room for 2^64 greatest values

// sumAdd adds v.
func sumAdd(c []uint64, v float64) {
	b := math.Float64bits(v)
	exp, m := int(b>>mantissa)&expMask, b&fracMask
	switch {
	case exp == expMask:
		sumSpecial(c, v)
		return
	case exp == 0:
		exp = 1
	default:
		m |= hiddenBit
	}
	w, off := (exp-1)>>6, uint(exp-1)&63
	lo, hi := m<<off, m>>(64-off)
	words := c[w:sumWords]
	if b>>63 == 0 {
		sumCarry(words, lo, hi)
	} else {
		sumBorrow(words, lo, hi)
	}
}

func sumSpecial(c []uint64, v float64) {
	switch {
	case v != v:
		c[sumWords] |= sumNaN
	case v > 0:
		c[sumWords] |= sumPlus
	default:
		c[sumWords] |= sumMinus
	}
}

func sumCarry(w []uint64, lo, hi uint64) {
	var carry uint64
	w[0], carry = bits.Add64(w[0], lo, 0)
	w[1], carry = bits.Add64(w[1], hi, carry)
	for i := 2; carry != 0 && i < len(w); i++ {
		w[i], carry = bits.Add64(w[i], 0, carry)
	}
}

func sumBorrow(w []uint64, lo, hi uint64) {
	var borrow uint64
	w[0], borrow = bits.Sub64(w[0], lo, 0)
	w[1], borrow = bits.Sub64(w[1], hi, borrow)
	for i := 2; borrow != 0 && i < len(w); i++ {
		w[i], borrow = bits.Sub64(w[i], 0, borrow)
	}
}

// sumMerge adds the sum in o.
func sumMerge(c, o []uint64) {
	var carry uint64
	for i := range sumWords {
		c[i], carry = bits.Add64(c[i], o[i], carry)
	}
	c[sumWords] |= o[sumWords]
}

// sumValue is the sum, rounded once: to nearest, ties to even.
func sumValue(c []uint64) float64 {
	switch f := c[sumWords]; {
	case f&sumNaN != 0 || f&(sumPlus|sumMinus) == sumPlus|sumMinus:
		return math.NaN()
	case f&sumPlus != 0:
		return math.Inf(1)
	case f&sumMinus != 0:
		return math.Inf(-1)
	}
	var mag [sumWords]uint64
	negative := c[sumWords-1]>>63 != 0
	if negative {
		sumBorrowAll(&mag, c)
	} else {
		copy(mag[:], c)
	}
	v := math.Float64frombits(roundWords(&mag))
	if negative {
		return -v
	}
	return v
}

// sumBorrowAll stores 0 - c.
func sumBorrowAll(mag *[sumWords]uint64, c []uint64) {
	var borrow uint64
	for i := range mag {
		mag[i], borrow = bits.Sub64(0, c[i], borrow)
	}
}

// roundWords is the float64, as bits, nearest to a positive number of units.
func roundWords(w *[sumWords]uint64) uint64 {
	top := sumWords - 1
	for top > 0 && w[top] == 0 {
		top--
	}
	length := 64*top + bits.Len64(w[top])
	if length <= mantissa+1 {
		return w[0] // units and the bits of small floats are the same
	}
	shift := length - mantissa - 1 // bits to round away
	m := bitsAt(w, shift)
	if half := bitsAt(w, shift-1)&1 != 0; half && (m&1 != 0 || sticky(w, shift-1)) {
		m++
	}
	b := uint64(shift+1)<<mantissa + m - hiddenBit // m = 2^53 carries into the exponent
	if b>>mantissa >= expMask {
		return expMask << mantissa
	}
	return b
}

// bitsAt is the 53 bits from position at on.
func bitsAt(w *[sumWords]uint64, at int) uint64 {
	i, off := at>>6, uint(at)&63
	v := w[i] >> off
	if i+1 < sumWords {
		v |= w[i+1] << (64 - off)
	}
	return v & (hiddenBit<<1 - 1)
}

// sticky reports whether a bit below position n is set.
func sticky(w *[sumWords]uint64, n int) bool {
	for i := range n >> 6 {
		if w[i] != 0 {
			return true
		}
	}
	return w[n>>6]&(1<<(uint(n)&63)-1) != 0
}
