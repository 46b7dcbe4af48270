package state

import "unsafe"

// intsAhead is how many keys PutInts looks for at a time: enough for the processor to wait for many cache lines at once.
const intsAhead = 32

// Group names the cells of a key, as Table.Group and PutInts lend them.
type Group struct{ cells unsafe.Pointer }

// MakeGroup names cells that Put or Get lent.
func MakeGroup(cells []uint64) Group { return Group{unsafe.Pointer(unsafe.SliceData(cells))} }

// Cell is cell i, which the caller knows to be one of them.
func (g Group) Cell(i int) *uint64 { return (*uint64)(unsafe.Add(g.cells, 8*i)) }

// Cells are n cells from i on, which the caller knows to be there.
func (g Group) Cells(i, n int) []uint64 { return unsafe.Slice(g.Cell(i), n) }

// spot is where a hash is looked for first.
type spot struct {
	slot   unsafe.Pointer // nil: there is no bucket for it
	seen   uint64         // what stood there
	bucket link
}

// PutInts is Put for many keys, each of which is the byte lead and an integer, 8 bytes, little endian: groups[i] names the cells of keys[i], whose
// hash is hashes[i]. Cells lent for a key move when a later one does not fit its bucket: if Moves has changed, ask again for what was there. It
// costs a fraction of so many Puts, since it reads ahead. The error is ErrFull; keys before the one that found no room are in the table then.
func (t *Table) PutInts(lead byte, keys []int64, hashes []uint64, groups []Group) error {
	for len(keys) > 0 {
		n := min(len(keys), intsAhead)
		done, err := t.putSome(lead, keys[:n], hashes[:n], groups[:n])
		if err != nil {
			return err
		}
		keys, hashes, groups = keys[done:], hashes[done:], groups[done:]
	}
	return nil
}

// putSome puts keys up to the first that made entries move.
func (t *Table) putSome(lead byte, keys []int64, hashes []uint64, groups []Group) (done int, err error) {
	var spots [intsAhead]spot
	t.look(hashes, &spots)
	moves, frozen := t.moves, len(t.clean) > 0
	hashes, groups = hashes[:len(keys)], groups[:len(keys)]
	for i, key := range keys {
		k, hash, s := intWords(lead, key), tag(hashes[i]), &spots[i&(intsAhead-1)]
		slot := s.slot
		if s.seen != hash && slot != nil {
			slot = t.probe(hash, s)
		}
		if slot != nil {
			if e := (*keyWords)(unsafe.Add(slot, hashBytes)); e.w0 == k.w0 && e.w1 == k.w1 {
				if frozen {
					t.touch(s.bucket.ref())
				}
				groups[i].cells = unsafe.Add(slot, hashBytes+keyBytes)
				continue
			}
		}
		cells, bucket, fresh, err := t.put(hash, k, nil)
		if err != nil {
			return i, err
		}
		if !fresh {
			t.touch(bucket)
		}
		groups[i] = MakeGroup(cells)
		if t.moves != moves {
			return i + 1, nil
		}
	}
	return len(keys), nil
}

// look reads, for each hash, what stands where it is looked for first. No step hangs on the one before, and none on what it reads: so all
// lines come from memory at the same time. (A spot is written field by field: a copy of a whole one would wait for what was read.)
func (t *Table) look(hashes []uint64, spots *[intsAhead]spot) {
	dir, first, base := t.dir, t.first, t.base
	for i, hash := range hashes {
		hash = tag(hash)
		at := hash>>t.shift - first
		if at >= uint64(len(dir)) || dir[at] == 0 {
			continue
		}
		l, s := dir[at], &spots[i&(intsAhead-1)]
		r := l.ref()
		offset := uintptr(r&(1<<refBits-1))*refUnit + bucketHeaderBytes + t.stride*uintptr(home(hash, t.capacity[l.class()]))
		s.bucket, s.slot = l, unsafe.Add(base[r>>refBits], offset)
		s.seen = *(*uint64)(s.slot)
	}
}

// probe returns the slot with a hash that is not, or was not, the first one looked at; nil: there is none.
func (t *Table) probe(hash uint64, s *spot) unsafe.Pointer {
	first := unsafe.Pointer(t.hashAt(t.at(s.bucket.ref()), 0))
	last := unsafe.Add(first, t.stride*uintptr(t.capacity[s.bucket.class()]-1))
	for slot := s.slot; ; {
		switch *(*uint64)(slot) {
		case hash:
			return slot
		case 0:
			return nil
		}
		if slot == last {
			slot = first
		} else {
			slot = unsafe.Add(slot, t.stride)
		}
	}
}

// intWords is words of the byte lead and the 8 bytes of an integer.
func intWords(lead byte, key int64) keyWords {
	return keyWords{uint64(lead) | uint64(key)<<8, uint64(key)>>56 | 9<<56}
}
