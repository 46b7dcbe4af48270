package snapshot

import (
	"bufio"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/state"
)

// Image is a task at the end of a tick: its states, by ascending id, and what it keeps beside them.
type Image struct {
	Extra []byte
	Parts []state.Part
}

func (im *Image) valid() error {
	if len(im.Parts) > maxParts || len(im.Extra) > maxExtra {
		return fmt.Errorf("snapshot of %d parts and %d bytes of extra, want at most %d and %d", len(im.Parts), len(im.Extra), maxParts, maxExtra)
	}
	for i := 1; i < len(im.Parts); i++ {
		if im.Parts[i-1].ID >= im.Parts[i].ID {
			return fmt.Errorf("snapshot with part %d after part %d", im.Parts[i].ID, im.Parts[i-1].ID)
		}
	}
	return nil
}

// Release lets go of all parts.
func (im *Image) Release() { state.ReleaseParts(im.Parts) }

const fileBufferBytes = 1 << 20

// encoder writes a file and sums it as it goes.
type encoder struct {
	w       *bufio.Writer
	sum     *xxhash.Digest
	size    uint64
	records uint64
	index   []byte
	page    []byte
	err     error
}

func (e *encoder) put(b []byte) {
	if e.err == nil {
		_, e.err = e.w.Write(b)
		_, _ = e.sum.Write(b) // never fails
		e.size += uint64(len(b))
	}
}

func (e *encoder) putSummed(b []byte) uint64 {
	sum := xxhash.Sum64(b)
	e.put(b)
	e.put(le.AppendUint64(nil, sum))
	return sum
}

// encodeFile writes a file and flushes w. base holds the sums of the parts that are written as increments; the result those of the state as it is now.
func encodeFile(w *bufio.Writer, h header, im *Image, base map[uint64]*partSums) ([]*partSums, footer, error) {
	e := &encoder{w: w, sum: xxhash.New()}
	h.parts, h.extra = uint32(len(im.Parts)), uint64(len(im.Extra))
	e.put(h.encode())
	extra := e.putSummed(im.Extra)
	var sums []*partSums
	for i := range im.Parts {
		sums = append(sums, e.part(&im.Parts[i], base[im.Parts[i].ID]))
	}
	e.putSummed(e.index)
	f := footer{records: e.records, hash: stateHash(extra, sums), size: e.size + footerBytes, index: uint64(len(e.index))}
	e.put(f.encode())
	f.sum = e.sum.Sum64()
	e.put(le.AppendUint64(nil, f.sum))
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return sums, f, e.err
}

// part writes a part: all of it if base is nil.
func (e *encoder) part(p *state.Part, base *partSums) *partSums {
	f := p.Frozen
	s := &partSums{id: p.ID}
	var pages []uint32
	if base != nil {
		s.pages = slices.Clone(base.pages)
		pages = f.Dirty().ToArray()
	} else {
		for no := range f.Pages() {
			if f.PageBytes(no) > 0 {
				pages = append(pages, no)
			}
		}
	}
	head := f.AppendHead(nil)
	ph := partHeader{ID: p.ID, full: base == nil, head: uint64(len(head)), records: uint64(len(pages))}
	e.index = append(e.index, ph.encode()...)
	s.head = e.putSummed(head)
	for _, no := range pages {
		if e.err != nil {
			return s
		}
		s.set(no, e.record(f, no))
	}
	return s
}

func (e *encoder) record(f *state.Frozen, no uint32) pageSum {
	e.page = e.page[:0]
	if f.PageBytes(no) > 0 {
		e.page, e.err = f.AppendPage(e.page, no)
	}
	r := record{page: no, size: uint32(len(e.page)), sum: sumPage(no, e.page)}
	e.index = r.append(e.index)
	e.put(e.page)
	e.records++
	return pageSum{r.sum, r.size}
}
