package state

import "unsafe"

// intsAhead is how many keys PutInts looks for at a time: enough for the processor to wait for many cache lines at once.
const intsAhead = 32

// spot is where the entry of a key lies, if it was found at the first place to look.
type spot struct {
	entry  unsafe.Pointer
	bucket ref
	found  bool
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
	moves := t.moves
	hashes, cells = hashes[:len(keys)], cells[:len(keys)]
	for i, key := range keys {
		k, s := intWords(lead, key), &spots[i]
		if s.found && *(*keyWords)(s.entry) == k {
			t.touch(s.bucket)
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

// look finds, for each hash, whether it stands at the place where it is looked for first. No step hangs on the one before, and none on what
// it finds.
func (t *Table) look(hashes []uint64, spots *[intsAhead]spot) {
	if len(t.dir) == 0 {
		return
	}
	for i, hash := range hashes {
		hash = tag(hash)
		l := t.bucketOf(hash)
		if l == 0 {
			continue
		}
		b, class := t.at(l.ref()), l.class()
		at := home(hash, t.capacity[class])
		spots[i&(intsAhead-1)] = spot{t.entryAt(b, class, at), l.ref(), *hashAt(b, at) == hash}
	}
}

// intWords is words of the byte lead and the 8 bytes of an integer.
func intWords(lead byte, key int64) keyWords {
	return keyWords{uint64(lead) | uint64(key)<<8, uint64(key)>>56 | 9<<56}
}
