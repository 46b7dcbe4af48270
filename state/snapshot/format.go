package snapshot

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
)

const (
	fileVersion = 3 // 2: pages held lists of their free blocks
	headerMagic = "SSSNAP1\n"
	footerMagic = "SSSNAPE\n"
	headerBytes = 64
	footerBytes = 48
	partBytes   = 40
	recordBytes = 16
	sumBytes    = 8

	// Bounds of what a file may say, so that a damaged one cannot ask for much memory.
	maxParts     = 1 << 20
	maxExtra     = 1 << 30
	maxHead      = 1 << 30
	maxPageBytes = 1 << 30
	maxPages     = 1 << 22
	maxIndex     = 1 << 40
)

// JobID names a job.
type JobID uint64

var le = binary.LittleEndian

// header begins a file.
type header struct {
	Job       JobID
	Task      frame.TaskID
	Tick      frame.Tick
	Base      frame.Tick // of an increment
	Increment bool
	parts     uint32
	extra     uint64 // bytes
}

func (h *header) encode() []byte {
	b := append(make([]byte, 0, headerBytes), headerMagic...)
	flags := uint32(0)
	if h.Increment {
		flags = 1
	}
	b = le.AppendUint32(le.AppendUint32(b, fileVersion), flags)
	for _, v := range []uint64{uint64(h.Job), uint64(h.Tick), uint64(h.Base)} {
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, uint32(h.Task)), h.parts), h.extra)
	return le.AppendUint64(b, xxhash.Sum64(b))
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

func decodeHeader(b []byte) (header, error) {
	switch {
	case string(b[:8]) != headerMagic:
		return header{}, damaged("magic %q, want %q", b[:8], headerMagic)
	case le.Uint64(b[56:]) != xxhash.Sum64(b[:56]):
		return header{}, damaged("sum of the header %#x, want %#x", xxhash.Sum64(b[:56]), le.Uint64(b[56:]))
	case le.Uint32(b[8:]) != fileVersion:
		return header{}, fmt.Errorf("snapshot file of version %d, want %d", le.Uint32(b[8:]), fileVersion)
	}
	h := header{Job: JobID(le.Uint64(b[16:])), Tick: frame.Tick(le.Uint64(b[24:])), Base: frame.Tick(le.Uint64(b[32:])),
		Task: frame.TaskID(le.Uint32(b[40:])), Increment: b[12] == 1, parts: le.Uint32(b[44:]), extra: le.Uint64(b[48:])}
	if le.Uint32(b[12:]) > 1 || h.parts > maxParts || h.extra > maxExtra || (h.Increment && h.Base >= h.Tick) || (!h.Increment && h.Base != 0) {
		return header{}, damaged("header with flags %#x, tick %d on %d, %d parts, %d bytes of extra", le.Uint32(b[12:]), h.Tick, h.Base, h.parts, h.extra)
	}
	return h, nil
}

// partHeader begins a part in the index.
type partHeader struct {
	ID      uint64
	full    bool
	head    uint64 // bytes
	records uint64
}

func (p *partHeader) encode() []byte {
	b := le.AppendUint64(make([]byte, 0, partBytes), p.ID)
	flags := uint64(0)
	if p.full {
		flags = 1
	}
	b = le.AppendUint64(le.AppendUint64(le.AppendUint64(b, flags), p.head), p.records)
	return le.AppendUint64(b, xxhash.Sum64(b))
}

func decodePart(b []byte) (partHeader, error) {
	if got := xxhash.Sum64(b[:32]); got != le.Uint64(b[32:]) {
		return partHeader{}, damaged("sum of a part's header %#x, want %#x", got, le.Uint64(b[32:]))
	}
	p := partHeader{ID: le.Uint64(b), full: b[8] == 1, head: le.Uint64(b[16:]), records: le.Uint64(b[24:])}
	if le.Uint64(b[8:]) > 1 || p.head > maxHead || p.records > 1<<32 {
		return partHeader{}, damaged("part %d with flags %#x, head of %d bytes, %d pages", p.ID, le.Uint64(b[8:]), p.head, p.records)
	}
	return p, nil
}

// record begins a page.
type record struct {
	page, size uint32
	sum        uint64
}

func (r *record) append(b []byte) []byte {
	return le.AppendUint64(le.AppendUint32(le.AppendUint32(b, r.page), r.size), r.sum)
}

func decodeRecord(b []byte) record { return record{le.Uint32(b), le.Uint32(b[4:]), le.Uint64(b[8:])} }

// sumPage is the sum of a page's content, with its number and size.
func sumPage(page uint32, content []byte) uint64 {
	d := xxhash.NewWithSeed(uint64(page) | uint64(len(content))<<32)
	_, _ = d.Write(content) // never fails
	return d.Sum64()
}

// footer ends a file. index is the length of the index before it, without its sum.
type footer struct{ records, hash, size, index, sum uint64 }

// encode leaves the sum to the caller, who knows it only after the bytes before it.
func (f *footer) encode() []byte {
	b := append(make([]byte, 0, footerBytes), footerMagic...)
	for _, v := range []uint64{f.records, f.hash, f.size, f.index} {
		b = le.AppendUint64(b, v)
	}
	return b
}

func decodeFooter(b []byte) (footer, error) {
	if string(b[:8]) != footerMagic {
		return footer{}, damaged("magic of the footer %q, want %q", b[:8], footerMagic)
	}
	return footer{le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:]), le.Uint64(b[40:])}, nil
}

// partSums are the sums that a part adds to the state hash. pages is by page number, 0 with size 0 for none.
type partSums struct {
	id    uint64
	head  uint64
	pages []pageSum
}

type pageSum struct {
	sum  uint64
	size uint32
}

func (p *partSums) set(page uint32, s pageSum) { // page < maxPages, as checked
	for int(page) >= len(p.pages) {
		p.pages = append(p.pages, pageSum{})
	}
	p.pages[page] = s
}

func stateHash(extra uint64, parts []*partSums) uint64 {
	d := xxhash.New()
	put := func(v uint64) {
		var b [8]byte
		le.PutUint64(b[:], v)
		_, _ = d.Write(b[:]) // never fails
	}
	put(extra)
	for _, p := range parts {
		put(p.id)
		put(p.head)
		for no, s := range p.pages {
			if s.size != 0 {
				put(uint64(no))
				put(s.sum)
			}
		}
	}
	return d.Sum64()
}
