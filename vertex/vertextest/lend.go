package vertextest

import (
	"math/rand/v2"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// loan is a copy of some rows in memory of its own, lent to a vertex for one call.
type loan struct {
	whole *batch.Batch // with rows in front that the vertex does not see
	batch *batch.Batch
}

// lend copies rows [from, to) of src behind up to 9 others, so that its bits begin anywhere in a byte.
func lend(rng *rand.Rand, src *batch.Batch, from, to int) loan {
	b := batch.NewBuilder(src.Schema)
	front := rng.IntN(10)
	for range front {
		b.AppendBatch(src, 0, 1)
	}
	b.AppendBatch(src, from, to)
	whole := b.View()
	view := whole.Slice(front, front+to-from)
	return loan{whole, &view}
}

// mangle overwrites the rows: the call is over, and the memory belongs to others now.
func (l loan) mangle() {
	const junk = -0x5a5a5a5a5a5a5a5b
	b := l.whole
	for _, v := range [][]int64{b.Vs, b.Ve, b.Diff} {
		overwrite(v, junk)
	}
	for i := range b.Cols {
		c := &b.Cols[i]
		overwrite(c.Int64s(), junk)
		overwrite(c.Float64s(), junk)
		offsets, data := c.Var()
		overwrite(offsets, 0)
		overwrite(data, 0xa5)
		for _, m := range []batch.Bitmap{c.Validity(), c.Bools()} {
			bits, _ := m.Raw()
			overwrite(bits, 0x5a)
		}
	}
	// The headers, too: a vertex may have kept the Batch itself.
	*l.batch = batch.Batch{}
}

func overwrite[T int64 | float64 | int32 | uint8](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}
