package state

import (
	"bytes"
	"cmp"
	"slices"
	"unsafe"
)

// Entry names a key of a Table until the table's next change.
type Entry struct {
	bucket link
	slot   uint32
}

// Key is the entry's key, borrowed.
func (t *Table) Key(e Entry) []byte { return t.storedKey(t.entry(e)) }

// Cells are the entry's cells, borrowed, for reading.
func (t *Table) Cells(e Entry) []uint64 { return t.cellsOf(t.entry(e)) }

func (t *Table) entry(e Entry) unsafe.Pointer {
	return t.entryAt(t.at(e.bucket.ref()), e.slot)
}

func (t *Table) hashOf(e Entry) uint64 { return *t.hashAt(t.at(e.bucket.ref()), e.slot) }

// appendBucket appends the entries of a bucket and its chain.
func (t *Table) appendBucket(dst []Entry, l link) []Entry {
	for l != 0 {
		b := t.at(l.ref())
		for i := range t.capacity[l.class()] {
			if *t.hashAt(b, i) != 0 {
				dst = append(dst, Entry{l, i})
			}
		}
		if l&linkChained == 0 {
			break
		}
		l = (*bucketHeader)(b).next
	}
	return dst
}

// AppendByKey appends all entries to dst, ordered by the bytes of their keys, and returns it.
func (t *Table) AppendByKey(dst []Entry) []Entry {
	from := len(dst)
	eachLink(t.dir, func(l link) { dst = t.appendBucket(dst, l) })
	dst = t.appendBucket(dst, t.outside)
	slices.SortFunc(dst[from:], func(a, b Entry) int { return bytes.Compare(t.Key(a), t.Key(b)) })
	return dst
}

// byHash calls f for all entries ordered by (hash, key), with room for a bucket's entries beside it.
func (t *Table) byHash(f func(e Entry)) {
	order := func(a, b Entry) int {
		if c := cmp.Compare(t.hashOf(a), t.hashOf(b)); c != 0 {
			return c
		}
		return bytes.Compare(t.Key(a), t.Key(b))
	}
	outside := t.appendBucket(nil, t.outside)
	slices.SortFunc(outside, order)
	var buf []Entry
	eachLink(t.dir, func(l link) {
		buf = t.appendBucket(buf[:0], l)
		slices.SortFunc(buf, order)
		for _, e := range buf {
			for len(outside) > 0 && order(outside[0], e) < 0 {
				f(outside[0])
				outside = outside[1:]
			}
			f(e)
		}
	})
	for _, e := range outside {
		f(e)
	}
}

// Merge puts every key of other, a table of as many cells, into t and calls f with the cells of both. Their hashes must be of one function.
// The error is ErrFull; some keys may have been put by then.
func (t *Table) Merge(other *Table, f func(mine, theirs []uint64)) error {
	var err error
	other.each(func(e Entry) {
		if err != nil {
			return
		}
		var mine []uint64
		if mine, _, err = t.Put(other.hashOf(e), other.Key(e)); err == nil {
			f(mine, other.Cells(e))
		}
	})
	return err
}

// each calls f for all entries, in the order of the table's layout.
func (t *Table) each(f func(e Entry)) {
	var buf []Entry
	visit := func(l link) {
		buf = t.appendBucket(buf[:0], l)
		for _, e := range buf {
			f(e)
		}
	}
	eachLink(t.dir, visit)
	visit(t.outside)
}
