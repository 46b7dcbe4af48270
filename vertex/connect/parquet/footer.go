package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	footerMaxBytes = 64 << 20
	columnsMax     = 1 << 16
	columnDepthMax = 64
	magic          = "PAR1"
)

// checkFooter checks the frame of a file and its footer as far as needed for arrow-go to parse it within bounds.
func checkFooter(f io.ReaderAt, size int64) error {
	const frameBytes = 4 + 8 // magic; length of the footer and magic
	head, tail := make([]byte, 4), make([]byte, 8)
	if size < frameBytes {
		return notParquet("it has %d bytes", size)
	}
	if _, err := f.ReadAt(head, 0); err != nil {
		return err
	}
	if _, err := f.ReadAt(tail, size-8); err != nil {
		return err
	}
	switch {
	case string(head) != magic:
		return notParquet("it begins with %q, want %q", head, magic)
	case string(tail[4:]) == "PARE":
		return errors.New("got an encrypted Parquet file, want a plain one")
	case string(tail[4:]) != magic:
		return damaged(fmt.Errorf("it ends with %q, want %q", tail[4:], magic))
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > size-frameBytes || n > footerMaxBytes {
		return damaged(fmt.Errorf("its footer claims %d of %d bytes", n, size))
	}
	footer := make([]byte, n)
	if _, err := f.ReadAt(footer, size-8-n); err != nil {
		return err
	}
	if err := checkFileMetaData(footer); err != nil {
		return damaged(err)
	}
	return nil
}

func notParquet(format string, args ...any) error {
	return fmt.Errorf("not a Parquet file: "+format, args...)
}

// checkFileMetaData walks the footer's structure. Field 2 is the list of schema elements.
func checkFileMetaData(footer []byte) error {
	c := &compact{b: footer}
	c.fields(0, func(id int, typ byte) bool {
		if id != 2 || typ != thriftList {
			return false
		}
		c.checkSchema()
		return true
	})
	return c.err
}

// checkSchema walks the schema, a tree written as a list of nodes with their numbers of children.
func (c *compact) checkSchema() {
	n, elem := c.list()
	if elem != thriftStruct || n > columnsMax {
		c.fail("%d columns of type %d", n, elem)
		return
	}
	var open []int64 // children still to come, per level
	for i := range n {
		children := int64(0)
		c.fields(1, func(id int, typ byte) bool {
			if id != 5 || typ != thriftI32 {
				return false
			}
			children = c.int()
			return true
		})
		for len(open) > 0 && open[len(open)-1] == 0 {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			open[len(open)-1]--
		}
		if children < 0 || children > int64(n-i) || len(open) > columnDepthMax {
			c.fail("column %d has %d children at depth %d", i, children, len(open))
			return
		}
		open = append(open, children)
	}
}
