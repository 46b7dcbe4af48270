package expr

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// wide is a schema with a column of each kind, with and without nulls.
var wide = &batch.Schema{HasVe: true, Fields: []batch.Field{
	{Name: "b", Kind: batch.Bool}, {Name: "bn", Kind: batch.Bool, Nullable: true},
	{Name: "i", Kind: batch.Int64}, {Name: "in", Kind: batch.Int64, Nullable: true}, {Name: "j", Kind: batch.Int64},
	{Name: "f", Kind: batch.Float64}, {Name: "fn", Kind: batch.Float64, Nullable: true},
	{Name: "t", Kind: batch.Timestamp}, {Name: "tn", Kind: batch.Timestamp, Nullable: true},
	{Name: "s", Kind: batch.String}, {Name: "sn", Kind: batch.String, Nullable: true},
	{Name: "y", Kind: batch.Bytes},
}}

var (
	someInts   = []int64{0, 1, -1, 2, 7, 8, -8, 15, 60, math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 1 << 32, 3_600_000_000}
	someFloats = []float64{0, math.Copysign(0, -1), 1, -1, 0.5, 1.5, 2.5, 1e300, -1e300, math.NaN(), math.Inf(1), math.Inf(-1), 1 << 63}
	someTexts  = []string{"", "a", "ATL", "ATLAS", "12", "-7", "1.5", "true", "zürich"}
)

func drawValue(t *rapid.T, c *batch.ColumnBuilder) {
	if c.Nullable && rapid.IntRange(0, 2).Draw(t, "null") == 0 {
		c.AppendNull()
		return
	}
	switch c.Kind {
	case batch.Bool:
		c.AppendBool(rapid.Bool().Draw(t, "bool"))
	case batch.Float64:
		c.AppendFloat64(rapid.SampledFrom(someFloats).Draw(t, "float"))
	case batch.Timestamp:
		c.AppendInt64(rapid.Int64Range(0, 1<<50).Draw(t, "time"))
	case batch.Int64:
		c.AppendInt64(rapid.SampledFrom(someInts).Draw(t, "int"))
	default:
		c.AppendString(rapid.SampledFrom(someTexts).Draw(t, "text"))
	}
	c.SetValid(true)
}

func drawBatch(t *rapid.T, maxRows int) *batch.Batch {
	b := batch.NewBuilder(wide)
	n := rapid.IntRange(0, maxRows).Draw(t, "rows")
	for range n {
		vs := rapid.Int64Range(0, 1<<50).Draw(t, "vs")
		b.AppendTime(vs, vs+rapid.Int64Range(1, 1000).Draw(t, "length"), 1)
		for i := range b.Cols {
			drawValue(t, &b.Cols[i])
		}
	}
	return b.View()
}

// drawExpr draws an expression of kind k.
func drawExpr(t *rapid.T, k batch.Kind, depth int) Expr {
	sub := func(k batch.Kind) Expr { return drawExpr(t, k, depth-1) }
	switch choice := rapid.IntRange(0, 9).Draw(t, "shape"); {
	case depth <= 0 || choice < 2:
		return drawLeaf(t, k)
	case choice == 2:
		return If(sub(batch.Bool), sub(k), sub(k))
	case choice == 3:
		return Coalesce(sub(k), sub(k), sub(k))
	case choice == 4:
		return rapid.SampledFrom([]func(Expr, ...Expr) Expr{Least, Greatest}).Draw(t, "extreme")(sub(k), sub(k), sub(k))
	}
	switch k {
	case batch.Bool:
		return drawCondition(t, depth)
	case batch.Int64:
		switch rapid.IntRange(0, 9).Draw(t, "int") {
		case 0:
			return sub(batch.Int64).Neg()
		case 1:
			return sub(batch.Timestamp).Sub(sub(batch.Timestamp))
		case 2:
			return sub(rapid.SampledFrom([]batch.Kind{batch.Bool, batch.Float64, batch.Timestamp, batch.String}).Draw(t, "from")).Cast(k)
		}
		f := rapid.SampledFrom([]func(a, b Expr) Expr{Expr.Add, Expr.Sub, Expr.Mul, Expr.Div, Expr.FloorDiv, Expr.Mod}).Draw(t, "op")
		return f(sub(k), sub(k))
	case batch.Float64:
		switch rapid.IntRange(0, 6).Draw(t, "float") {
		case 0:
			return sub(k).Neg()
		case 1:
			return sub(rapid.SampledFrom([]batch.Kind{batch.Int64, batch.String}).Draw(t, "from")).Cast(k)
		}
		f := rapid.SampledFrom([]func(a, b Expr) Expr{Expr.Add, Expr.Sub, Expr.Mul, Expr.Div}).Draw(t, "op")
		return f(sub(k), sub(rapid.SampledFrom([]batch.Kind{k, batch.Int64}).Draw(t, "right")))
	case batch.Timestamp:
		f := rapid.SampledFrom([]func(a, b Expr) Expr{Expr.Add, Expr.Sub}).Draw(t, "op")
		return f(sub(k), sub(batch.Int64))
	case batch.Bytes:
		return sub(batch.String).Cast(k)
	default:
		return sub(rapid.SampledFrom([]batch.Kind{batch.Bool, batch.Int64, batch.Float64, batch.Timestamp, batch.Bytes}).Draw(t, "from")).Cast(batch.String)
	}
}

