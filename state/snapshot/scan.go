package snapshot

import (
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// file is what a file says, but for the content of its pages.
type file struct {
	header
	footer
	extraSum  uint64
	extraData []byte
	index     []filePart
}

type filePart struct {
	partHeader
	headSum  uint64
	headData []byte
	pages    []filePage
}

type filePage struct {
	record
	at int64 // of the content
}

// add adds a record of a part whose content lies at a place.
func (p *filePart) add(r record, at int64) error {
	if r.page >= maxPages || r.size > maxPageBytes {
		return damaged("page %d of %d bytes", r.page, r.size)
	}
	if n := len(p.pages); n > 0 && p.pages[n-1].page >= r.page {
		return damaged("page %d after page %d", r.page, p.pages[n-1].page)
	}
	p.pages = append(p.pages, filePage{r, at})
	return nil
}

// begin begins a part of which there are at most so many bytes.
func (f *file) begin(b []byte, left int64) (p filePart, err error) {
	if p.partHeader, err = decodePart(b); err != nil {
		return p, err
	}
	switch n := len(f.index); {
	case n > 0 && f.index[n-1].ID >= p.ID:
		return p, damaged("part %d after part %d", p.ID, f.index[n-1].ID)
	case !p.full && !f.Increment:
		return p, damaged("part %d is an increment in a full file", p.ID)
	case p.partHeader.records > uint64(left)/recordBytes:
		return p, damaged("part %d: %d pages in %d bytes", p.ID, p.partHeader.records, left)
	}
	return p, nil
}

// cursor reads an object from its start to its end.
type cursor struct {
	o    Object
	at   int64
	buf  []byte // of the object, from from on
	from int64
	all  *xxhash.Digest // of all bytes taken
}

func (c *cursor) left() int64 { return c.o.Size() - c.at }

// take lends the next n bytes until the next call.
func (c *cursor) take(n int64, what string) ([]byte, error) {
	if n > c.left() {
		return nil, damaged("it ends at byte %d within %s, want %d more", c.o.Size(), what, n-c.left())
	}
	if c.at < c.from || c.at+n > c.from+int64(len(c.buf)) {
		if err := c.fill(max(n, fileBufferBytes)); err != nil {
			return nil, err
		}
	}
	b := c.buf[c.at-c.from:][:n]
	c.at += n
	_, _ = c.all.Write(b) // never fails
	return b, nil
}

// skip takes all up to a place.
func (c *cursor) skip(to int64) error {
	for c.at < to {
		if _, err := c.take(min(to-c.at, fileBufferBytes), "what lies between pages"); err != nil {
			return err
		}
	}
	return nil
}

// fill reads at least n bytes from the place of the next one on, or what is left, in whole blocks.
func (c *cursor) fill(n int64) (err error) {
	c.from = c.at &^ (blockBytes - 1)
	c.buf, err = readBlocks(c.o, c.buf, c.from, min(c.at+n, c.o.Size()))
	return err
}

// readBlocks reads an object from one place, a multiple of a block, to another into the memory of b, if it has room, and what else the last block has.
func readBlocks(o Object, b []byte, from, to int64) ([]byte, error) {
	size := (to - from + blockBytes - 1) &^ (blockBytes - 1)
	if int64(cap(b)) < size {
		b = make([]byte, size)
	}
	n, err := o.ReadAt(b[:size], from)
	if int64(n) < to-from {
		return b[:0], fmt.Errorf("read %d bytes at %d: %w", to-from, from, err)
	}
	return b[:n], nil
}

// checkSum splits bytes and their sum.
func checkSum(b []byte, what string) (content []byte, sum uint64, err error) {
	n := len(b) - sumBytes
	sum = le.Uint64(b[n:])
	if got := xxhash.Sum64(b[:n]); got != sum {
		return nil, 0, damaged("sum of %s %#x, want %#x", what, got, sum)
	}
	return b[:n:n], sum, nil
}

// scan reads all that a file says, and checks every page and the sum of the file. The error wraps ErrDamaged if the file is not what was written.
func scan(o Object) (*file, error) {
	f, err := readIndex(o)
	if err != nil {
		return nil, err
	}
	c := &cursor{o: o, all: xxhash.New()}
	for i := range f.index {
		p := &f.index[i]
		for j := range p.pages {
			if err := p.pages[j].scan(c); err != nil {
				return nil, fmt.Errorf("part %d: %w", p.ID, err)
			}
		}
	}
	if err := c.skip(o.Size() - sumBytes); err != nil {
		return nil, err
	}
	if got := c.all.Sum64(); got != f.footer.sum {
		return nil, damaged("sum of the file %#x, want %#x", got, f.footer.sum)
	}
	return f, nil
}

// scan checks a page.
func (p *filePage) scan(c *cursor) error {
	if err := c.skip(p.at); err != nil {
		return err
	}
	b, err := c.take(int64(p.size), "a page")
	if err != nil {
		return err
	}
	if got := sumPage(p.page, b); got != p.sum {
		return damaged("page %d: sum %#x, want %#x", p.page, got, p.sum)
	}
	return nil
}

// pages is the number of records of all parts.
func (f *file) pages() (n uint64) {
	for i := range f.index {
		n += uint64(len(f.index[i].pages))
	}
	return n
}
