package state

import (
	"fmt"
	"math"
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
	released atomic.Bool // some released image may hold pages

	mu struct {
		sync.Mutex
		live []*Frozen // oldest first, released ones until they are empty; each saved page lies with the newest image that needed it
	}

	owner struct {
		link       Link     // of the newest image
		savedBytes int      // in pages of images, and left
		left       [][]byte // large pages that released images have left: taken for the next ones, or given back a few at a time
		odd        [][]byte // pages of other sizes that they have left: only given back
		want       int      // of left: as many as the image before took, or an eighth less for each one since that took more
		taken      int      // pages that images have taken since the newest Freeze: copies, and those of the owner's that it needs others for
		tables     []pageTable
	}
}

var lineages atomic.Uint64

func newImages() *images {
	im := &images{}
	im.owner.link.Lineage = lineages.Add(1)
	return im
}

// touch must precede every write to a block: it keeps for the images what the page holds.
func (s *space) touch(r ref) {
	if w := r >> (refBits + 6); int(w) < len(s.clean) && s.clean[w]>>(r>>refBits&63)&1 != 0 {
		s.save(uint32(r>>refBits), false)
	}
}

func (s *space) isClean(no uint32) bool {
	return int(no>>6) < len(s.clean) && s.clean[no>>6]>>(no&63)&1 != 0
}

func (s *space) markDirty(no uint32) {
	s.clean[no>>6] &^= 1 << (no & 63)
	s.dirty.Add(no)
}

// handOver leaves the memory of a page that goes to an image; false: none needs it.
func (s *space) handOver(no uint32) bool { return s.isClean(no) && s.save(no, true) }

// save marks a clean page dirty and keeps what it holds for the images: in a copy, or in its own memory if the owner leaves that. It reports
// whether an image has taken the latter.
func (s *space) save(no uint32, leave bool) (taken bool) {
	s.markDirty(no)
	if s.room[no].linked { // among those that changed
		s.unlink(no)
		s.link(no)
	}
	s.settle(leftPerChange)
	im := s.images
	im.mu.Lock()
	defer im.mu.Unlock()
	f := im.needing(len(im.mu.live), no)
	if f == nil {
		return false
	}
	mem := unsafe.Slice((*byte)(s.base[no]), s.meta[no].size)
	if leave {
		s.bytes -= len(mem)
	} else if mem = s.copyOf(mem); mem == nil {
		for _, f := range im.mu.live {
			f.failed = true
		}
		return false
	}
	im.owner.savedBytes += len(mem)
	im.owner.taken++
	f.keep(no, mem)
	return leave
}

// copyOf is a copy of a page for an image, nil if there is no memory for it. The caller holds the images' lock.
func (s *space) copyOf(page []byte) []byte {
	mem := s.allocPage(len(page))
	if mem == nil {
		s.images.drain(math.MaxInt)
		s.giveBack(math.MaxInt, 0)
		if mem = s.pages.Alloc(len(page)); mem == nil {
			return nil
		}
	}
	copy(mem, page)
	return mem
}

// needing is the newest of the first n images if it needs a page, or the one before if that was released, and so on; nil for none. One that
// does not need it has it, or there was none: then those before do not need it either. The caller holds the lock.
func (im *images) needing(n int, no uint32) *Frozen {
	for n--; n >= 0; n-- {
		f := im.mu.live[n]
		switch {
		case f.failed || !f.needs(no):
			return nil
		case !f.released:
			return f
		}
	}
	return nil
}

// takeLeft takes a page that images have left, nil if there is none of that size.
func (im *images) takeLeft(size int) []byte {
	n := len(im.owner.left) - 1
	if n < 0 || size != PageLarge {
		return nil
	}
	mem := im.owner.left[n]
	im.owner.left[n], im.owner.left = nil, im.owner.left[:n]
	im.owner.savedBytes -= size
	return mem
}

// putLeft keeps a page that the owner does without for the next images, if they want it.
func (im *images) putLeft(page []byte) bool {
	if len(page) != PageLarge || len(im.owner.left) >= im.owner.want {
		return false
	}
	im.owner.left = append(im.owner.left, page)
	im.owner.savedBytes += len(page)
	return true
}

// How many of the pages that images hold no more are taken over, or given back, at a time: nobody stops for all of them.
const (
	leftPerChange = 4
	leftPerFreeze = 64 // 0.1 ms
)

// settle takes over a part of what only released images hold, and gives a part of it back that is not wanted.
func (s *space) settle(pages int) {
	if s.images != nil {
		s.images.takeOver(pages)
		s.giveBack(pages, s.images.owner.want)
	}
}

// endImages gives back all that only released images hold. The error is ErrFrozen if others are alive.
func (s *space) endImages() error {
	if s.images == nil {
		return nil
	}
	s.images.takeOver(math.MaxInt)
	s.giveBack(math.MaxInt, 0)
	if n := s.images.alive(); n > 0 {
		return fmt.Errorf("%w: %d alive", ErrFrozen, n)
	}
	return nil
}

// giveBack returns up to n pages that images have left, but for so many large ones.
func (s *space) giveBack(n, keep int) {
	o := &s.images.owner
	for ; n > 0; n-- {
		from := &o.odd
		if len(*from) == 0 {
			if from = &o.left; len(*from) <= keep {
				return
			}
		}
		last := len(*from) - 1
		o.savedBytes -= len((*from)[last])
		s.pages.Free((*from)[last])
		(*from)[last], *from = nil, (*from)[:last]
	}
}

// takeOver takes up to n pages that released images hold, newest first.
func (im *images) takeOver(n int) {
	if im.released.Load() {
		im.mu.Lock()
		defer im.mu.Unlock()
		im.drain(n)
	}
}

// drain is takeOver for a caller who holds the lock.
func (im *images) drain(n int) {
	im.released.Store(false)
	for i := len(im.mu.live) - 1; i >= 0; i-- {
		f := im.mu.live[i]
		if !f.released {
			continue
		}
		no, mem := f.leave()
		for ; mem != nil && n > 0; n-- {
			if older := im.needing(i, no); older != nil {
				older.keep(no, mem)
			} else if len(mem) == PageLarge {
				im.owner.left = append(im.owner.left, mem)
			} else {
				im.owner.odd = append(im.owner.odd, mem)
			}
			f.forget(no)
			no, mem = f.leave()
		}
		if mem != nil {
			im.released.Store(true)
			return
		}
		im.recycle(f.pageTable)
		f.pageTable = pageTable{}
		im.mu.live = append(im.mu.live[:i], im.mu.live[i+1:]...)
	}
}

// freeze makes an image of the pages as they are.
func (s *space) freeze() (*Frozen, error) {
	full := s.images == nil
	if full {
		s.images = newImages()
	}
	im := s.images
	if im.alive() == MaxFrozen {
		return nil, ErrFrozen
	}
	im.owner.want, im.owner.taken = max(im.owner.taken, im.owner.want*7/8), 0
	s.settle(leftPerFreeze)
	f := &Frozen{images: im, dirty: s.dirty, pageTable: im.table(s)}
	im.owner.link.Number++
	f.link = im.owner.link
	if full {
		f.dirty = roaring.New()
		f.dirty.AddRange(1, uint64(len(s.base)))
	}
	s.allClean()
	im.mu.Lock()
	im.mu.live = append(im.mu.live, f)
	im.mu.Unlock()
	return f, nil
}

// alive counts the images that are not released.
func (im *images) alive() int {
	im.mu.Lock()
	defer im.mu.Unlock()
	n := 0
	for _, f := range im.mu.live {
		if !f.released {
			n++
		}
	}
	return n
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
