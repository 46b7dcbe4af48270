package state

import (
	"fmt"
	"math"
	"math/bits"
	"unsafe"
)

// checker follows every reference of a table that was just loaded: each must name a block of the right size that nothing else names.
type checker struct {
	t    *Table
	m    *Multimap
	used []holeMap // blocks that something names, by page
	next []nextBlock
	n    int
}

func newChecker(t *Table, m *Multimap) *checker {
	return &checker{t: t, m: m, used: make([]holeMap, len(t.base))}
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// block takes a block of at least size bytes and returns how many it has.
func (c *checker) block(r ref, size int) (int, error) {
	no, at := uint32(r>>refBits), int(r&(1<<refBits-1))*refUnit
	if no == 0 || int(no) >= len(c.t.base) || c.t.base[no] == nil {
		return 0, damaged("block %#x in no page", r)
	}
	p := &c.t.meta[no]
	have := int(p.size)
	if p.class != classLarge {
		have = classBytes(p.class)
		if at%have != 0 || at/have >= int(p.carved) {
			return 0, damaged("block %#x between blocks of %d bytes", r, have)
		}
	} else if at != 0 {
		return 0, damaged("block %#x inside a block of %d bytes", r, have)
	}
	if have < size {
		return 0, damaged("block %#x of %d bytes, want %d", r, have, size)
	}
	w, bit := &c.used[no][at/have>>6], uint64(1)<<(at/have&63)
	if *w&bit != 0 {
		return 0, damaged("block %#x twice", r)
	}
	*w |= bit
	return have, nil
}

func (c *checker) table() error {
	seen := map[link]bool{}
	for i, l := range c.t.dir {
		if l == 0 || (i > 0 && c.t.dir[i-1] == l) {
			continue
		}
		if seen[l] {
			return damaged("bucket %#x at two places of the directory", l)
		}
		seen[l] = true
		if err := c.chain(l, uint64(i)); err != nil {
			return err
		}
	}
	if c.t.outside != 0 {
		if err := c.chain(c.t.outside, 0); err != nil {
			return err
		}
	}
	if c.n != c.t.n || len(seen) > c.t.buckets || c.t.peak < c.t.buckets {
		return damaged("%d keys in %d buckets, want %d in %d", c.n, len(seen), c.t.n, c.t.buckets)
	}
	return nil
}

// chain checks a bucket and those behind it. entry is the first directory entry of the bucket, if it is not the one outside.
func (c *checker) chain(l link, entry uint64) error {
	if l != c.t.outside {
		if err := c.rangeOf(l, entry); err != nil {
			return err
		}
	}
	for head := l; ; {
		if err := c.bucket(head, l); err != nil {
			return err
		}
		if l&linkChained == 0 {
			return nil
		}
		l = (*bucketHeader)(c.t.at(l.ref())).next
	}
}

// rangeOf checks that the directory names the bucket for just the range of hashes that its depth says: what splits and drops it relies on that.
func (c *checker) rangeOf(l link, entry uint64) error {
	if no := l.ref() >> refBits; no == 0 || int(no) >= len(c.t.base) || c.t.base[no] == nil || c.t.meta[no].class == classLarge {
		return damaged("bucket %#x in no page", l)
	}
	if at := int(l.ref()&(1<<refBits-1)) * refUnit; at+bucketHeaderBytes > int(c.t.meta[l.ref()>>refBits].size) {
		return damaged("bucket %#x beyond its page", l)
	}
	depth := (*bucketHeader)(c.t.at(l.ref())).depth
	if depth > c.t.depth() {
		return damaged("bucket %#x of depth %d in a directory of depth %d", l, depth, c.t.depth())
	}
	abs := c.t.first + entry
	spread := c.t.depth() - depth
	lo := abs >> spread << spread
	hi := lo + 1<<spread
	for at := max(lo, c.t.first); at < min(hi, c.t.first+uint64(len(c.t.dir))); at++ {
		if c.t.dir[at-c.t.first] != l {
			return damaged("bucket %#x of depth %d shares its range with %#x", l, depth, c.t.dir[at-c.t.first])
		}
	}
	return nil
}

func (c *checker) bucket(head, l link) error {
	class := l.class()
	if class >= bucketClasses {
		return damaged("bucket %#x of class %d", l, class)
	}
	if _, err := c.block(l.ref(), bucketSizes[class]); err != nil {
		return err
	}
	b := c.t.at(l.ref())
	n := uint32(0)
	for i := range c.t.capacity[class] {
		h := *c.t.hashAt(b, i)
		if h == 0 {
			continue
		}
		n++
		if c.t.bucketOf(h).ref() != head.ref() || !c.t.reachable(b, home(h, c.t.capacity[class]), i, c.t.capacity[class]) {
			return damaged("hash %#x where it would not be found, in bucket %#x", h, l)
		}
		if err := c.entry(h, c.t.entryAt(b, i)); err != nil {
			return err
		}
	}
	if err := c.chains(); err != nil {
		return err
	}
	c.n += int(n)
	if h := (*bucketHeader)(b); uint32(h.n) != n || n > c.t.limit[class] {
		return damaged("bucket %#x of %d keys, its header says %d, at most %d", l, n, h.n, c.t.limit[class])
	}
	return nil
}

// reachable reports whether probing from slot home comes to slot i.
func (s *shape) reachable(b unsafe.Pointer, home, i, capacity uint32) bool {
	for home != i {
		if *s.hashAt(b, home) == 0 {
			return false
		}
		if home++; home == capacity {
			home = 0
		}
	}
	return true
}

func (c *checker) entry(hash uint64, e unsafe.Pointer) error {
	k := (*keyWords)(e)
	switch n := k.w1 >> 56; {
	case hash&1 == 0:
		return damaged("hash %#x without its mark", hash)
	case k.long():
		if k.w0 > uint64(^ref(0)) || uint32(k.w1) <= inlineKeyMax {
			return damaged("key of %d bytes at %#x", uint32(k.w1), k.w0)
		}
		if _, err := c.block(ref(k.w0), int(uint32(k.w1))); err != nil {
			return err
		}
	case n > inlineKeyMax:
		return damaged("key of %d bytes in place", n)
	}
	if c.m == nil {
		return nil
	}
	for i, cell := range c.t.cellsOf(e) {
		if cell > uint64(^ref(0)) {
			return damaged("chain at %#x", cell)
		}
		if cell != 0 {
			c.next = append(c.next, nextBlock{block: ref(cell), hash: hash, ends: math.MaxInt64, side: i})
		}
	}
	return nil
}

// done checks that all blocks in use are named, and makes those that nothing names free.
func (c *checker) done() error {
	for no := 1; no < len(c.t.base); no++ {
		p := &c.t.meta[no]
		used := 0
		for _, w := range c.used[no] {
			used += bits.OnesCount64(w)
		}
		if used != int(p.live) {
			return damaged("page %d: %d blocks in use, want %d", no, used, p.live)
		}
		if p.size > 0 && p.class != classLarge {
			c.free(uint32(no))
		}
	}
	return nil
}

// free enters a page that has room, with its free blocks.
func (c *checker) free(no uint32) {
	p := &c.t.meta[no]
	for i := 0; i < int(p.carved) && p.carved > p.live; i++ {
		if c.used[no][i>>6]>>(i&63)&1 == 0 {
			c.t.makeHole(no, i)
		}
	}
	if int(p.live) < p.blocks() {
		c.t.link(no)
	}
}
