package kernel

import (
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/shuffle/partition"
)

const (
	destinations = 64
	scatterRows  = 8192 // 256 KiB in, as much out: within a core's L2
	groups       = 4096
)

// scatter hashes the keys of a block, counts its destinations and moves every column to where it belongs, as a partition-sorted flush
// does, without frames: the fastest way found that goes over the rows three times.
func scatter() (step func(), units float64) {
	in, out := newColumns(scatterRows), newColumns(scatterRows)
	rows.Stream(1).Fill(in.key, in.vs, in.ve, in.value, 0)
	var table [groups]uint8
	for g := range table {
		table[g] = uint8(g * destinations / groups)
	}
	dst, place := make([]uint8, scatterRows), make([]int32, scatterRows)
	return func() {
		var counts [destinations]int32
		for i, k := range in.key {
			d := table[partition.MixV1(uint64(k))>>52]
			dst[i] = d
			counts[d&(destinations-1)]++
		}
		at := int32(0)
		for d, n := range counts {
			counts[d] = at
			at += n
		}
		for i, d := range dst {
			c := &counts[d&(destinations-1)]
			place[i] = *c
			*c++
		}
		move(out.key, in.key, out.value, in.value, place)
		move(out.vs, in.vs, out.ve, in.ve, place)
	}, scatterRows
}

// move puts two columns into their places.
func move(toA, fromA, toB, fromB []int64, place []int32) {
	toB, fromA, fromB = toB[:len(toA)], fromA[:len(place)], fromB[:len(place)]
	for i, p := range place {
		toA[p] = fromA[i]
		toB[p] = fromB[i]
	}
}
