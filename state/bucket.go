package state

import (
	"math/bits"
	"unsafe"
)

// link is what a directory entry and a chain hold: the ref of a bucket, and in its low bits, which are 0 in refs of such blocks, the
// bucket's class and whether a chain of further buckets follows. So a lookup needs no header.
type link ref

const (
	linkClass   = 3
	linkChained = 4
	linkMask    = linkClass | linkChained

	bucketHeaderBytes = 32
	bucketClasses     = 3
	hashBytes         = 8
)

const _ = -uint(PageSmall / refUnit % (linkMask + 1)) // refs of buckets leave the low bits free

var bucketSizes = [bucketClasses]int{PageSmall, PageMedium, PageLarge}

type bucketHeader struct {
	n     uint16
	depth uint8 // all its hashes share so many top bits
	_     uint8
	next  link // chain: buckets that could not be split further
	_     [6]uint32
}

const _ = -(unsafe.Sizeof(bucketHeader{}) - bucketHeaderBytes)

// shape is the geometry of a table's buckets: slots of a hash and an entry of key and cells, so that to find a key costs one cache line where
// slots are small.
type shape struct {
	cells      int
	stride     uintptr // from slot to slot
	entryBytes uintptr
	capacity   [bucketClasses]uint32
	limit      [bucketClasses]uint32 // rows at which a bucket is full; below capacity, so that probing ends
}

func makeShape(cells int) shape {
	s := shape{cells: cells, entryBytes: uintptr(keyBytes + 8*cells)}
	s.stride = hashBytes + s.entryBytes
	for i, size := range bucketSizes {
		c := uint32((size - bucketHeaderBytes) / int(s.stride))
		s.capacity[i] = c
		if c > 1 {
			s.limit[i] = c - max(1, c/8)
		}
	}
	return s
}

// fit is the smallest class whose buckets take n entries and are not absurdly small.
func (s *shape) fit(n uint32) uint8 {
	for c := range uint8(bucketClasses - 1) {
		if s.limit[c] >= max(n, 3) {
			return c
		}
	}
	return bucketClasses - 1
}

func (l link) ref() ref     { return ref(l &^ linkMask) }
func (l link) class() uint8 { return uint8(l & linkClass) }

func (s *shape) hashAt(b unsafe.Pointer, i uint32) *uint64 {
	return (*uint64)(unsafe.Add(b, bucketHeaderBytes+s.stride*uintptr(i)))
}

func (s *shape) entryAt(b unsafe.Pointer, i uint32) unsafe.Pointer {
	return unsafe.Add(b, bucketHeaderBytes+hashBytes+s.stride*uintptr(i))
}

// home is where a hash is looked for first. It uses the low bits: the top ones chose the bucket.
func home(hash uint64, capacity uint32) uint32 {
	return uint32(uint64(uint32(hash>>1)) * uint64(capacity) >> 32)
}

// place takes a free slot of a bucket that is not full for a hash and returns its entry, whatever it holds.
func (s *shape) place(b unsafe.Pointer, class uint8, hash uint64) unsafe.Pointer {
	capacity := s.capacity[class]
	i := home(hash, capacity)
	for *s.hashAt(b, i) != 0 {
		if i++; i == capacity {
			i = 0
		}
	}
	*s.hashAt(b, i) = hash
	(*bucketHeader)(b).n++
	return s.entryAt(b, i)
}

// remove empties slot i and moves back what probing passed over it.
func (s *shape) remove(b unsafe.Pointer, class uint8, i uint32) {
	capacity := s.capacity[class]
	for j := i; ; {
		if j++; j == capacity {
			j = 0
		}
		h := *s.hashAt(b, j)
		if h == 0 {
			break
		}
		at := home(h, capacity)
		// The hash may move to i unless its home lies cyclically in (i, j].
		if (j-at+capacity)%capacity < (j-i+capacity)%capacity {
			continue
		}
		*s.hashAt(b, i) = h
		s.copyEntry(s.entryAt(b, i), s.entryAt(b, j))
		i = j
	}
	*s.hashAt(b, i) = 0
	(*bucketHeader)(b).n--
}

func (s *shape) copyEntry(dst, src unsafe.Pointer) {
	copy(unsafe.Slice((*uint64)(dst), s.entryBytes/8), unsafe.Slice((*uint64)(src), s.entryBytes/8))
}

// commonPrefix is the number of top bits that all hashes of a bucket share.
func (s *shape) commonPrefix(b unsafe.Pointer, class uint8) (prefix uint8, lowest uint64) {
	lowest = ^uint64(0)
	highest := uint64(0)
	for i := range s.capacity[class] {
		if h := *s.hashAt(b, i); h != 0 {
			lowest, highest = min(lowest, h), max(highest, h)
		}
	}
	return uint8(bits.LeadingZeros64(lowest ^ highest)), lowest
}
