package images

import (
	"encoding/binary"
	"fmt"

	"github.com/streamscope/streamscope/shuffle/partition"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/extent"
)

const (
	keyRows   = 64   // of a key, half of them on each side; then another key takes its place
	probeBack = 16   // rows of a key that a row looks back for partners, in the mean
	expireRow = 4096 // rows between two expiries
)

// rowCells make a row 64 bytes, with its time.
const rowCells = 7

// pairsMost is the pairs that are made before somebody takes them.
const pairsMost = 1024

// shapes are the rows of both sides.
var shapes = []state.RowShape{{Cells: rowCells}, {Cells: rowCells}}

// join is one join's state, and where its input is. One goroutine at a time uses it.
type join struct {
	rows    *state.Multimap
	pages   *extent.Pages
	horizon int64    // how long rows live; 0: they all do
	now     int64    // rows so far; the time of the newest
	keys    []uint64 // those that rows come of at the moment
	left    []int    // rows still to come of a key
	first   uint64   // key of all
	next    uint64   // key
	rng     uint64

	pairs [2 * rowCells][pairsMost]uint64 // columns: the cells of a row and of its partner
	made  int                             // of pairs
	taken uint64                          // sum of a column of those that were taken
}

// newJoin makes an empty state with so many keys at a time.
func newJoin(arena *extent.Arena, firstKey uint64, keys int) (*join, error) {
	j := &join{pages: arena.NewPages(), first: firstKey, next: firstKey, rng: firstKey + 1, keys: make([]uint64, keys), left: make([]int, keys)}
	var err error
	j.rows, err = state.NewMultimap(j.pages, shapes...)
	for i := range j.keys {
		j.newKey(i, 1+i*keyRows/keys) // they end one after the other
	}
	return j, err
}

func (j *join) newKey(slot, rows int) {
	j.keys[slot], j.left[slot] = j.next, rows
	j.next++
}

// random is xorshift64.
func (j *join) random() uint64 {
	j.rng ^= j.rng << 13
	j.rng ^= j.rng >> 7
	j.rng ^= j.rng << 17
	return j.rng
}

// grow takes rows until the state has so many bytes, which are then what its rows live for.
func (j *join) grow(bytes int) error {
	for j.rows.Bytes() < bytes {
		if err := j.advance(expireRow); err != nil {
			return err
		}
	}
	j.horizon = j.now
	return nil
}

// pair makes a row's pairs with rows of a block.
func (j *join) pair(cells *[rowCells]uint64, b state.Block, rows []int32) {
	if j.made+len(rows) > pairsMost {
		for _, v := range j.pairs[0][:j.made] {
			j.taken += v
		}
		j.made = 0
	}
	for c := range rowCells {
		mine, theirs := j.pairs[c][j.made:][:len(rows)], j.pairs[rowCells+c][j.made:][:len(rows)]
		from := b.Cell(c)
		for i, row := range rows {
			mine[i], theirs[i] = cells[c], from[row]
		}
	}
	j.made += len(rows)
}

// advance takes n rows: each makes pairs with the newest of its key on the other side, and is kept.
func (j *join) advance(n int64) error {
	var key [8]byte
	var sel [64]int32
	var cells [rowCells]uint64
	for range n {
		slot := j.random() % uint64(len(j.keys))
		k := j.keys[slot]
		if j.left[slot]--; j.left[slot] == 0 {
			j.newKey(int(slot), keyRows)
		}
		hash := partition.MixV1(k)
		binary.LittleEndian.PutUint64(key[:], k)
		c, err := j.rows.Put(hash, key[:])
		if err != nil {
			return fmt.Errorf("row %d: %w", j.now, err)
		}
		side := int(j.now & 1)
		cells[0] = k
		p := j.rows.Probe(c, 1-side, j.now-probeBack*int64(len(j.keys)), j.now)
		for b, n := p.Next(sel[:]); n > 0; b, n = p.Next(sel[:]) {
			j.pair(&cells, b, sel[:n])
		}
		if _, _, err := j.rows.Add(c, hash, side, j.now, j.now+1, cells[:], nil); err != nil {
			return fmt.Errorf("row %d: %w", j.now, err)
		}
		if j.now++; j.horizon > 0 && j.now%expireRow == 0 {
			j.rows.Expire(0, j.now-j.horizon)
			j.rows.Expire(1, j.now-j.horizon)
		}
	}
	return nil
}

// scatter changes a cell of n random keys, in their newest blocks or older ones.
func (j *join) scatter(n int) {
	var key [8]byte
	var sel [64]int32
	for range n {
		k := j.first + j.random()%(j.next-j.first)
		binary.LittleEndian.PutUint64(key[:], k)
		c := j.rows.Get(partition.MixV1(k), key[:])
		p := j.rows.Probe(c, int(j.rng&1), 0, j.now)
		b, found := p.Next(sel[:])
		for older := j.rng >> 1 & 3; older > 0 && found > 0; older-- {
			if x, n := p.Next(sel[:]); n > 0 {
				b, found = x, n
			}
		}
		if found > 0 {
			j.rows.Change(b)
			b.Cell(0)[sel[found-1]]++
		}
	}
}
