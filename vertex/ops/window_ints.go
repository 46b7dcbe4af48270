package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

// intGroups is the scratch of looking groups up by one column of integers or times, many at once.
type intGroups struct {
	keys   []int64
	hashes []uint64
	cells  [][]uint64
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
	g.keys, g.hashes, g.cells = g.keys[:0], g.hashes[:0], g.cells[:0]
	for i < len(values) && len(w.runs) < runsAhead {
		key, end := values[i], i+1
		for end < len(values) && values[end] == key {
			end++
		}
		g.keys = append(g.keys, key)
		g.hashes = append(g.hashes, partition.MixV1(uint64(key)))
		g.cells = append(g.cells, nil)
		w.runs = append(w.runs, run{from: i, to: end})
		i = end
	}
	win, err := set.window(k, w)
	if err != nil {
		return i, err
	}
	moves := win.groups.Moves()
	if err := win.groups.PutInts(partition.IntLead, g.keys, g.hashes, g.cells); err != nil {
		return i, fmt.Errorf("window: %w", err)
	}
	set.moves += win.groups.Moves() - moves
	for j, cells := range g.cells {
		w.runs[before+j].group = cells
	}
	clear(g.cells) // nothing must point into pages
	return i, nil
}
