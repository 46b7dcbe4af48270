package state

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

const (
	inlineKeyMax = 15
	keyBytes     = 16
	longKey      = 0xff // last byte of a stored key that lies elsewhere
)

// keyWords is the stored form of a key: its bytes in place, the length in the last one, or ref, length and longKey.
type keyWords struct{ w0, w1 uint64 }

// words packs a key of at most inlineKeyMax bytes. For a longer one w0 is left to the caller.
func words(key []byte) keyWords {
	n := len(key)
	switch {
	case n > inlineKeyMax:
		return keyWords{0, longKey<<56 | uint64(uint32(n))}
	case n >= 8:
		return keyWords{
			binary.LittleEndian.Uint64(key),
			binary.LittleEndian.Uint64(key[n-8:])>>(8*(16-n)) | uint64(n)<<56,
		}
	case n >= 4:
		lo, hi := binary.LittleEndian.Uint32(key), binary.LittleEndian.Uint32(key[n-4:])
		return keyWords{uint64(lo) | uint64(hi)<<(8*(n-4)), uint64(n) << 56}
	}
	var w uint64
	for i, c := range key {
		w |= uint64(c) << (8 * i)
	}
	return keyWords{w, uint64(n) << 56}
}

func (k keyWords) long() bool { return k.w1>>56 == longKey }

// storedKey is the key of an entry, borrowed from its page.
func (s *space) storedKey(e unsafe.Pointer) []byte {
	k := (*keyWords)(e)
	if k.long() {
		return unsafe.Slice((*byte)(s.at(ref(k.w0))), uint32(k.w1))
	}
	return unsafe.Slice((*byte)(e), k.w1>>56)
}

// keyIs compares the key of an entry.
func (s *space) keyIs(e unsafe.Pointer, k keyWords, key []byte) bool {
	stored := (*keyWords)(e)
	if stored.w1 != k.w1 {
		return false
	}
	if !k.long() {
		return stored.w0 == k.w0
	}
	return bytes.Equal(s.storedKey(e), key)
}

// putKey stores a key in an entry; false: no memory.
func (s *space) putKey(e unsafe.Pointer, k keyWords, key []byte) bool {
	if k.long() {
		r := s.alloc(len(key))
		if r == 0 {
			return false
		}
		k.w0 = uint64(r)
		copy(unsafe.Slice((*byte)(s.at(r)), len(key)), key)
	}
	*(*keyWords)(e) = k
	return true
}

// dropKey frees what putKey took.
func (s *space) dropKey(e unsafe.Pointer) {
	if k := (*keyWords)(e); k.long() {
		s.free(ref(k.w0))
	}
}
