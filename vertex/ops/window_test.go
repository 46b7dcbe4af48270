package ops

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

type groupKey struct {
	start int64
	key   string
}

// windowOracle groups rows by trying every window, and orders by (end, key).
func windowOracle(c *WindowConfig, out *batch.Schema, in *batch.Batch, upTo frame.CTI) []string {
	groups := map[groupKey][]int{}
	for i, vs := range in.Vs {
		for k := (vs-c.SizeUs)/c.hop() - 2; k <= vs/c.hop(); k++ {
			if start := k * c.hop(); start <= vs && vs < start+c.SizeUs && frame.CTI(start+c.SizeUs) <= upTo {
				g := groupKey{start, string(partition.AppendKey(nil, in, c.Keys, i))}
				groups[g] = append(groups[g], i)
			}
		}
	}
	var order []groupKey
	for g := range groups {
		order = append(order, g)
	}
	slices.SortFunc(order, func(a, b groupKey) int {
		return cmp.Or(cmp.Compare(a.start, b.start), strings.Compare(a.key, b.key))
	})
	var rows []string
	b := batch.NewBuilder(out)
	for _, g := range order {
		b.AppendTime(g.start, g.start+c.SizeUs, 1)
		for i, k := range c.Keys {
			b.Cols[i].AppendFrom(&in.Cols[k], groups[g][0])
			if f := b.Cols[i].F64; len(f) > 0 && f[len(f)-1] == 0 {
				f[len(f)-1] = 0 // keys are canonical
			}
		}
		for i := range c.Aggregates {
			aggregateOracle(&b.Cols[len(c.Keys)+i], &c.Aggregates[i], in, groups[g])
		}
		rows = append(rows, show(b))
	}
	return rows
}

func aggregateOracle(dst *batch.ColumnBuilder, a *Aggregate, in *batch.Batch, rows []int) {
	if a.Column == AllRows {
		dst.AppendInt64(int64(len(rows)))
		dst.SetValid(true)
		return
	}
	col := &in.Cols[a.Column]
	rows = slices.DeleteFunc(slices.Clone(rows), col.Null)
	switch {
	case a.Func == Count:
		dst.AppendInt64(int64(len(rows)))
	case a.Func == CountIf:
		rows = slices.DeleteFunc(rows, func(i int) bool { return !col.Bools().Get(i) })
		dst.AppendInt64(int64(len(rows)))
	case len(rows) == 0:
		dst.AppendNull()
		return
	case a.Func == Min || a.Func == Max:
		best := rows[0]
		for _, i := range rows {
			if c := compareOracle(col, i, best); (a.Func == Min && c < 0) || (a.Func == Max && c > 0) {
				best = i
			}
		}
		dst.AppendFrom(col, best)
		return
	default:
		sum := new(big.Rat)
		for _, i := range rows {
			if col.Kind() == batch.Float64 {
				sum.Add(sum, new(big.Rat).SetFloat64(col.Float64s()[i]))
			} else {
				sum.Add(sum, new(big.Rat).SetInt64(col.Int64s()[i]))
			}
		}
		f, _ := sum.Float64()
		switch {
		case a.Func == Avg && col.Kind() == batch.Float64:
			dst.AppendFloat64(f / float64(len(rows)))
		case a.Func == Avg:
			f, _ = sum.Quo(sum, new(big.Rat).SetInt64(int64(len(rows)))).Float64()
			dst.AppendFloat64(f)
		case col.Kind() == batch.Float64:
			dst.AppendFloat64(f)
		default:
			dst.AppendInt64(sum.Num().Int64())
		}
	}
	dst.SetValid(true)
}

func compareOracle(c *batch.Column, i, j int) int {
	switch c.Kind() {
	case batch.Float64:
		return cmp.Compare(c.Float64s()[i], c.Float64s()[j])
	case batch.Bool:
		return boolInt(c.Bools().Get(i)) - boolInt(c.Bools().Get(j))
	case batch.String, batch.Bytes:
		return bytes.Compare(c.Bytes(i), c.Bytes(j))
	}
	return cmp.Compare(c.Int64s()[i], c.Int64s()[j])
}

