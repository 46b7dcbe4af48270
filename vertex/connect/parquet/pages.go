package parquet

import (
	"fmt"
	"io"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// pageHeaderMaxBytes bounds a page's header; statistics make it large.
const pageHeaderMaxBytes = 1 << 20

// chunk is where the pages of a column of a row group lie in the file.
type chunk struct {
	from, to int64
	rows     int64
	least    int64 // bytes that a value in a dictionary takes at least
}

func chunkOf(m *metadata.ColumnChunkMetaData, fileBytes int64) (chunk, error) {
	c := chunk{from: m.DataPageOffset(), rows: m.NumValues()}
	if m.HasDictionaryPage() && m.DictionaryPageOffset() > 0 {
		c.from = min(c.from, m.DictionaryPageOffset())
	}
	c.to = c.from + m.TotalCompressedSize()
	if c.from < 0 || c.to < c.from || c.to > fileBytes {
		return c, fmt.Errorf("its pages are at bytes %d to %d of a file of %d", c.from, c.to, fileBytes)
	}
	switch m.Type() {
	case pq.Types.Int32, pq.Types.Float, pq.Types.ByteArray:
		c.least = 4
	case pq.Types.Int96:
		c.least = 12
	default:
		c.least = 8
	}
	return c, nil
}

// check walks the headers of the pages: that they lie inside the chunk, that their sizes are within bounds, that no dictionary claims more
// values than it can hold, since arrow-go allocates for them, and that there are as many values as rows.
func (c chunk) check(f io.ReaderAt) error {
	buf := make([]byte, 4<<10)
	values := int64(0)
	for at := c.from; at < c.to && values < c.rows; {
		h, n, err := readPageHeader(f, at, c.to, &buf)
		if err != nil {
			return err
		}
		at += int64(n)
		switch {
		case h.packed < 0 || h.unpacked < 0 || h.values < 0:
			return fmt.Errorf("a page has %d values in %d bytes, packed %d", h.values, h.unpacked, h.packed)
		case h.packed > c.to-at:
			return fmt.Errorf("a page of %d bytes goes beyond the column's end", h.packed)
		case h.packed > pageMaxBytes || h.unpacked > pageMaxBytes:
			return fmt.Errorf("a page has %d bytes, packed %d, at most %d are read", h.unpacked, h.packed, pageMaxBytes)
		case h.dictionary && h.values > h.unpacked/c.least:
			return fmt.Errorf("a dictionary claims %d values in %d bytes", h.values, h.unpacked)
		case !h.dictionary:
			values += h.values
		}
		at += h.packed
	}
	if values != c.rows {
		return fmt.Errorf("its pages have %d rows, want %d", values, c.rows)
	}
	return nil
}

type pageHeader struct {
	dictionary       bool
	unpacked, packed int64 // bytes
	values           int64
}

// readPageHeader reads the header at a position, growing buf as needed, and returns its length.
func readPageHeader(f io.ReaderAt, at, end int64, buf *[]byte) (h pageHeader, n int, err error) {
	for {
		b := (*buf)[:min(int64(len(*buf)), end-at)]
		if _, err := f.ReadAt(b, at); err != nil {
			return h, 0, err
		}
		h, n, err = parsePageHeader(b)
		if err == nil || len(b) < len(*buf) || len(b) >= pageHeaderMaxBytes {
			return h, n, err
		}
		*buf = make([]byte, 4*len(*buf))
	}
}

// parsePageHeader reads the fields of PageHeader that matter: 1 type, 2 and 3 sizes, 5, 7 and 8 the headers by type, each with its
// number of values as field 1.
func parsePageHeader(b []byte) (h pageHeader, n int, err error) {
	const dictionaryPage = 2
	c := &compact{b: b}
	c.fields(0, func(id int, typ byte) bool {
		switch {
		case id == 1 && typ == thriftI32:
			h.dictionary = c.int() == dictionaryPage
		case id == 2 && typ == thriftI32:
			h.unpacked = c.int()
		case id == 3 && typ == thriftI32:
			h.packed = c.int()
		case (id == 5 || id == 7 || id == 8) && typ == thriftStruct:
			c.fields(1, func(id int, typ byte) bool {
				if id != 1 || typ != thriftI32 {
					return false
				}
				h.values = c.int()
				return true
			})
		default:
			return false
		}
		return true
	})
	return h, c.at, c.err
}
