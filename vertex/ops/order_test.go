package ops

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// orderOracle compares rows of a batch by the words of OrderConfig.
func orderOracle(c *OrderConfig, b *batch.Batch) func(i, j int) int {
	column := func(k, i, j int) int {
		col := &b.Cols[k]
		if ni, nj := col.Null(i), col.Null(j); ni || nj {
			return boolInt(nj) - boolInt(ni)
		}
		return compareOracle(col, i, j)
	}
	return func(i, j int) int {
		if o := cmp.Or(cmp.Compare(b.Vs[i], b.Vs[j]), cmp.Compare(b.End(i), b.End(j))); o != 0 {
			return o
		}
		for _, by := range c.By {
			if o := column(by.Column, i, j); o != 0 && by.Descending {
				return -o
			} else if o != 0 {
				return o
			}
		}
		for k := range b.Cols {
			if o := column(k, i, j); o != 0 {
				return o
			}
		}
		return 0
	}
}

func TestOrderAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := OrderConfig{Input: keyedSchema(rapid.Bool().Draw(t, "lives"))}
		for _, col := range rapid.SliceOfNDistinct(rapid.IntRange(0, 8), 0, 3, rapid.ID[int]).Draw(t, "by") {
			c.By = append(c.By, OrderColumn{col, rapid.Bool().Draw(t, "descending")})
		}
		got, ticks := verify(t, []*batch.Schema{c.Input}, c.Input, func(p state.Pages) (vertex.Vertex, error) { return NewOrder(c, p) })
		rows := all(c.Input, ticks, 0)
		order := make([]int, rows.N)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, orderOracle(&c, rows))
		seen := 0
		for i, tick := range ticks {
			for _, r := range got.Ticks[i].Rows {
				if want := vertextest.Row(rows, order[seen]); r != want {
					t.Fatalf("tick %d, row %d in all: got %s, want %s", i, seen, r, want)
				}
				if vs := rows.Vs[order[seen]]; vs >= int64(tick.CTI) {
					t.Fatalf("tick %d: %s came out with a CTI of %d", i, r, tick.CTI)
				}
				seen++
			}
			if seen < rows.N && countBefore(c.Input, ticks[:i+1], tick.CTI) != seen {
				t.Fatalf("tick %d with CTI %d: %d rows in all, want %d", i, tick.CTI, seen, countBefore(c.Input, ticks[:i+1], tick.CTI))
			}
		}
		if seen != rows.N {
			t.Fatalf("%d rows, want %d", seen, rows.N)
		}
	})
}

func countBefore(s *batch.Schema, ticks []vertextest.Tick, cti frame.CTI) int {
	n := 0
	for _, vs := range all(s, ticks, 0).Vs {
		if frame.CTI(vs) < cti {
			n++
		}
	}
	return n
}

// What cannot be told apart by value does not matter; what can is ordered, down to the sign of zero.
func TestOrderIsTotal(t *testing.T) {
	s := &batch.Schema{Fields: []batch.Field{{Name: "x", Kind: batch.Float64}, {Name: "b", Kind: batch.Bytes}}}
	zero := math.Copysign(0, -1)
	in := vertextest.Rows(s, []any{math.MaxInt64, math.NaN(), []byte("a")}, []any{5, 0.0, []byte("a")}, []any{5, zero, []byte("b")},
		[]any{5, math.NaN(), []byte("")}, []any{5, math.Inf(1), []byte("")}, []any{5, math.Inf(-1), []byte("z")}, []any{5, zero, []byte("a")})
	o, err := NewOrder(OrderConfig{Input: s}, state.NewHeapPages(0))
	if err != nil {
		t.Fatal(err)
	}
	out := vertex.NewOutbox(s, 100, 1<<20, nil)
	if n, err := o.Execute(0, in, out); n != in.N || err != nil {
		t.Fatalf("took %d: %v", n, err)
	}
	if cti, done, err := o.Close(frame.MaxCTI, out); cti != frame.MaxCTI || !done || err != nil {
		t.Fatalf("close: %d, %v, %v", cti, done, err)
	}
	var got bytes.Buffer
	for i := range out.Rows.Len() {
		got.WriteString(vertextest.Row(out.Rows.View(), i) + "\n")
	}
	const want = `5 | -Inf "z"
5 | -0 "a"
5 | -0 "b"
5 | 0 "a"
5 | +Inf ""
5 | NaN ""
9223372036854775807 | NaN "a"
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestOrderConfigComplains(t *testing.T) {
	for _, c := range []OrderConfig{
		{Input: &batch.Schema{HasDiff: true}},
		{Input: &batch.Schema{}, By: []OrderColumn{{Column: 0}}},
		{Input: keyedSchema(true), By: []OrderColumn{{Column: -1}}},
	} {
		if _, err := NewOrder(c, state.NewHeapPages(0)); !errors.Is(err, ErrConfig) {
			t.Errorf("%v by %v: %v", c.Input, c.By, err)
		}
	}
}
