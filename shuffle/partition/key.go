package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/streamscope/streamscope/shuffle/batch"
)

const (
	keyNull  = 0
	keyValue = 1
	nanBits  = 0x7ff8000000000000
)

// IntLead is what canonical key bytes of one integer or time that is not null begin with; its 8 bytes follow, little endian. Their Hash is MixV1
// of the integer.
const IntLead = keyValue

// ErrKey means that bytes are not canonical key bytes of the columns they are read for.
var ErrKey = errors.New("damaged key")

// FloatBits is the canonical form of a float64 key: -0.0 as 0.0, one NaN.
func FloatBits(v float64) uint64 {
	switch {
	case v == 0:
		return 0
	case v != v:
		return nanBits
	}
	return math.Float64bits(v)
}

// AppendKey appends the canonical bytes of the key columns of a row to dst and returns it.
func AppendKey(dst []byte, b *batch.Batch, keyCols []int, row int) []byte {
	for _, k := range keyCols {
		dst = appendValue(dst, &b.Cols[k], row)
	}
	return dst
}

func appendValue(dst []byte, c *batch.Column, row int) []byte {
	if c.Null(row) {
		return append(dst, keyNull)
	}
	dst = append(dst, keyValue)
	switch c.Kind() {
	case batch.Bool:
		if c.Bools().Get(row) {
			return append(dst, 1)
		}
		return append(dst, 0)
	case batch.String, batch.Bytes:
		v := c.Bytes(row)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(v)))
		return append(dst, v...)
	case batch.Float64:
		return binary.LittleEndian.AppendUint64(dst, FloatBits(c.Float64s()[row]))
	default:
		return binary.LittleEndian.AppendUint64(dst, uint64(c.Int64s()[row]))
	}
}

// HasNull reports whether one of the key columns is null in the row: such a key joins nothing.
func HasNull(b *batch.Batch, keyCols []int, row int) bool {
	for _, k := range keyCols {
		if b.Cols[k].Null(row) {
			return true
		}
	}
	return false
}

// NextValue splits the first column's value off canonical key bytes: val are its bytes without null byte and length, borrowed from key.
// The error wraps ErrKey.
func NextValue(key []byte, kind batch.Kind) (val []byte, null bool, rest []byte, err error) {
	if len(key) == 0 {
		return nil, false, nil, fmt.Errorf("%w: ends before its %v", ErrKey, kind)
	}
	if key[0] == keyNull {
		return nil, true, key[1:], nil
	}
	n, body := 8, key[1:]
	switch {
	case kind == batch.Bool:
		n = 1
	case kind.VarLen():
		if len(body) < 4 {
			return nil, false, nil, fmt.Errorf("%w: %d bytes for the length of a %v", ErrKey, len(body), kind)
		}
		n, body = int(binary.LittleEndian.Uint32(body)), body[4:]
	}
	if len(body) < n {
		return nil, false, nil, fmt.Errorf("%w: %d bytes for a %v of %d", ErrKey, len(body), kind, n)
	}
	return body[:n:n], false, body[n:], nil
}

// AppendKeyValues appends the values that canonical key bytes hold to one builder per key column, in order. A null may only meet a
// nullable builder. The error wraps ErrKey.
func AppendKeyValues(dst []batch.ColumnBuilder, key []byte) error {
	for i := range dst {
		c := &dst[i]
		val, null, rest, err := NextValue(key, c.Kind)
		if err != nil {
			return err
		}
		key = rest
		if null {
			if !c.Nullable {
				return fmt.Errorf("%w: null in key column %d, which has none", ErrKey, i)
			}
			c.AppendNull()
			continue
		}
		switch c.Kind {
		case batch.Bool:
			c.AppendBool(val[0] != 0)
		case batch.String, batch.Bytes:
			c.AppendBytes(val)
		case batch.Float64:
			c.AppendFloat64(math.Float64frombits(binary.LittleEndian.Uint64(val)))
		default:
			c.AppendInt64(int64(binary.LittleEndian.Uint64(val)))
		}
		c.SetValid(true)
	}
	if len(key) != 0 {
		return fmt.Errorf("%w: %d bytes after its last column", ErrKey, len(key))
	}
	return nil
}
