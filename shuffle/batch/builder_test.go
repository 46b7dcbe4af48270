package batch

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSlicesOfSlices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawRows(t, drawSchema(t), 40).View()
		want := rowsOf(b)
		from := rapid.IntRange(0, b.N).Draw(t, "from")
		to := rapid.IntRange(from, b.N).Draw(t, "to")
		s := b.Slice(from, to)
		if got := rowsOf(&s); !slices.Equal(got, want[from:to]) {
			t.Fatalf("got %v, want %v", got, want[from:to])
		}
		again := rapid.IntRange(0, s.N).Draw(t, "again")
		s.SliceInto(&s, again, s.N) // in place
		if got := rowsOf(&s); !slices.Equal(got, want[from+again:to]) {
			t.Fatalf("again: got %v, want %v", got, want[from+again:to])
		}
	})
}

// nullable is s with every column nullable: what a union of inputs appends to.
func nullable(s *Schema) *Schema {
	n := &Schema{HasVe: true, HasDiff: true, Fields: slices.Clone(s.Fields)}
	for i := range n.Fields {
		n.Fields[i].Nullable = true
	}
	return n
}

func TestAppendsAgreeRowByRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchema(t)
		into := s
		if rapid.Bool().Draw(t, "into nullable") {
			into = nullable(s)
		}
		ranges, sels, rows := NewBuilder(into), NewBuilder(into), NewBuilder(into)
		for range 3 { // so that the targets' bits begin inside a byte, too
			src := cutOff(t, drawRows(t, s, 30).View())
			sel := drawSel(t, src.N)
			ranges.AppendBatch(src, 0, src.N)
			for _, i := range sel {
				ranges.AppendBatch(src, int(i), int(i)+1)
			}
			all := []int32{}
			for i := range src.N {
				all = append(all, int32(i))
			}
			sels.AppendSel(src, all)
			sels.AppendSel(src, sel)
			for _, i := range append(all, sel...) {
				diff := int64(1)
				if src.Diff != nil {
					diff = src.Diff[i]
				}
				rows.AppendTime(src.Vs[i], src.End(int(i)), diff)
				for k := range rows.Cols {
					rows.Cols[k].AppendFrom(&src.Cols[k], int(i))
				}
			}
		}
		want := rowsOf(rows.View())
		for name, b := range map[string]*Builder{"ranges": ranges, "selections": sels, "rows": rows} {
			if err := b.Check(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := rowsOf(b.View()); !slices.Equal(got, want) {
				t.Fatalf("%s: got %v, want %v", name, got, want)
			}
		}
	})
}

func TestBitsAsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Bool(), 0, 200).Draw(t, "bits")
		c := ColumnBuilder{Kind: Bool, Nullable: true}
		for left := want; len(left) > 0; { // in runs, so that bytes meet bits at any offset
			n := rapid.IntRange(1, len(left)).Draw(t, "run")
			v := make([]uint8, n)
			for i := range v {
				if left[i] {
					v[i] = 1
				}
			}
			c.AppendBools(v)
			c.SetValids(n, v)
			left = left[n:]
		}
		v := c.view(len(want))
		from := rapid.IntRange(0, len(want)).Draw(t, "from")
		got := make([]uint8, len(want)-from)
		all := v.Bools().Slice(from).Unpack(got)
		if len(want) == 0 {
			return
		}
		for i, g := range got {
			if (g == 1) != want[from+i] || v.Null(from+i) == want[from+i] {
				t.Fatalf("bit %d: got %d, null %v, want %v", from+i, g, v.Null(from+i), want[from+i])
			}
		}
		if all == slices.Contains(want[from:], false) {
			t.Fatalf("all %v of %v", all, want[from:])
		}
		to, ones := rapid.IntRange(from, len(want)).Draw(t, "to"), 0
		for _, w := range want[from:to] {
			if w {
				ones++
			}
		}
		if n := v.Bools().Count(from, to); n != ones {
			t.Fatalf("%d ones among %v, want %d", n, want[from:to], ones)
		}
	})
}

func TestAbsentBitsAreOnes(t *testing.T) {
	got := make([]uint8, 11)
	if all := (Bitmap{}).Slice(3).Unpack(got); !all || slices.Contains(got, 0) {
		t.Fatalf("got %v %v", all, got)
	}
}

func TestResetKeepsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchema(t)
		used, fresh := drawRows(t, s, 20), NewBuilder(s)
		used.Reset()
		src := drawRows(t, s, 20).View()
		used.AppendBatch(src, 0, src.N)
		fresh.AppendBatch(src, 0, src.N)
		if got, want := rowsOf(used.View()), rowsOf(fresh.View()); !slices.Equal(got, want) || used.Bytes() != fresh.Bytes() {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestCheckFindsUnequalColumns(t *testing.T) {
	s := &Schema{HasVe: true, HasDiff: true, Fields: []Field{{"a", Int64, true}, {"b", Bool, false}, {"c", String, false}, {"d", Float64, false}}}
	for want, spoil := range map[string]func(b *Builder){
		`of ve`:               func(b *Builder) { b.Ve = b.Ve[:0] },
		`of diff`:             func(b *Builder) { b.Diff = append(b.Diff, 1) },
		`0 of column "a"`:     func(b *Builder) { b.Cols[0].I64 = nil },
		`"a" are marked null`: func(b *Builder) { b.Cols[0].SetValid(true) },
		`2 of column "b"`:     func(b *Builder) { b.Cols[1].AppendBool(true) },
		`2 of column "c"`:     func(b *Builder) { b.Cols[2].AppendString("x") },
		`2 of column "d"`:     func(b *Builder) { b.Cols[3].AppendFloat64(1) },
	} {
		b := NewBuilder(s)
		b.AppendTime(1, 2, 1)
		b.Cols[0].AppendNull()
		b.Cols[1].AppendBool(true)
		b.Cols[2].AppendString("x")
		b.Cols[3].AppendFloat64(1)
		if err := b.Check(); err != nil {
			t.Fatal(err)
		}
		spoil(b)
		if err := b.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