var allAggregates = []Aggregate{
	{Count, AllRows, "rows"}, {Count, 1, "count_n"}, {Count, 0, "airports"}, {CountIf, 4, "count_late"}, {CountIf, 7, "count_on"},
	{Sum, 1, "sum_n"}, {Sum, 2, "sum_id"}, {Sum, 3, "sum_x"}, {Sum, 8, "sum_y"},
	{Min, 1, "min_n"}, {Min, 3, "min_x"}, {Min, 4, "min_late"}, {Min, 5, "min_at"}, {Min, 8, "min_y"}, {Min, 7, "min_on"},
	{Max, 1, "max_n"}, {Max, 3, "max_x"}, {Max, 4, "max_late"}, {Max, 5, "max_at"}, {Max, 8, "max_y"},
	{Avg, 1, "avg_n"}, {Avg, 2, "avg_id"}, {Avg, 3, "avg_x"}, {Avg, 8, "avg_y"},
}

func drawWindow(t *rapid.T) WindowConfig {
	c := WindowConfig{
		Input:  keyedSchema(rapid.Bool().Draw(t, "lives")),
		SizeUs: rapid.Int64Range(1, 40).Draw(t, "size"),
		HopUs:  rapid.Int64Range(0, 40).Draw(t, "hop"),
		Keys:   rapid.SampledFrom(joinKeys).Draw(t, "keys"),
	}
	n := rapid.IntRange(0, 6).Draw(t, "aggregates")
	c.Aggregates = rapid.Permutation(allAggregates).Draw(t, "which")[:n]
	return c
}

func TestWindowAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawWindow(t)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		got, ticks := verify(t, []*batch.Schema{c.Input}, out, func(p state.Pages) (vertex.Vertex, error) { return NewWindow(c, p) })
		rows := all(c.Input, ticks, 0)
		seen := 0
		for i, tick := range ticks {
			seen += len(got.Ticks[i].Rows)
			if want := windowOracle(&c, out, rows, tick.CTI); seen != len(want) {
				t.Fatalf("after tick %d with CTI %d: %d rows, want %d", i, tick.CTI, seen, len(want))
			}
			if want := oldestOpen(&c, tick.CTI); got.Ticks[i].CTI != want {
				t.Fatalf("tick %d: CTI %d becomes %d, want %d", i, tick.CTI, got.Ticks[i].CTI, want)
			}
		}
		want := windowOracle(&c, out, rows, frame.MaxCTI)
		if !slices.Equal(got.Rows(), want) {
			sameRows(t, got.Rows(), want)
			t.Fatalf("rows are right, their order is not: %q", got.Rows())
		}
	})
}

func oldestOpen(c *WindowConfig, cti frame.CTI) frame.CTI {
	if cti == frame.MaxCTI {
		return cti
	}
	for k := int64(-1000); ; k++ {
		if start := k * c.hop(); frame.CTI(start+c.SizeUs) > cti {
			return frame.CTI(start)
		}
	}
}

// Folding the rows of ticks in any order and merging them is executing them; what was discarded never was.
func TestWindowFolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawWindow(t)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		ticks := vertextest.Random(seed, []*batch.Schema{c.Input}, 5, 30, 50)
		straight, folded := mustWindow(t, c), mustWindow(t, c)
		fold := func(i int) {
			rows, tick := ticks[i].Rows[0], frame.Tick(i+1)
			if rapid.Bool().Draw(t, "discard") {
				half := rows.Slice(0, rows.N/2)
				mustDo(t, folded.Fold(tick, 0, &half))
				folded.Discard(tick)
			}
			cut := rapid.IntRange(0, rows.N).Draw(t, "cut")
			second, first := rows.Slice(cut, rows.N), rows.Slice(0, cut)
			mustDo(t, folded.Fold(tick, 0, &second))
			mustDo(t, folded.Fold(tick, 0, &first))
		}
		ahead := 0
		for i, tick := range ticks {
			for ahead <= i || (ahead < len(ticks) && rapid.Bool().Draw(t, "ahead")) {
				fold(ahead)
				ahead++
			}
			box := func() *vertex.Outbox { return vertex.NewOutbox(out, 1<<20, 1<<30, nil) }
			a, b := box(), box()
			if _, err := straight.Execute(0, tick.Rows[0], a); err != nil {
				t.Fatal(err)
			}
			mustDo(t, folded.Merge(frame.Tick(i+1)))
			for _, x := range []struct {
				w   *Window
				box *vertex.Outbox
			}{{straight, a}, {folded, b}} {
				if _, done, err := x.w.Close(tick.CTI, x.box); !done || err != nil {
					t.Fatalf("close: %v, %v", done, err)
				}
			}
			va, vb := a.Rows.View(), b.Rows.View()
			for r := range max(va.N, vb.N) {
				if va.N != vb.N || vertextest.Row(va, r) != vertextest.Row(vb, r) {
					t.Fatalf("tick %d: executed gives %d rows, folded %d; first difference at %d", i, va.N, vb.N, r)
				}
			}
		}
	})
}

