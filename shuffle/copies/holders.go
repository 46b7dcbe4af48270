package copies

import (
	"cmp"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// Holders are the nodes that hold copies of what a node writes, k of them or as many as there are: the first of an order of nodes that is
// another one for each stream, so that what a node lets others hold is scattered over all of them. The destination comes last: it is of
// no use to one that asks because it has lost the same.
func Holders(id shuffle.CopyID, self frame.NodeID, nodes, k int) []frame.NodeID {
	all := make([]frame.NodeID, 0, nodes)
	for n := range nodes {
		if n := frame.NodeID(n); n != self {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b frame.NodeID) int {
		if a == id.Node || b == id.Node {
			return cmp.Compare(last(a == id.Node), last(b == id.Node))
		}
		return cmp.Or(cmp.Compare(rank(id, self, a), rank(id, self, b)), cmp.Compare(a, b))
	})
	return all[:min(k, len(all))]
}

func last(is bool) int {
	if is {
		return 1
	}
	return 0
}

// rank mixes a stream's name with that of a node. It must never change: a new life asks where the one before has sent.
func rank(id shuffle.CopyID, self, n frame.NodeID) uint64 {
	h := uint64(0x9E3779B97F4A7C15)
	for _, v := range [...]uint64{uint64(id.Edge), uint64(id.Node), uint64(id.Core), uint64(self), uint64(n)} {
		h = (h ^ v) * 0xBF58476D1CE4E5B9
		h ^= h >> 29
	}
	h *= 0x94D049BB133111EB
	return h ^ h>>31
}
