package state

import (
	"math/bits"
	"unsafe"
)

const (
	// maxDepth bounds the directory's depth: keys whose hashes share so many bits were made to.
	maxDepth = 40
	// The directory may have so many entries, and so many for each bucket there ever was; beyond it, buckets form chains.
	dirSlack     = 64
	dirPerBucket = 16
)

// roomFor returns a bucket in which a hash can be placed.
func (t *Table) roomFor(hash uint64) (link, error) {
	for {
		at := t.linkFor(hash)
		if *at == 0 {
			return t.newBucket(at, t.fit(0), t.depth())
		}
		l := *at
		n := uint32((*bucketHeader)(t.at(l.ref())).n)
		switch {
		case n < t.limit[l.class()]:
			return l, nil
		case l.class() < bucketClasses-1:
			if err := t.growBucket(hash, at); err != nil {
				return 0, err
			}
		case l&linkChained == 0 && at != &t.outside:
			done, err := t.split(hash, l)
			if err != nil {
				return 0, err
			}
			if !done {
				return t.chain(hash, at)
			}
		default:
			return t.chain(hash, at)
		}
	}
}

func (t *Table) depth() uint8 { return 64 - t.shift }

// linkFor returns the directory entry of a hash, having widened the directory if it pays.
func (t *Table) linkFor(hash uint64) *link {
	abs := hash >> t.shift
	if len(t.dir) == 0 {
		t.first = abs
		t.dir = append(t.dir, 0)
	}
	if i := abs - t.first; i < uint64(len(t.dir)) {
		return &t.dir[i]
	}
	lo, hi := min(abs, t.first), max(abs, t.first+uint64(len(t.dir))-1)
	if t.outside != 0 || !t.affordable(hi-lo+1) {
		return &t.outside
	}
	if before := t.first - lo; before > 0 {
		t.dir = append(make([]link, before), t.dir...)
		t.first = lo
	}
	for uint64(len(t.dir)) <= hi-lo {
		t.dir = append(t.dir, 0)
	}
	return &t.dir[abs-t.first]
}

func (t *Table) affordable(entries uint64) bool {
	return entries <= dirSlack+dirPerBucket*uint64(t.peak)
}

func (t *Table) newBucket(at *link, class, depth uint8) (link, error) {
	r := t.alloc(bucketSizes[class])
	if r == 0 {
		return 0, ErrFull
	}
	b := t.at(r)
	*(*bucketHeader)(b) = bucketHeader{depth: depth}
	for i := range t.capacity[class] {
		*t.hashAt(b, i) = 0
	}
	t.buckets++
	t.peak = max(t.peak, t.buckets)
	*at = link(r) | link(class)
	return *at, nil
}

// setRange makes all directory entries of a bucket of the given depth that holds hash be l.
func (t *Table) setRange(hash uint64, depth uint8, l link) {
	lo, hi := t.rangeOf(hash, depth)
	lo, hi = max(lo, t.first), min(hi, t.first+uint64(len(t.dir)))
	for i := lo; i < hi; i++ {
		t.dir[i-t.first] = l
	}
}

// rangeOf returns the top bits [lo, hi) at the directory's depth of the hashes that share the first depth bits of hash.
func (t *Table) rangeOf(hash uint64, depth uint8) (lo, hi uint64) {
	spread := t.depth() - depth
	lo = hash >> t.shift >> spread << spread
	return lo, lo + 1<<spread
}

// growBucket replaces a bucket by one of the next class.
func (t *Table) growBucket(hash uint64, at *link) error {
	old := *at
	src := t.at(old.ref())
	var l link
	if _, err := t.newBucket(&l, old.class()+1, (*bucketHeader)(src).depth); err != nil {
		return err
	}
	t.moveAll(src, old.class(), func(uint64) link { return l })
	if at == &t.outside {
		*at = l
	} else {
		t.setRange(hash, (*bucketHeader)(src).depth, l)
	}
	t.freeBucket(old)
	return nil
}

func (t *Table) freeBucket(l link) {
	t.free(l.ref())
	t.buckets--
}

// moveAll places all entries of a bucket in those that to chooses.
func (t *Table) moveAll(src unsafe.Pointer, class uint8, to func(hash uint64) link) {
	t.moves++
	for i := range t.capacity[class] {
		if h := *t.hashAt(src, i); h != 0 {
			l := to(h)
			t.copyEntry(t.place(t.at(l.ref()), l.class(), h), t.entryAt(src, i))
		}
	}
}

// split divides a full bucket at the first bit in which its hashes differ. false: that bit lies too deep; a chain must do.
func (t *Table) split(hash uint64, l link) (bool, error) {
	b := t.at(l.ref())
	prefix, lowest := t.commonPrefix(b, l.class())
	if prefix >= maxDepth || (prefix >= t.depth() && !t.deepen(prefix+1)) {
		return false, nil
	}
	depth := (*bucketHeader)(b).depth
	var halves [2]uint32
	for i := range t.capacity[l.class()] {
		if h := *t.hashAt(b, i); h != 0 {
			halves[h<<prefix>>63]++
		}
	}
	var half [2]link
	for i := range half {
		if _, err := t.newBucket(&half[i], t.fit(halves[i]+1), prefix+1); err != nil {
			if i == 1 {
				t.freeBucket(half[0])
			}
			return false, err
		}
	}
	t.moveAll(b, l.class(), func(h uint64) link { return half[h<<prefix>>63] })
	t.setRange(hash, depth, 0)
	t.setRange(lowest, prefix+1, half[0])
	t.setRange(lowest|1<<(63-prefix), prefix+1, half[1])
	t.freeBucket(l)
	return true, nil
}

// deepen makes the directory at least depth bits deep. Each bucket's range becomes as narrow as its hashes allow, so the directory spans only
// what occurs. false: it would have too many entries, and is as before.
func (t *Table) deepen(depth uint8) bool {
	lo, hi := ^uint64(0), uint64(0)
	shift := 64 - depth
	t.eachInDir(func(l link) {
		prefix, lowest := t.commonPrefixChained(l)
		d := min(depth, prefix)
		from := lowest >> shift >> (depth - d) << (depth - d)
		lo, hi = min(lo, from), max(hi, from+1<<(depth-d))
	})
	if !t.affordable(hi - lo) {
		return false
	}
	old := t.dir
	t.dir, t.first, t.shift = make([]link, hi-lo), lo, shift
	eachLink(old, func(l link) {
		prefix, lowest := t.commonPrefixChained(l)
		h := (*bucketHeader)(t.at(l.ref()))
		if d := min(depth, prefix); d != h.depth {
			t.touch(l.ref())
			h.depth = d
		}
		t.setRange(lowest, h.depth, l)
	})
	return true
}

func (t *Table) eachInDir(f func(l link)) { eachLink(t.dir, f) }

// eachLink visits every bucket of a directory once: its entries stand side by side.
func eachLink(dir []link, f func(l link)) {
	for i, l := range dir {
		if l != 0 && (i == 0 || dir[i-1] != l) {
			f(l)
		}
	}
}

func (t *Table) commonPrefixChained(l link) (prefix uint8, lowest uint64) {
	prefix, lowest = t.commonPrefix(t.at(l.ref()), l.class())
	for l&linkChained != 0 {
		l = (*bucketHeader)(t.at(l.ref())).next
		p, low := t.commonPrefix(t.at(l.ref()), l.class())
		prefix = min(prefix, p, uint8(bits.LeadingZeros64(low^lowest)))
		lowest = min(low, lowest)
	}
	return prefix, lowest
}
