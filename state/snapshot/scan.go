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

// cursor reads an object from its start to its end.
type cursor struct {
	o    Object
	at   int64
	buf  []byte // of the object, from bufAt on
	from int64
	all  *xxhash.Digest // of all bytes taken; nil: contents of pages are passed over
}

func (c *cursor) left() int64 { return c.o.Size() - c.at }

// take lends the next n bytes until the next call.
func (c *cursor) take(n int64, what string) ([]byte, error) {
	if n > c.left() {
		return nil, damaged("it ends at byte %d within %s, want %d more", c.o.Size(), what, n-c.left())
	}
	if c.at < c.from || c.at+n > c.from+int64(len(c.buf)) {
		ahead := int64(headerBytes)
		if c.all != nil {
			ahead = fileBufferBytes
		}
		if err := c.fill(max(n, ahead)); err != nil {
			return nil, err
		}
	}
	b := c.buf[c.at-c.from:][:n]
	c.at += n
	if c.all != nil {
		_, _ = c.all.Write(b) // never fails
	}
	return b, nil
}

// fill reads at least n bytes from the place of the next one on, or what is left. Whole blocks are read where that is much.
func (c *cursor) fill(n int64) error {
	from, to := c.at, min(c.at+n, c.o.Size())
	if n >= directLeast {
		from, to = from&^(blockBytes-1), (c.at+n+blockBytes-1)&^(blockBytes-1)
	}
	if int64(cap(c.buf)) < to-from {
		c.buf = make([]byte, to-from)
	}
	c.buf, c.from = c.buf[:to-from], from
	got, err := c.o.ReadAt(c.buf, from)
	if want := min(to, c.o.Size()) - from; int64(got) < want {
		return fmt.Errorf("read %d bytes at %d: %w", want, from, err)
	}
	c.buf = c.buf[:got]
	return nil
}

// summed takes n bytes and their sum.
func (c *cursor) summed(n uint64, what string) ([]byte, uint64, error) {
	if n > uint64(c.left()) {
		return nil, 0, damaged("it ends at byte %d within %s of %d bytes", c.o.Size(), what, n)
	}
	b, err := c.take(int64(n)+sumBytes, what)
	if err != nil {
		return nil, 0, err
	}
	sum := le.Uint64(b[n:])
	if got := xxhash.Sum64(b[:n]); got != sum {
		return nil, 0, damaged("sum of %s %#x, want %#x", what, got, sum)
	}
	return append([]byte(nil), b[:n]...), sum, nil
}

// scan reads what a file says; with contents it also reads and checks every page and the sum of the file. The error wraps ErrDamaged if the file
// is not what was written.
func scan(o Object, contents bool) (*file, error) {
	c := &cursor{o: o}
	if contents {
		c.all = xxhash.New()
	}
	f := &file{}
	b, err := c.take(headerBytes, "the header")
	if err == nil {
		f.header, err = decodeHeader(b)
	}
	if err == nil {
		f.extraData, f.extraSum, err = c.summed(f.extra, "the extra")
	}
	for range f.parts {
		if err != nil {
			return nil, err
		}
		err = f.scanPart(c)
	}
	if err == nil {
		err = f.scanFooter(c)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f *file) scanPart(c *cursor) error {
	b, err := c.take(partBytes, "a part's header")
	if err != nil {
		return err
	}
	var p filePart
	if p.partHeader, err = decodePart(b); err != nil {
		return err
	}
	if n := len(f.index); n > 0 && f.index[n-1].ID >= p.ID {
		return damaged("part %d after part %d", p.ID, f.index[n-1].ID)
	}
	if !p.full && !f.Increment {
		return damaged("part %d is an increment in a full file", p.ID)
	}
	if p.headData, p.headSum, err = c.summed(p.head, "the head of a part"); err != nil {
		return err
	}
	if p.partHeader.records > uint64(c.left())/recordBytes {
		return damaged("part %d: %d pages in %d bytes", p.ID, p.partHeader.records, c.left())
	}
	for range p.partHeader.records {
		if err := p.scanPage(c); err != nil {
			return fmt.Errorf("part %d: %w", p.ID, err)
		}
	}
	f.index = append(f.index, p)
	return nil
}

func (p *filePart) scanPage(c *cursor) error {
	b, err := c.take(recordBytes, "a page's record")
	if err != nil {
		return err
	}
	r := decodeRecord(b)
	if r.page >= maxPages || r.size > maxPageBytes {
		return damaged("page %d of %d bytes", r.page, r.size)
	}
	if n := len(p.pages); n > 0 && p.pages[n-1].page >= r.page {
		return damaged("page %d after page %d", r.page, p.pages[n-1].page)
	}
	at := c.at
	if c.all == nil && int64(r.size) <= c.left() {
		c.at += int64(r.size)
	} else if b, err = c.take(int64(r.size), "a page"); err != nil {
		return err
	} else if got := sumPage(r.page, b); got != r.sum {
		return damaged("page %d: sum %#x, want %#x", r.page, got, r.sum)
	}
	p.pages = append(p.pages, filePage{r, at})
	return nil
}

func (f *file) scanFooter(c *cursor) error {
	b, err := c.take(footerBytes-sumBytes, "the footer")
	if err != nil {
		return err
	}
	got := uint64(0)
	if c.all != nil {
		got = c.all.Sum64()
	}
	b = append([]byte(nil), b...)
	sum, err := c.take(sumBytes, "the footer")
	if err != nil {
		return err
	}
	if f.footer, err = decodeFooter(append(b, sum...)); err != nil {
		return err
	}
	records := uint64(0)
	for i := range f.index {
		records += f.index[i].partHeader.records
	}
	switch {
	case c.left() > 0 || f.size != uint64(c.o.Size()):
		return damaged("%d bytes, want %d", c.o.Size(), f.size)
	case f.footer.records != records:
		return damaged("%d pages, want %d", records, f.footer.records)
	case c.all != nil && got != f.footer.sum:
		return damaged("sum of the file %#x, want %#x", got, f.footer.sum)
	}
	return nil
}
