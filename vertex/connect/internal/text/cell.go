package text

import (
	"encoding/base64"
	"math"
	"strconv"
	"unsafe"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// Int reads a decimal integer with an optional sign.
func Int(b []byte) (v int64, ok bool) {
	digits := b
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		digits = b[1:]
	}
	const safe = 18 // digits that cannot overflow
	if len(digits) == 0 {
		return 0, false
	}
	if len(digits) > safe {
		v, err := strconv.ParseInt(lend(b), 10, 64)
		return v, err == nil
	}
	for _, c := range digits {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + int64(d)
	}
	if b[0] == '-' {
		v = -v
	}
	return v, true
}

// Float reads a decimal number, or inf, -inf or nan. Numbers beyond the range of float64 are refused.
func Float(b []byte) (v float64, ok bool) {
	for _, c := range b {
		if c == 'x' || c == 'X' || c == '_' {
			return 0, false // hexadecimal to strconv
		}
	}
	v, err := strconv.ParseFloat(lend(b), 64)
	return v, err == nil
}

// Bool reads true or false in any case.
func Bool(b []byte) (v, ok bool) {
	switch len(b) {
	case 4:
		return true, equalFold(b, "true")
	case 5:
		return false, equalFold(b, "false")
	}
	return false, false
}

func equalFold(b []byte, lower string) bool {
	for i := range b {
		if b[i]|0x20 != lower[i] {
			return false
		}
	}
	return true
}

// AppendFloat appends the shortest text that reads back as v, with an exponent where that is shorter to read; v is finite.
func AppendFloat(dst []byte, v float64) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// lend makes b a string for the length of a call.
func lend(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// AppendBase64 appends the bytes that b encodes to a column of bytes.
func AppendBase64(c *batch.ColumnBuilder, b []byte) (ok bool) {
	data, err := base64.StdEncoding.AppendDecode(c.Data, b)
	c.Data = data
	c.Offs = append(c.Offs, int32(len(data)))
	return err == nil
}
