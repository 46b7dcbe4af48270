package expr

import (
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
)

var plain = &batch.Schema{Fields: []batch.Field{
	{Name: "a", Kind: batch.Int64}, {Name: "b", Kind: batch.Int64}, {Name: "n", Kind: batch.Int64, Nullable: true},
	{Name: "f", Kind: batch.Float64}, {Name: "s", Kind: batch.String},
}}

func plainRows(n int) *batch.Batch {
	b := batch.NewBuilder(plain)
	for i := range n {
		b.AppendTime(int64(i), 0, 1)
		b.Cols[0].AppendInt64(int64(i * 7919 % 100))
		b.Cols[1].AppendInt64(int64(i%13 + 1))
		b.Cols[2].AppendInt64(int64(i))
		b.Cols[2].SetValid(i%4 != 0)
		b.Cols[3].AppendFloat64(float64(i % 17))
		b.Cols[4].AppendString([]string{"ATL", "JFK", "LAX"}[i%3])
	}
	return b.View()
}

// programs are those of the benchmark and of the test that nothing is allocated.
var programs = []struct {
	name string
	e    Expr
}{
	{"a > 50", Col("a").Gt(Int(50))},
	{"a + b", Col("a").Add(Col("b"))},
	{"a * b", Col("a").Mul(Col("b"))},
	{"a // 8", Col("a").FloorDiv(Int(8))},
	{"a // b", Col("a").FloorDiv(Col("b"))},
	{"greatest", Greatest(Int(30).Add(Col("a").FloorDiv(Int(8))).Add(Col("b")), Int(0))},
	{"n + 1", Col("n").Add(Int(1))},
	{"f < 3.5", Col("f").Lt(Float(3.5))},
	{"s = 'ATL'", Col("s").Eq(Str("ATL"))},
	{"and", Col("a").Gt(Int(50)).And(Col("b").Lt(Int(5)))},
	{"if", If(Col("a").Gt(Int(50)), Col("a"), Col("b"))},
	{"coalesce", Coalesce(Col("n"), Int(0))},
	{"text", Col("a").Cast(batch.String).Cast(batch.Int64)},
	{"choose text", If(Col("a").Gt(Int(50)), Col("s"), Str("none"))},
}

func TestProgramsAllocateNothing(t *testing.T) {
	in := plainRows(5000)
	for _, test := range programs {
		p, err := Compile(test.e, plain)
		if err != nil {
			t.Fatal(err)
		}
		out := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "x", Kind: p.Kind(), Nullable: true}}})
		var sel []int32
		got := testing.AllocsPerRun(10, func() {
			out.Reset()
			if err = p.Eval(in, &out.Cols[0]); err == nil && p.Kind() == batch.Bool {
				sel, err = p.Select(in, sel[:0])
			}
		})
		if got != 0 || err != nil {
			t.Errorf("%v: %v allocations, %v", test.e, got, err)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	in := plainRows(4096)
	for _, test := range programs {
		b.Run(test.name, func(b *testing.B) {
			p, err := Compile(test.e, plain)
			if err != nil {
				b.Fatal(err)
			}
			out := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "x", Kind: p.Kind(), Nullable: p.Nullable()}}})
			for b.Loop() {
				out.Reset()
				if err := p.Eval(in, &out.Cols[0]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(in.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

func BenchmarkSelect(b *testing.B) {
	in := plainRows(4096)
	p, err := Compile(Col("a").Gt(Int(50)), plain)
	if err != nil {
		b.Fatal(err)
	}
	var sel []int32
	for b.Loop() {
		if sel, err = p.Select(in, sel[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(in.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
