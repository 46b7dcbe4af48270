package ops

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// keyedSchema has every kind, with and without nulls.
func keyedSchema(hasVe bool) *batch.Schema {
	return &batch.Schema{HasVe: hasVe, Fields: []batch.Field{
		{Name: "airport", Kind: batch.String, Nullable: true},
		{Name: "n", Kind: batch.Int64, Nullable: true},
		{Name: "id", Kind: batch.Int64},
		{Name: "x", Kind: batch.Float64, Nullable: true},
		{Name: "late", Kind: batch.Bool, Nullable: true},
		{Name: "at", Kind: batch.Timestamp},
		{Name: "raw", Kind: batch.Bytes},
		{Name: "on", Kind: batch.Bool},
		{Name: "y", Kind: batch.Float64},
	}}
}

// verify runs the vertex through all shapes over random ticks and returns what it emitted, tick by tick, with the ticks.
func verify(t *rapid.T, in []*batch.Schema, out *batch.Schema, fresh func(pages state.Pages) (vertex.Vertex, error)) (vertextest.Result, []vertextest.Tick) {
	seed := rapid.Uint64().Draw(t, "seed")
	rng := rand.New(rand.NewPCG(seed, 2))
	ticks := vertextest.Random(seed, in, 1+rng.IntN(5), 1+rng.IntN(20), 1+rng.Int64N(60))
	c := vertextest.Case{
		New: func() vertex.Vertex {
			v, err := fresh(state.NewHeapPages(0))
			if err != nil {
				t.Fatal(err)
			}
			return v
		},
		In: in, Out: out, Ticks: ticks, Seed: seed,
	}
	r, err := vertextest.Check(c)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return r, ticks
}

// all appends the rows of a port over all ticks to a builder.
func all(s *batch.Schema, ticks []vertextest.Tick, port int) *batch.Batch {
	b := batch.NewBuilder(s)
	for _, tick := range ticks {
		if r := tick.Rows[port]; r != nil {
			b.AppendBatch(r, 0, r.N)
		}
	}
	return b.View()
}

func sorted(rows []string) []string {
	rows = slices.Clone(rows)
	slices.Sort(rows)
	return rows
}

func sameRows(t *rapid.T, got, want []string) {
	got, want = sorted(got), sorted(want)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("%d rows, want %d; they differ at row %d in order:\n got %q\nwant %q", len(got), len(want), i, at(got, i), at(want, i))
		}
	}
}

func at(rows []string, i int) string {
	if i < len(rows) {
		return rows[i]
	}
	return "none"
}

// show shows the last row of a builder.
func show(b *batch.Builder) string {
	v := b.View()
	return vertextest.Row(v, v.N-1)
}

func TestKeyedRefuseRowsBelowTheCTI(t *testing.T) {
	s := keyedSchema(true)
	row := batch.NewBuilder(s)
	row.AppendTime(5, 9, 1)
	for i := range row.Cols {
		if c := &row.Cols[i]; c.Nullable {
			c.AppendNull()
		} else {
			switch c.Kind {
			case batch.Float64:
				c.AppendFloat64(0)
			case batch.Bool:
				c.AppendBool(false)
			case batch.Bytes:
				c.AppendBytes(nil)
			default:
				c.AppendInt64(0)
			}
		}
	}
	for name, v := range keyedVertices(t, s) {
		out := vertex.NewOutbox(s, 10, 1<<20, func(*batch.Builder) bool { return true })
		if _, done, err := v.Close(6, out); err != nil || !done {
			t.Fatalf("%s: close: done %v, %v", name, done, err)
		}
		if _, err := v.Execute(0, row.View(), out); err == nil {
			t.Errorf("%s took a row at 5 after a CTI of 6", name)
		}
	}
}

// TestKeyerIsKeyAndHash compares the keys of strings around the length of a word, few of them and many, with those made afresh; and how far
// equal ones reach with a comparison one by one.
func TestKeyerIsKeyAndHash(t *testing.T) {
	schema := &batch.Schema{Fields: []batch.Field{{Name: "s", Kind: batch.String, Nullable: true}, {Name: "n", Kind: batch.Int64}}}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.SampledFrom([]string{"", "\x00", "\x00\x00", "ATL", "ATL\x00", "exactly8", "exactly8+"}),
			rapid.StringN(0, 12, 12))
		b := batch.NewBuilder(schema)
		for range rapid.IntRange(1, 40).Draw(t, "values") {
			v, null := text.Draw(t, "value"), rapid.IntRange(0, 9).Draw(t, "null") == 0
			for range rapid.IntRange(1, 4).Draw(t, "times") {
				b.AppendTime(0, 0, 1)
				b.Cols[1].AppendInt64(1)
				if null {
					b.Cols[0].AppendNull()
					continue
				}
				b.Cols[0].AppendString(v)
				b.Cols[0].SetValid(true)
			}
		}
		rows := b.View()
		for _, cols := range [][]int{{0}, {0, 1}} {
			k := makeKeyer(schema, cols)
			for i := range rows.N {
				hash, key := k.at(rows, i)
				want := partition.AppendKey(nil, rows, cols, i)
				if !bytes.Equal(key, want) || hash != partition.Hash(want, k.kinds) {
					t.Fatalf("columns %v, row %d: got key %x and hash %#x, want %x and %#x", cols, i, key, hash, want, partition.Hash(want, k.kinds))
				}
				end := i + 1
				for end < rows.N && bytes.Equal(partition.AppendKey(nil, rows, cols, end), want) {
					end++
				}
				if got := sameKeys(rows, cols, i, rows.N); got != end {
					t.Fatalf("columns %v: rows %d to %d have one key, want to %d", cols, i, got, end)
				}
			}
		}
	})
}
