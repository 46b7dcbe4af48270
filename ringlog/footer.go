package ringlog

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// chainRange is what a segment keeps of one chain.
type chainRange struct {
	chain    frame.Chain
	min, max frame.Tick
	frames   int
}

// entry is a frame of the segment being written: where it is, and which of the segment's chains it belongs to.
type entry struct {
	offset uint32
	chain  uint32
}

// footerView reads a footer in place; it borrows the segment's bytes.
//
// Invariant (checked by parseFooter): the tables lie inside the segment, entries of a chain lie inside the entry table.
type footerView struct {
	b           []byte // from the footer's first byte to the segment's end
	number      SegmentNumber
	incarnation frame.Incarnation
	offset, end int // of the footer; of the frames
	chains      int
	frames      int
}

// putFooter writes the footer of a segment: the chains' ranges and the entries, counting-sorted by chain.
// starts is scratch of len(chains). It returns the footer's offset.
func putFooter(mem []byte, number SegmentNumber, inc frame.Incarnation, end int, chains []chainRange, entries []entry, starts []uint32) int {
	le := binary.LittleEndian
	from := len(mem) - footerLen(len(chains), len(entries))
	b := mem[from:]
	next := uint32(0)
	for i := range chains {
		c := &chains[i]
		p := b[i*footerChainLen:]
		le.PutUint32(p[0:], uint32(c.chain.Edge))
		le.PutUint32(p[4:], uint32(c.chain.Node))
		le.PutUint64(p[8:], uint64(c.min))
		le.PutUint64(p[16:], uint64(c.max))
		le.PutUint32(p[24:], next)
		le.PutUint32(p[28:], uint32(c.frames))
		starts[i] = next
		next += uint32(c.frames)
	}
	table := b[len(chains)*footerChainLen:]
	for _, e := range entries {
		le.PutUint32(table[starts[e.chain]*footerEntryLen:], e.offset)
		starts[e.chain]++
	}
	clear(table[len(entries)*footerEntryLen : len(table)-trailerLen])
	t := b[len(b)-trailerLen:]
	clear(t)
	le.PutUint64(t[0:], footerMagic)
	le.PutUint64(t[8:], uint64(number))
	le.PutUint32(t[16:], uint32(from))
	le.PutUint32(t[20:], uint32(end))
	le.PutUint32(t[24:], uint32(len(chains)))
	le.PutUint32(t[28:], uint32(len(entries)))
	le.PutUint32(t[32:], uint32(inc))
	le.PutUint64(t[56:], xxhash.Sum64(b[:len(b)-8]))
	return from
}

// parseFooter reads and checks the footer at the end of a segment; without a word about the PAD before it.
func parseFooter(mem []byte) (footerView, error) {
	le := binary.LittleEndian
	t := mem[len(mem)-trailerLen:]
	v := footerView{
		number: SegmentNumber(le.Uint64(t[8:])),
		offset: int(le.Uint32(t[16:])),
		end:    int(le.Uint32(t[20:])),
		chains: int(le.Uint32(t[24:])),
		frames: int(le.Uint32(t[28:])),

		incarnation: frame.Incarnation(le.Uint32(t[32:])),
	}
	limit := len(mem) / frame.HeaderLen
	switch {
	case le.Uint64(t) != footerMagic:
		return v, fmt.Errorf("%w: footer magic %016x, want %016x", ErrCorrupt, le.Uint64(t), footerMagic)
	case v.chains > v.frames || v.frames > limit || len(mem)-footerLen(v.chains, v.frames) != v.offset:
		return v, fmt.Errorf("%w: footer at %d with %d chains and %d frames", ErrCorrupt, v.offset, v.chains, v.frames)
	case v.end < SegmentHeaderLen || v.end%frame.Align != 0 || v.end+frame.HeaderLen > v.offset:
		return v, fmt.Errorf("%w: frames end at %d, footer at %d", ErrCorrupt, v.end, v.offset)
	}
	v.b = mem[v.offset:]
	if got, want := xxhash.Sum64(v.b[:len(v.b)-8]), le.Uint64(t[56:]); got != want {
		return v, fmt.Errorf("%w: footer sum %016x, want %016x", ErrCorrupt, got, want)
	}
	next := 0
	for i := range v.chains {
		c, first := v.chain(i)
		if first != next || c.frames == 0 || c.frames > v.frames-next || c.min > c.max {
			return v, fmt.Errorf("%w: footer of chain %v: entries %d+%d, ticks %d to %d", ErrCorrupt, c.chain, first, c.frames, c.min, c.max)
		}
		next += c.frames
	}
	if next != v.frames {
		return v, fmt.Errorf("%w: footer's chains hold %d frames, want %d", ErrCorrupt, next, v.frames)
	}
	return v, nil
}

// chain returns the i-th chain's range and the index of its first entry.
func (v *footerView) chain(i int) (chainRange, int) {
	le := binary.LittleEndian
	p := v.b[i*footerChainLen:]
	return chainRange{
		chain:  frame.Chain{Edge: frame.EdgeID(le.Uint32(p[0:])), Node: frame.NodeID(le.Uint32(p[4:]))},
		min:    frame.Tick(le.Uint64(p[8:])),
		max:    frame.Tick(le.Uint64(p[16:])),
		frames: int(le.Uint32(p[28:])),
	}, int(le.Uint32(p[24:]))
}

// entry returns the offset in the segment of the i-th entry's frame.
func (v *footerView) entry(i int) int {
	return int(binary.LittleEndian.Uint32(v.b[v.chains*footerChainLen+i*footerEntryLen:]))
}