func mustWindow(t *rapid.T, c WindowConfig) *Window {
	w, err := NewWindow(c, state.NewHeapPages(0))
	mustDo(t, err)
	return w
}

func mustDo(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func TestWindowConfigComplains(t *testing.T) {
	s := keyedSchema(false)
	agg := func(a ...Aggregate) WindowConfig { return WindowConfig{Input: s, SizeUs: 1, Aggregates: a} }
	for name, c := range map[string]WindowConfig{
		"no size":       {Input: s},
		"negative hop":  {Input: s, SizeUs: 1, HopUs: -1},
		"huge":          {Input: s, SizeUs: windowMaxUs + 1},
		"too many":      {Input: s, SizeUs: windowsPerRowMax*2 + 2, HopUs: 2},
		"key":           {Input: s, SizeUs: 1, Keys: []int{9}},
		"changelog":     {Input: &batch.Schema{HasDiff: true}, SizeUs: 1},
		"column":        agg(Aggregate{Sum, 9, "s"}),
		"all":           agg(Aggregate{Sum, AllRows, "s"}),
		"sum of text":   agg(Aggregate{Sum, 0, "s"}),
		"avg of time":   agg(Aggregate{Avg, 5, "s"}),
		"min of text":   agg(Aggregate{Min, 0, "s"}),
		"count_if of n": agg(Aggregate{CountIf, 1, "s"}),
		"function":      agg(Aggregate{77, 1, "s"}),
		"no name":       agg(Aggregate{Count, AllRows, ""}),
		"same name":     agg(Aggregate{Count, AllRows, "a"}, Aggregate{Count, 1, "a"}),
		"cells":         agg(slices.Repeat([]Aggregate{{Sum, 8, "a"}}, 20)...),
	} {
		if _, err := NewWindow(c, state.NewHeapPages(0)); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWindowRefusesWhatDoesNotFit(t *testing.T) {
	s := &batch.Schema{Fields: []batch.Field{{Name: "n", Kind: batch.Int64}}}
	c := WindowConfig{Input: s, SizeUs: 10, Aggregates: []Aggregate{{Sum, 0, "total"}}}
	out, _ := c.Output()
	box := vertex.NewOutbox(out, 10, 1<<20, nil)
	w, err := NewWindow(c, state.NewHeapPages(0))
	if err != nil {
		t.Fatal(err)
	}
	big := vertextest.Rows(s, []any{1, math.MaxInt64}, []any{2, 1})
	if _, err := w.Execute(0, big, box); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Close(10, box); err == nil || !strings.Contains(err.Error(), `sum "total" is 9223372036854775808`) {
		t.Errorf("a sum beyond int64: %v", err)
	}
	if _, err := w.Execute(0, vertextest.Rows(s, []any{timeMax + 1, 0}), box); err == nil {
		t.Error("a row beyond all time was taken")
	}
	small, err := NewWindow(c, state.NewHeapPages(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := small.Execute(0, big, box); !errors.Is(err, state.ErrFull) {
		t.Errorf("without memory: %v, want %v", err, state.ErrFull)
	}
}
