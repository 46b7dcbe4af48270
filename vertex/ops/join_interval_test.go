package ops

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

func intervalOracle(c *IntervalJoinConfig, out *batch.Schema, left, right *batch.Batch) []string {
	b := batch.NewBuilder(out)
	var rows []string
	for l := range left.N {
		lk := string(partition.AppendKey(nil, left, c.LeftKeys, l))
		for r := range right.N {
			if partition.HasNull(left, c.LeftKeys, l) || lk != string(partition.AppendKey(nil, right, c.RightKeys, r)) {
				continue
			}
			if d := right.Vs[r] - left.Vs[l]; d < c.LowerUs || d > c.UpperUs {
				continue
			}
			b.AppendTime(max(left.Vs[l], right.Vs[r]), 0, 1)
			for i, col := range c.Columns {
				if col.Side == Left {
					b.Cols[i].AppendFrom(&left.Cols[col.Column], l)
				} else {
					b.Cols[i].AppendFrom(&right.Cols[col.Column], r)
				}
			}
			rows = append(rows, show(b))
		}
	}
	return rows
}

func TestIntervalJoinAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SampledFrom(joinKeys).Draw(t, "keys")
		c := IntervalJoinConfig{
			Left: keyedSchema(rapid.Bool().Draw(t, "left lives")), Right: keyedSchema(rapid.Bool().Draw(t, "right lives")),
			LeftKeys: keys, RightKeys: keys,
			LowerUs: rapid.Int64Range(-40, 40).Draw(t, "lower"),
		}
		c.UpperUs = c.LowerUs + rapid.Int64Range(0, 40).Draw(t, "width")
		for _, col := range rapid.SliceOfNDistinct(rapid.IntRange(0, 17), 0, 12, rapid.ID[int]).Draw(t, "columns") {
			c.Columns = append(c.Columns, JoinColumn{Side: Side(col / 9), Column: col % 9, Name: string(rune('a' + col))})
		}
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		in := []*batch.Schema{c.Left, c.Right}
		got, ticks := verify(t, in, out, func(p state.Pages) (vertex.Vertex, error) { return NewIntervalJoin(c, p) })
		sameRows(t, got.Rows(), intervalOracle(&c, out, all(c.Left, ticks, 0), all(c.Right, ticks, 1)))
	})
}

func TestIntervalJoinForgets(t *testing.T) {
	s, pages := keyedSchema(false), state.NewHeapPages(0)
	for _, bounds := range [][2]int64{{-50, -10}, {-10, 20}, {30, 60}} {
		j, err := NewIntervalJoin(IntervalJoinConfig{Left: s, Right: s, LowerUs: bounds[0], UpperUs: bounds[1]}, pages)
		if err != nil {
			t.Fatal(err)
		}
		out := vertex.NewOutbox(&batch.Schema{}, 10, 1<<20, func(*batch.Builder) bool { return true })
		row := batch.NewBuilder(&batch.Schema{})
		row.AppendTime(100, 101, 1)
		for port := range 2 {
			if n, err := j.Execute(port, row.View(), out); n != 1 || err != nil {
				t.Fatalf("%v: took %d rows: %v", bounds, n, err)
			}
		}
		// Nothing from 161 on can meet the left row, nothing from 151 on the right one.
		if _, done, err := j.Close(161, out); !done || err != nil {
			t.Fatalf("%v: close: %v, %v", bounds, done, err)
		}
		if pages.Used() != 0 {
			t.Errorf("%v: %d bytes held after all could have met", bounds, pages.Used())
		}
		row.Reset()
		row.AppendTime(timeMax+1, 0, 1)
		if _, err := j.Execute(0, row.View(), out); err == nil {
			t.Errorf("%v: a row beyond all time was taken", bounds)
		}
	}
}

func TestIntervalJoinConfigComplains(t *testing.T) {
	s := keyedSchema(false)
	for _, c := range []IntervalJoinConfig{
		{Left: s, Right: s, LowerUs: 1, UpperUs: 0},
		{Left: s, Right: s, LowerUs: -windowMaxUs - 1},
		{Left: s, Right: s, UpperUs: windowMaxUs + 1},
		{Left: s, Right: s, LeftKeys: []int{1}},
		{Left: s, Right: s, Columns: []JoinColumn{{Left, 77, ""}}},
	} {
		if _, err := NewIntervalJoin(c, state.NewHeapPages(0)); !errors.Is(err, ErrConfig) {
			t.Errorf("%d to %d, keys %v: %v", c.LowerUs, c.UpperUs, c.LeftKeys, err)
		}
	}
}
