package batch

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestScatterWritesWhatEncodeDoes compares the two ways of writing the same order of rows, byte by byte.
func TestScatterWritesWhatEncodeDoes(t *testing.T) {
	kinds := []Kind{Int64, Float64, Bool, Timestamp}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 5))
		s := &Schema{HasVe: rng.IntN(2) == 0, HasDiff: rng.IntN(2) == 0}
		for i := range rng.IntN(5) {
			s.Fields = append(s.Fields, Field{Name: fmt.Sprint("c", i), Kind: kinds[rng.IntN(len(kinds))], Nullable: rng.IntN(2) == 0})
		}
		b := NewBuilder(s)
		n := rng.IntN(200)
		for range n {
			b.AppendTime(rng.Int64(), rng.Int64(), rng.Int64())
			for i := range b.Cols {
				appendRandom(&b.Cols[i], rng)
			}
		}
		src := b.View().Slice(n/3, n) // bits then begin anywhere
		order := make([]int32, src.N)
		for at, row := range rng.Perm(src.N) {
			order[at] = int32(row)
		}
		place := make([]uint32, src.N)
		for at, row := range order {
			place[row] = uint32(at)
		}
		size := EncodedLen(s, frame.HeaderLen, src.N, make([]int, len(s.Fields)))
		want, got := dirty(size, 0xaa), dirty(size, 0xaa)
		EncodeRows(want, frame.HeaderLen, &src, order, make([]int, len(s.Fields)))
		ScatterRows(got, frame.HeaderLen, &src, place)
		if !bytes.Equal(got, want) {
			t.Fatalf("seed %d: schema %v, %d rows: frames differ", seed, s, src.N)
		}
	}
}

func appendRandom(c *ColumnBuilder, rng *rand.Rand) {
	if c.Nullable && rng.IntN(3) == 0 {
		c.AppendNull()
		return
	}
	switch c.Kind {
	case Float64:
		c.AppendFloat64(rng.NormFloat64())
	case Bool:
		c.AppendBool(rng.IntN(2) == 0)
	default:
		c.AppendInt64(rng.Int64())
	}
	c.SetValid(true)
}

// dirty is memory as a log has it: full of what was there before, aligned to 8 bytes.
func dirty(n int, fill byte) []byte {
	b := make([]byte, n+8)
	for i := range b {
		b[i] = fill
	}
	return b[:n:n]
}
