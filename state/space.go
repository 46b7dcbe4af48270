package state

import (
	"math/bits"
	"unsafe"

	"github.com/RoaringBitmap/roaring/v2"
)

// ref names a block: page number << refBits | offset / refUnit. 0 is none.
type ref uint32

const (
	refUnit  = 16
	refBits  = 10 // PageLarge / refUnit offsets
	maxPages = 1 << (32 - refBits)

	minBlockLog = 5 // 32 bytes
	maxBlockLog = 14
	classes     = maxBlockLog - minBlockLog + 1
	classLarge  = classes // a page of its own, larger than PageLarge
)

const _ = uint(1<<refBits - PageLarge/refUnit)

// pageMeta describes one page of the table: what an image keeps of it.
type pageMeta struct {
	size   uint32 // bytes; 0: page number unused
	class  uint8
	live   uint16 // blocks handed out
	carved uint16 // blocks ever handed out; the rest of the page is untouched
}

// blocks is the number of blocks of a page whose class is below classLarge.
func (m *pageMeta) blocks() int { return int(m.size) >> (m.class + minBlockLog) }

// space is a page table and a block allocator over Pages. All references into it are refs, so that pages can be copied away.
type space struct {
	pages  Pages
	base   []unsafe.Pointer // by page number; page 0 is none
	meta   []pageMeta
	room   []pageRoom // by page number
	unused []uint32   // page numbers to use again
	rooms  [classes]classRoom
	holes  holes
	spare  []byte // the page given back last, or nil: state that comes and goes does not go through Pages each time
	bytes  int    // handed out by Pages, but for what images hold

	// Invariant: the bit of a page is set from the last Freeze to its first change; beyond the slice, none is.
	clean  []uint64
	dirty  *roaring.Bitmap // pages that changed, came or went since the last Freeze; nil before the first
	images *images         // nil before the first Freeze
}

func newSpace(pages Pages) space {
	return space{pages: pages, base: make([]unsafe.Pointer, 1), meta: make([]pageMeta, 1), room: make([]pageRoom, 1)}
}

// classOf is the class of the smallest block that holds size bytes.
func classOf(size int) uint8 {
	if size > 1<<maxBlockLog {
		return classLarge
	}
	return uint8(max(bits.Len(uint(size-1)), minBlockLog) - minBlockLog)
}

// classBytes is the size of the blocks of a class below classLarge.
func classBytes(class uint8) int { return 1 << (class + minBlockLog) }

// at is the memory of a block.
func (s *space) at(r ref) unsafe.Pointer {
	return unsafe.Add(s.base[r>>refBits], uintptr(r&(1<<refBits-1))*refUnit)
}

// alloc returns a block of at least size bytes, with any content, or 0 when Pages has no more.
func (s *space) alloc(size int) ref {
	class := classOf(size)
	if class == classLarge {
		no := s.newPage(PageSize(size), class)
		if no != 0 {
			s.meta[no].live = 1
		}
		return ref(no << refBits)
	}
	no := s.withRoom(class)
	if no == 0 {
		return 0
	}
	s.touch(ref(no << refBits))
	m := &s.meta[no]
	i := int(m.carved)
	if m.carved > m.live {
		i = s.fillHole(no)
	} else {
		m.carved++
	}
	m.live++
	if int(m.live) == m.blocks() {
		s.unlink(no)
	}
	return blockRef(no, i, class)
}

// blockRef names block i of a page of a class below classLarge.
func blockRef(no uint32, i int, class uint8) ref {
	return ref(no<<refBits) | ref(i<<(class+minBlockLog)/refUnit)
}

// free returns a block; its page goes back to Pages with its last block. No page is changed.
func (s *space) free(r ref) {
	no := uint32(r >> refBits)
	m := &s.meta[no]
	m.live--
	if m.live == 0 {
		s.dropPage(no)
		return
	}
	s.makeHole(no, int(r&(1<<refBits-1))*refUnit>>(m.class+minBlockLog))
	if !s.room[no].linked {
		s.link(no)
	}
}

// pageSizeFor grows pages with the space, so that small tables stay small.
func (s *space) pageSizeFor(class uint8) int {
	size := PageLarge
	switch {
	case s.bytes < 8*PageSmall:
		size = PageSmall
	case s.bytes < 16*PageMedium:
		size = PageMedium
	}
	return max(size, PageSize(classBytes(class)))
}

func (s *space) newPage(size int, class uint8) uint32 {
	if len(s.unused) == 0 && len(s.base) == maxPages {
		return 0
	}
	s.settle(leftPerChange)
	mem := s.spare
	if len(mem) == size {
		s.spare = nil
	} else {
		if mem = s.allocPage(size); mem == nil && s.images != nil {
			_ = s.endImages() // some may be alive
			mem = s.pages.Alloc(size)
		}
		if mem == nil {
			return 0
		}
		s.bytes += size
	}
	var no uint32
	if n := len(s.unused); n > 0 {
		no, s.unused = s.unused[n-1], s.unused[:n-1]
	} else {
		no = uint32(len(s.base))
		s.base, s.meta, s.room = append(s.base, nil), append(s.meta, pageMeta{}), append(s.room, pageRoom{})
	}
	s.base[no] = unsafe.Pointer(unsafe.SliceData(mem))
	s.meta[no] = pageMeta{size: uint32(size), class: class}
	s.counted(no, 1)
	if s.dirty != nil {
		s.dirty.Add(no)
	}
	return no
}

// allocPage returns a page with any content.
func (s *space) allocPage(size int) []byte {
	if s.images != nil {
		if mem := s.images.takeLeft(size); mem != nil {
			return mem
		}
	}
	return s.pages.Alloc(size)
}

func (s *space) dropPage(no uint32) {
	m := &s.meta[no]
	s.endRoom(no)
	if !s.handOver(no) {
		s.freeSpare()
		s.spare = unsafe.Slice((*byte)(s.base[no]), m.size)
	}
	s.base[no], *m = nil, pageMeta{}
	s.unused = append(s.unused, no)
}

func (s *space) freeSpare() {
	if s.spare != nil {
		s.bytes -= len(s.spare)
		if s.images == nil || !s.images.putLeft(s.spare) {
			s.pages.Free(s.spare)
		}
		s.spare = nil
	}
}

// reset returns all pages that no image needs.
func (s *space) reset() {
	s.freeSpare()
	for no := 1; no < len(s.base); no++ {
		if s.base[no] != nil && !s.handOver(uint32(no)) {
			s.pages.Free(unsafe.Slice((*byte)(s.base[no]), s.meta[no].size))
		}
	}
	_ = s.endImages() // some may be alive
	clear(s.base)     // pages may be unmapped: nothing must point there
	*s = space{pages: s.pages, base: s.base[:1], meta: s.meta[:1], room: s.room[:1], unused: s.unused[:0], clean: s.clean, dirty: s.dirty, images: s.images}
}
