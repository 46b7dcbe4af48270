package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

// intKeys is the scratch of looking groups up by one column of integers or times, many at once.
type intKeys struct {
	keys   [runsAhead]int64
	hashes [runsAhead]uint64
}

// intKeyed reports whether the keys of rows are of that kind.
func intKeyed(rows *batch.Batch, keys []int) bool {
	if len(keys) != 1 {
		return false
	}
	c := &rows.Cols[keys[0]]
	return (c.Kind() == batch.Int64 || c.Kind() == batch.Timestamp) && !c.Nulls()
}

// take makes spans of runs of equal values, from value i on, as far as there are spans and values. It returns the number of runs and where the
// last one ends.
func (k *intKeys) take(values []int64, i int, spans []rowSpan) (n, end int) {
	spans = spans[:min(len(spans), len(k.keys))]
	for ; n < len(spans) && i < len(values); n++ {
		key, from := values[i], i
		for i++; i < len(values) && values[i] == key; {
			i++
		}
		k.keys[n], spans[n] = key, rowSpan{int32(from), int32(i)}
	}
	for j, key := range k.keys[:n] {
		k.hashes[j] = partition.MixV1(uint64(key))
	}
	return n, i
}

// lookupInts is lookupOnce for rows i to inPane, which lie in window k alone, as far as there is room for runs.
func (w *Window) lookupInts(set *windowSet, k int64, rows *batch.Batch, i, inPane int) (next int, err error) {
	if w.ints == nil {
		w.ints = new(intKeys)
	}
	values, before := rows.Cols[w.keys[0]].Int64s()[:inPane], w.runs.len()
	fresh := w.runs.extend(min(len(values)-i, runsAhead-before))
	n, next := w.ints.take(values, i, fresh.spans)
	w.runs.truncate(before + n)
	win, err := set.window(k, w)
	if err != nil {
		return next, err
	}
	moves := win.groups.Moves()
	if err := win.groups.PutInts(partition.IntLead, w.ints.keys[:n], w.ints.hashes[:n], fresh.groups[:n]); err != nil {
		return next, fmt.Errorf("window: %w", err)
	}
	set.moves += win.groups.Moves() - moves
	return next, nil
}
