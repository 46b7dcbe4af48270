package state

import (
	"fmt"
	"unsafe"
)

// MaxCells bounds the cells of a table's entries, so that a few of them fit the largest page.
const MaxCells = 500

// Table maps keys to a fixed number of 8-byte cells. The zero Table is not usable; see NewTable.
type Table struct {
	space
	shape
	dir     []link // by top bits of the hash, from first on
	first   uint64 // top bits of dir[0]
	shift   uint8  // 64 - depth of the directory
	outside link   // chain of what the directory could not be widened for
	buckets int
	peak    int    // most buckets since the last Reset
	moves   uint64 // how often entries have moved or gone
	n       int
}

// NewTable returns an empty table whose entries have the given number of cells. It takes no page before the first Put.
func NewTable(pages Pages, cells int) (*Table, error) {
	t := &Table{}
	if err := t.init(pages, cells); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Table) init(pages Pages, cells int) error {
	if cells < 0 || cells > MaxCells {
		return fmt.Errorf("state: %d cells a key, want 0 to %d", cells, MaxCells)
	}
	*t = Table{space: newSpace(pages), shape: makeShape(cells), shift: 64}
	return nil
}

// Len is the number of keys.
func (t *Table) Len() int { return t.n }

// Bytes is the memory taken from Pages, in bytes, that of frozen images included.
func (t *Table) Bytes() int {
	if t.images != nil {
		return t.space.bytes + t.images.owner.savedBytes
	}
	return t.space.bytes
}

// Moves counts the times that entries have moved: cells lent before stay valid while it does not change.
func (t *Table) Moves() uint64 { return t.moves }

// Reset forgets everything and returns all pages.
func (t *Table) Reset() {
	t.space.reset()
	*t = Table{space: t.space, shape: t.shape, dir: t.dir[:0], shift: 64, moves: t.moves + 1}
}

// slot is the place of an entry. b is nil for none.
type slot struct {
	b     unsafe.Pointer
	l     link
	index uint32
}

// bucketOf returns the first bucket that could hold a hash, or 0.
func (t *Table) bucketOf(hash uint64) link {
	if i := hash>>t.shift - t.first; i < uint64(len(t.dir)) {
		return t.dir[i]
	}
	return t.outside
}

// tag is the stored form of a hash: never 0, which marks a free slot.
func tag(hash uint64) uint64 { return hash | 1 }

func (t *Table) find(hash uint64, k keyWords, key []byte) slot {
	for l := t.bucketOf(hash); l != 0; {
		b := t.at(l.ref())
		class := l.class()
		capacity := t.capacity[class]
		for i := home(hash, capacity); ; {
			h := *t.hashAt(b, i)
			if h == hash && t.keyIs(t.entryAt(b, i), k, key) {
				return slot{b, l, i}
			}
			if h == 0 {
				break
			}
			if i++; i == capacity {
				i = 0
			}
		}
		if l&linkChained == 0 {
			break
		}
		l = (*bucketHeader)(b).next
	}
	return slot{}
}

func (t *Table) cellsOf(e unsafe.Pointer) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Add(e, keyBytes)), t.cells)
}

// Get returns the cells of a key, which may be written, or nil. hash must be the same function of the key in all calls.
func (t *Table) Get(hash uint64, key []byte) []uint64 {
	s := t.find(tag(hash), words(key), key)
	if s.b == nil {
		return nil
	}
	t.touch(s.l.ref())
	return t.cellsOf(t.entryAt(s.b, s.index))
}

// Put returns the cells of a key, all zero if it is fresh. The error is ErrFull; the table is as before then.
func (t *Table) Put(hash uint64, key []byte) (cells []uint64, fresh bool, err error) {
	cells, bucket, fresh, err := t.put(tag(hash), words(key), key)
	if err == nil && !fresh {
		t.touch(bucket)
	}
	return cells, fresh, err
}

// put returns the cells of a key, of which k are the words, and the bucket they lie in, which the caller must touch before it writes cells
// that are not fresh.
func (t *Table) put(hash uint64, k keyWords, key []byte) (cells []uint64, bucket ref, fresh bool, err error) {
	if s := t.find(hash, k, key); s.b != nil {
		return t.cellsOf(t.entryAt(s.b, s.index)), s.l.ref(), false, nil
	}
	l, err := t.roomFor(hash)
	if err != nil {
		return nil, 0, false, err
	}
	var stored [1]keyWords
	if !t.putKey(unsafe.Pointer(&stored), k, key) {
		return nil, 0, false, ErrFull
	}
	t.touch(l.ref())
	e := t.place(t.at(l.ref()), l.class(), hash)
	*(*keyWords)(e) = stored[0]
	t.n++
	cells = t.cellsOf(e)
	clear(cells)
	return cells, l.ref(), true, nil
}

// Delete forgets a key and reports whether it was there.
func (t *Table) Delete(hash uint64, key []byte) bool {
	hash = tag(hash)
	s := t.find(hash, words(key), key)
	if s.b == nil {
		return false
	}
	t.deleteSlot(hash, s)
	return true
}

func (t *Table) deleteSlot(hash uint64, s slot) {
	t.moves++
	t.dropKey(t.entryAt(s.b, s.index))
	t.touch(s.l.ref())
	t.remove(s.b, s.l.class(), s.index)
	t.n--
	if t.n == 0 {
		t.Reset()
		return
	}
	if (*bucketHeader)(s.b).n == 0 {
		t.dropBucket(hash, s)
	}
}
