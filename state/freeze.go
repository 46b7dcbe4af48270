package state

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/RoaringBitmap/roaring/v2"
)

// MaxFrozen bounds the frozen images of one table that are alive at a time.
const MaxFrozen = 8

// images are the frozen images of a space that are alive, and what has been saved for them.
//
// The copy of a page goes to the image, not to the owner: what the owner has lent of its pages stays where it is, and if there is no memory for
// the copy it is the image that fails, never the task.
type images struct {
	released atomic.Bool // some image was released since the owner last reclaimed

	mu struct {
		sync.Mutex
		live []*Frozen // oldest first; each saved page lies with the newest image that was alive when it was about to change
	}

	owner struct {
		link       Link     // of the newest image
		savedBytes int      // in pages of images, and left
		left       [][]byte // pages that released images have left: taken for the next ones, or given back a few at a time
		table      []framePage
		dir        []link
	}
}

var lineages atomic.Uint64

func newImages() *images {
	im := &images{}
	im.owner.link.Lineage = lineages.Add(1)
	return im
}

// framePage is a page as it was frozen. Its memory is the owner's own until the owner is about to change it.
type framePage struct {
	base unsafe.Pointer // nil: no such page
	pageMeta
}

// touch must precede every write to a block: it keeps for the images what the page holds.
func (s *space) touch(r ref) {
	if w := r >> (refBits + 6); int(w) < len(s.clean) && s.clean[w]>>(r>>refBits&63)&1 != 0 {
		s.save(uint32(r >> refBits))
	}
}

func (s *space) isClean(no uint32) bool {
	return int(no>>6) < len(s.clean) && s.clean[no>>6]>>(no&63)&1 != 0
}

func (s *space) markDirty(no uint32) {
	s.clean[no>>6] &^= 1 << (no & 63)
	s.dirty.Add(no)
}

// save copies a clean page for the newest image, if one is alive, and marks the page dirty.
func (s *space) save(no uint32) {
	s.markDirty(no)
	s.reclaim(leftPerChange)
	im := s.images
	im.mu.Lock()
	defer im.mu.Unlock()
	f := im.newest(no)
	if f == nil {
		return
	}
	size := int(s.meta[no].size)
	mem := im.takeLeft(size)
	if mem == nil {
		mem = s.pages.Alloc(size)
	}
	if mem == nil {
		for _, f := range im.mu.live {
			f.failed = true
		}
		return
	}
	copy(mem, unsafe.Slice((*byte)(s.base[no]), size))
	im.owner.savedBytes += size
	f.saved[no] = mem
}

// newest is the newest image, or nil if it does not need a page: a later one that did may be gone. The caller holds the lock.
func (im *images) newest(no uint32) *Frozen {
	if n := len(im.mu.live); n > 0 && !im.mu.live[n-1].failed && im.mu.live[n-1].needs(no) {
		return im.mu.live[n-1]
	}
	return nil
}

// handOver leaves the memory of a page that goes to the newest image; false: nobody needs it.
func (s *space) handOver(no uint32) bool {
	if !s.isClean(no) {
		return false
	}
	s.markDirty(no)
	s.reclaim(leftPerChange)
	im := s.images
	im.mu.Lock()
	defer im.mu.Unlock()
	f := im.newest(no)
	if f == nil {
		return false
	}
	size := int(s.meta[no].size)
	f.saved[no] = unsafe.Slice((*byte)(s.base[no]), size)
	s.bytes -= size
	im.owner.savedBytes += size
	return true
}

// takeLeft takes a page that images have left, if the next one has that size.
func (im *images) takeLeft(size int) []byte {
	n := len(im.owner.left) - 1
	if n < 0 || len(im.owner.left[n]) != size {
		return nil
	}
	mem := im.owner.left[n]
	im.owner.left[n], im.owner.left = nil, im.owner.left[:n]
	im.owner.savedBytes -= size
	return mem
}

// How many of the pages that images have left are given back at a time: nobody stops for all of them.
const (
	leftPerChange = 4
	leftPerFreeze = 256 // half a millisecond
)

// reclaim takes over what only released images held, and gives a part of it back.
func (s *space) reclaim(pages int) {
	if s.images == nil {
		return
	}
	s.takeOver()
	s.giveBack(pages)
}

// giveBack returns up to n pages that images have left.
func (s *space) giveBack(n int) {
	left := &s.images.owner.left
	for ; n > 0 && len(*left) > 0; n-- {
		last := len(*left) - 1
		s.images.owner.savedBytes -= len((*left)[last])
		s.pages.Free((*left)[last])
		(*left)[last], *left = nil, (*left)[:last]
	}
}

func (s *space) takeOver() {
	im := s.images
	if !im.released.Load() {
		return
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	im.released.Store(false)
	for i := len(im.mu.live) - 1; i >= 0; i-- { // newest first: what one leaves may be the next older one's
		f := im.mu.live[i]
		if !f.released {
			continue
		}
		for no, mem := range f.saved {
			if i > 0 && im.mu.live[i-1].needs(no) {
				im.mu.live[i-1].saved[no] = mem
				continue
			}
			im.owner.left = append(im.owner.left, mem)
		}
		im.owner.table, im.owner.dir = f.table[:0], f.dir[:0]
		clear(f.table) // pages may be unmapped: nothing must point there
		f.saved, f.table, f.dir = nil, nil, nil
		im.mu.live = append(im.mu.live[:i], im.mu.live[i+1:]...)
	}
}

// needs reports whether an image has a page whose content has not been saved for it.
func (f *Frozen) needs(no uint32) bool {
	if int(no) >= len(f.table) || f.table[no].base == nil {
		return false
	}
	_, saved := f.saved[no]
	return !saved
}

// freeze makes an image of the pages as they are.
func (s *space) freeze() (*Frozen, error) {
	s.reclaim(leftPerFreeze)
	full := s.images == nil
	if full {
		s.images = newImages()
	}
	im := s.images
	im.mu.Lock()
	defer im.mu.Unlock()
	if len(im.mu.live) == MaxFrozen {
		return nil, ErrFrozen
	}
	f := &Frozen{images: im, full: full, dirty: s.dirty, saved: map[uint32][]byte{}, table: im.owner.table[:0]}
	im.owner.table = nil
	im.owner.link.Number++
	f.link = im.owner.link
	for no := range s.base {
		f.table = append(f.table, framePage{s.base[no], s.meta[no]})
	}
	if full {
		f.dirty = roaring.New()
		f.dirty.AddRange(1, uint64(len(s.base)))
	}
	s.allClean()
	im.mu.live = append(im.mu.live, f)
	return f, nil
}

// allClean starts the bookkeeping of what changes from now on.
func (s *space) allClean() {
	s.dirty = roaring.New()
	words := (len(s.base) + 63) / 64
	if cap(s.clean) < words {
		s.clean = make([]uint64, words, words+words/4)
	}
	s.clean = s.clean[:words]
	clear(s.clean)
	for no, base := range s.base {
		if base != nil {
			s.clean[no>>6] |= 1 << (no & 63)
		}
	}
}
