package parquet

import (
	"errors"
	"fmt"
)

// compact walks Thrift's compact protocol, in which Parquet writes its tables. arrow-go's parser allocates what lists claim to hold and recurses as
// deep as structures claim to nest; the walk before it makes sure that no claim exceeds what the bytes can hold.
type compact struct {
	b   []byte
	at  int
	err error
}

// Types of the compact protocol.
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13

	thriftDepthMax = 32
)

var errThrift = errors.New("its tables are malformed")

func (c *compact) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: "+format, append([]any{errThrift}, args...)...)
	}
	c.at = len(c.b)
}

func (c *compact) left() int { return len(c.b) - c.at }

func (c *compact) byte() byte {
	if c.left() == 0 {
		c.fail("cut off at byte %d", c.at)
		return 0
	}
	c.at++
	return c.b[c.at-1]
}

func (c *compact) varint() uint64 {
	var v uint64
	for shift := uint(0); shift < 64; shift += 7 {
		b := c.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	c.fail("a number of more than 64 bits")
	return 0
}

// int reads a signed number.
func (c *compact) int() int64 {
	v := c.varint()
	return int64(v>>1) ^ -int64(v&1)
}

func (c *compact) pass(n uint64) {
	if n > uint64(c.left()) {
		c.fail("%d bytes wanted, %d left", n, c.left())
		return
	}
	c.at += int(n)
}

// fields walks a structure. visit is called at each field's value and reports whether it has read that; else the value is skipped.
func (c *compact) fields(depth int, visit func(id int, typ byte) bool) {
	if depth > thriftDepthMax {
		c.fail("nested deeper than %d", thriftDepthMax)
		return
	}
	id := int64(0)
	for c.err == nil {
		head := c.byte()
		typ := head & 15
		if typ == thriftStop {
			return
		}
		if delta := head >> 4; delta != 0 {
			id += int64(delta)
		} else {
			id = c.int()
		}
		if !visit(int(id), typ) {
			c.skip(typ, depth+1)
		}
	}
}

// list reads the head of a list or set. Each element takes a byte at least.
func (c *compact) list() (n int, elem byte) {
	head := c.byte()
	size := uint64(head >> 4)
	if size == 15 {
		size = c.varint()
	}
	if size > uint64(c.left()) {
		c.fail("a list of %d in %d bytes", size, c.left())
		return 0, 0
	}
	return int(size), head & 15
}

func ignore(int, byte) bool { return false }

func (c *compact) skip(typ byte, depth int) {
	switch typ {
	case thriftTrue, thriftFalse:
	case thriftByte:
		c.byte()
	case thriftI16, thriftI32, thriftI64:
		c.varint()
	case thriftDouble:
		c.pass(8)
	case thriftBinary:
		c.pass(c.varint())
	case thriftList, thriftSet:
		n, elem := c.list()
		for range n {
			c.element(elem, depth)
		}
	case thriftMap:
		c.skipMap(depth)
	case thriftStruct:
		c.fields(depth, ignore)
	case thriftUUID:
		c.pass(16)
	default:
		c.fail("type %d", typ)
	}
}

// element skips an element of a list, where booleans take a byte.
func (c *compact) element(typ byte, depth int) {
	if typ == thriftTrue || typ == thriftFalse {
		typ = thriftByte
	}
	c.skip(typ, depth)
}

func (c *compact) skipMap(depth int) {
	size := c.varint()
	if size == 0 {
		return
	}
	types := c.byte()
	if size > uint64(c.left()) {
		c.fail("a map of %d in %d bytes", size, c.left())
		return
	}
	for range size {
		c.element(types>>4, depth)
		c.element(types&15, depth)
	}
}
