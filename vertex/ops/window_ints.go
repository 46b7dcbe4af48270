package ops

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

// intGroups is the scratch of looking groups up by one column of integers or times, many at once.
type intGroups struct {
	keys   []int64
	hashes []uint64
	cells  [][]uint64
}

// grow makes room for n keys and returns n.
func (g *intGroups) grow(n int) int {
	if len(g.keys) < n {
		g.keys, g.hashes, g.cells = make([]int64, n), make([]uint64, n), make([][]uint64, n)
	}
	return n
}

// fit reports whether the keys of rows are of that kind.
func (g *intGroups) fit(rows *batch.Batch, keys []int) bool {
	if len(keys) != 1 {
		return false
	}
	c := &rows.Cols[keys[0]]
	return (c.Kind() == batch.Int64 || c.Kind() == batch.Timestamp) && !c.Nulls()
}

// lookupInts is lookupOnce for rows i to inPane, which lie in window k alone, as far as there is room for runs.
func (w *Window) lookupInts(set *windowSet, k int64, rows *batch.Batch, i, inPane int) (next int, err error) {
	g, values, before := &w.ints, rows.Cols[w.keys[0]].Int64s()[:inPane], len(w.runs)
	n := g.grow(min(len(values)-i, runsAhead-before))
	w.runs = slices.Grow(w.runs, n)[:before+n]
	used := 0
	for ; used < n && i < len(values); used++ {
		key, end := values[i], i+1
		for end < len(values) && values[end] == key {
			end++
		}
		g.keys[used], g.hashes[used] = key, partition.MixV1(uint64(key))
		r := &w.runs[before+used]
		r.from, r.to = i, end
		i = end
	}
	w.runs = w.runs[:before+used]
	win, err := set.window(k, w)
	if err != nil {
		return i, err
	}
	moves := win.groups.Moves()
	if err := win.groups.PutInts(partition.IntLead, g.keys[:used], g.hashes[:used], g.cells[:used]); err != nil {
		return i, fmt.Errorf("window: %w", err)
	}
	set.moves += win.groups.Moves() - moves
	for j, cells := range g.cells[:used] {
		w.runs[before+j].group = cells
	}
	clear(g.cells[:used]) // nothing must point into pages
	return i, nil
}