func drawCondition(t *rapid.T, depth int) Expr {
	sub := func(k batch.Kind) Expr { return drawExpr(t, k, depth-1) }
	anyKind := rapid.SampledFrom([]batch.Kind{batch.Bool, batch.Int64, batch.Float64, batch.Timestamp, batch.String})
	switch rapid.IntRange(0, 5).Draw(t, "condition") {
	case 0:
		return sub(batch.Bool).And(sub(batch.Bool))
	case 1:
		return sub(batch.Bool).Or(sub(batch.Bool))
	case 2:
		return sub(batch.Bool).Not()
	case 3:
		return sub(anyKind.Draw(t, "of")).IsNull()
	}
	f := rapid.SampledFrom([]func(a, b Expr) Expr{Expr.Eq, Expr.Ne, Expr.Lt, Expr.Le, Expr.Gt, Expr.Ge}).Draw(t, "compare")
	k := anyKind.Draw(t, "of")
	return f(sub(k), sub(k))
}

func drawLeaf(t *rapid.T, k batch.Kind) Expr {
	leaves := map[batch.Kind][]Expr{
		batch.Bool:      {Bool(true), Bool(false)},
		batch.Int64:     {Int(rapid.SampledFrom(someInts).Draw(t, "int"))},
		batch.Float64:   {Float(rapid.SampledFrom(someFloats).Draw(t, "float"))},
		batch.Timestamp: {Vs(), Ve()},
		batch.String:    {Str(rapid.SampledFrom(someTexts).Draw(t, "text"))},
	}[k]
	for _, f := range wide.Fields {
		if f.Kind == k {
			leaves = append(leaves, Col(f.Name), Col(f.Name))
		}
	}
	return rapid.SampledFrom(append(leaves, Null(k))).Draw(t, "leaf")
}

// sliceRandomly cuts b at odd places, so that bits begin inside bytes.
func sliceRandomly(t *rapid.T, b *batch.Batch) *batch.Batch {
	from := rapid.IntRange(0, b.N).Draw(t, "from")
	s := b.Slice(from, rapid.IntRange(from, b.N).Draw(t, "to"))
	return &s
}

func equalValues(a, b value) bool {
	if a.null || b.null {
		return a.null == b.null
	}
	if a.kind != b.kind {
		return false
	}
	if a.kind == batch.Float64 { // the very bits, but for those of NaN
		return math.Float64bits(a.f) == math.Float64bits(b.f) || a.f != a.f && b.f != b.f
	}
	return a.i == b.i && a.s == b.s
}

func TestProgramsAgreeWithTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom([]batch.Kind{batch.Bool, batch.Int64, batch.Float64, batch.Timestamp, batch.String}).Draw(t, "kind")
		e := drawExpr(t, k, 4)
		p, err := Compile(e, wide)
		if err != nil {
			t.Fatalf("%v: %v", e, err)
		}
		if p.Kind() != k {
			t.Fatalf("%v: kind %v, want %v", e, p.Kind(), k)
		}
		for range 2 { // the second time with used scratch
			checkAgainstOracle(t, e, p, sliceRandomly(t, drawBatch(t, 20)))
		}
	})
}

func checkAgainstOracle(t *rapid.T, e Expr, p *Program, b *batch.Batch) {
	var want []value
	failing := map[int]bool{}
	for i := range b.N {
		v, err := oracle(e, b, i)
		if v.kind = p.Kind(); err != nil {
			failing[i] = true
		}
		want = append(want, v)
	}
	out := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "x", Kind: p.Kind(), Nullable: p.Nullable()}}})
	err := p.Eval(b, &out.Cols[0])
	if len(failing) > 0 {
		var row *RowError
		if !errors.As(err, &row) || !failing[row.Row] || row.Vs != b.Vs[row.Row] {
			t.Fatalf("%v: got %v, want an error in one of the rows %v", e, err, failing)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v: %v", e, err)
	}
	out.Vs = append(out.Vs, b.Vs...)
	got := &out.View().Cols[0]
	for i := range want {
		if g := cell(got, i); !equalValues(g, want[i]) {
			t.Fatalf("%v: row %d: got %v, want %v", e, i, g, want[i])
		}
	}
	if p.Kind() != batch.Bool {
		return
	}
	sel, err := p.Select(b, []int32{-1})
	if err != nil {
		t.Fatal(err)
	}
	at := 1
	for i, v := range want {
		if !v.null && v.i != 0 {
			if at >= len(sel) || sel[at] != int32(i) {
				t.Fatalf("%v: selected %v, want row %d at %d", e, sel, i, at)
			}
			at++
		}
	}
	if at != len(sel) || sel[0] != -1 {
		t.Fatalf("%v: selected %v, want %d", e, sel, at)
	}
}
