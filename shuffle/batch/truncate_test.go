package batch

import (
	"testing"

	"pgregory.net/rapid"
)

// Appending, truncating and appending again must look like appending only what stayed.
func TestTruncate(t *testing.T) {
	s := &Schema{HasVe: true, HasDiff: true, Fields: []Field{
		{"b", Bool, true}, {"i", Int64, true}, {"f", Float64, false}, {"s", String, true}, {"t", Timestamp, false},
	}}
	rapid.Check(t, func(t *rapid.T) {
		got, want := NewBuilder(s), NewBuilder(s)
		var kept []int64
		for range rapid.IntRange(1, 5).Draw(t, "rounds") {
			for range rapid.IntRange(0, 20).Draw(t, "rows") {
				v := rapid.Int64Range(0, 99).Draw(t, "v")
				kept = append(kept, v)
				appendTestRow(got, v, len(s.Fields))
			}
			appendTestRow(got, 7, rapid.IntRange(0, len(s.Fields)).Draw(t, "partial"))
			n := rapid.IntRange(0, len(kept)).Draw(t, "n")
			kept = kept[:n]
			got.Truncate(n)
		}
		for _, v := range kept {
			appendTestRow(want, v, len(s.Fields))
		}
		g, w := got.View(), want.View()
		if g.N != w.N {
			t.Fatalf("%d rows, want %d", g.N, w.N)
		}
		for i := range g.N {
			if g.Vs[i] != w.Vs[i] || g.Ve[i] != w.Ve[i] || g.Diff[i] != w.Diff[i] {
				t.Fatalf("row %d: times differ", i)
			}
			for c := range g.Cols {
				if a, b := testCell(&g.Cols[c], i), testCell(&w.Cols[c], i); a != b {
					t.Fatalf("row %d column %d: got %v, want %v", i, c, a, b)
				}
			}
		}
	})
}

// appendTestRow appends a row derived from v, of which only the first columns are complete.
func appendTestRow(b *Builder, v int64, columns int) {
	if columns == len(b.Cols) {
		b.AppendTime(v, v+1, 1)
	}
	for i := range columns {
		c := &b.Cols[i]
		if c.Nullable && v%3 == 0 {
			c.AppendNull()
			continue
		}
		switch c.Kind {
		case Bool:
			c.AppendBool(v%2 == 0)
		case Float64:
			c.AppendFloat64(float64(v))
		case String:
			c.AppendString("abcdefgh"[:v%8])
		default:
			c.AppendInt64(v)
		}
		c.SetValid(true)
	}
}

func testCell(c *Column, i int) any {
	if c.Null(i) {
		return nil
	}
	switch c.Kind() {
	case Bool:
		return c.Bools().Get(i)
	case Float64:
		return c.Float64s()[i]
	case String:
		return string(c.Bytes(i))
	}
	return c.Int64s()[i]
}

func TestMakeFixed(t *testing.T) {
	c := MakeFixed(Timestamp, []int64{4, 5})
	if s := c.Slice(1, 2); c.Kind() != Timestamp || c.Len() != 2 || c.Nulls() || s.Int64s()[0] != 5 {
		t.Fatalf("got %v", c)
	}
}
