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
// does, without frames.
func scatter() (step func(), units float64) {
	in, out := newColumns(scatterRows), newColumns(scatterRows)
	rows.Stream(1).Fill(in.key, in.vs, in.ve, in.value, 0)
	var table [groups]uint8
	for g := range table {
		table[g] = uint8(g * destinations / groups)
	}
	dst, perm := make([]uint8, scatterRows), make([]int32, scatterRows)
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
			perm[*c] = int32(i)
			*c++
		}
		gather(out.key, in.key, perm)
		gather(out.vs, in.vs, perm)
		gather(out.ve, in.ve, perm)
		gather(out.value, in.value, perm)
	}, scatterRows
}

func gather(out, in []int64, perm []int32) {
	out = out[:len(perm)]
	for i, r := range perm {
		out[i] = in[r]
	}
}
