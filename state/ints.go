package state

import "unsafe"

// intsAhead is how many keys PutInts looks for at a time: enough for the processor to wait for many cache lines at once.
const intsAhead = 32

// spot is where a key may lie.
type spot struct {
	bucket unsafe.Pointer // nil: there is none for its hash
	entry  unsafe.Pointer // with its hash, or nil
	seen   uint64         // the hash at slot
	slot   uint32
	class  uint8
	ref    ref
}

// PutInts is Put for many keys, each of which is the byte lead and an integer, 8 bytes, little endian: cells[i] are those of keys[i], whose hash
// is hashes[i]. Cells lent for a key move when a later one does not fit its bucket: if Moves has changed, ask again for what was there. It costs
// a fraction of so many Puts, since it reads ahead. The error is ErrFull; keys before the one that found no room are in the table then.
func (t *Table) PutInts(lead byte, keys []int64, hashes []uint64, cells [][]uint64) error {
	for len(keys) > 0 {
		n := min(len(keys), intsAhead)
		done, err := t.putSome(lead, keys[:n], hashes[:n], cells[:n])
		if err != nil {
			return err
		}
		keys, hashes, cells = keys[done:], hashes[done:], cells[done:]
	}
	return nil
}

// putSome puts keys up to the first that made entries move.
func (t *Table) putSome(lead byte, keys []int64, hashes []uint64, cells [][]uint64) (done int, err error) {
	var spots [intsAhead]spot
	t.look(hashes, &spots)
	t.probe(hashes, &spots)
	moves := t.moves
	hashes, cells = hashes[:len(keys)], cells[:len(keys)]
	for i, key := range keys {
		k, s := intWords(lead, key), &spots[i&(intsAhead-1)]
		if e := (*keyWords)(s.entry); e != nil && e.w0 == k.w0 && e.w1 == k.w1 {
			t.touch(s.ref)
			cells[i] = t.cellsOf(s.entry)
			continue
		}
		c, bucket, fresh, err := t.put(tag(hashes[i]), k, nil)
		if err != nil {
			return i, err
		}
		if !fresh {
			t.touch(bucket)
		}
		cells[i] = c
		if t.moves != moves {
			return i + 1, nil
		}
	}
	return len(keys), nil
}

// look reads, for each hash, what stands where it is looked for first. No step hangs on the one before, and none on what it reads: so all
// lines come from memory at the same time. (A spot is written field by field: a copy of a whole one would wait for what was read.)
func (t *Table) look(hashes []uint64, spots *[intsAhead]spot) {
	if len(t.dir) == 0 {
		return
	}
	for i, hash := range hashes {
		l := t.bucketOf(tag(hash))
		if l == 0 {
			continue
		}
		b, class := t.at(l.ref()), l.class()
		slot, s := home(tag(hash), t.capacity[class]), &spots[i&(intsAhead-1)]
		s.bucket, s.slot, s.class, s.ref = b, slot, class, l.ref()
		s.seen = *t.hashAt(b, slot)
	}
}

// probe finds the entries, in lines that are at hand now.
func (t *Table) probe(hashes []uint64, spots *[intsAhead]spot) {
	for i, hash := range hashes {
		s := &spots[i&(intsAhead-1)]
		if s.bucket == nil {
			continue
		}
		slot, capacity := s.slot, t.capacity[s.class]
		for s.seen != tag(hash) && s.seen != 0 {
			if slot++; slot == capacity {
				slot = 0
			}
			s.seen = *t.hashAt(s.bucket, slot)
		}
		if s.seen != 0 {
			s.entry = t.entryAt(s.bucket, slot)
		}
	}
}

// intWords is words of the byte lead and the 8 bytes of an integer.
func intWords(lead byte, key int64) keyWords {
	return keyWords{uint64(lead) | uint64(key)<<8, uint64(key)>>56 | 9<<56}
}
