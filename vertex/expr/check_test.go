package expr

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
)

func TestComplaintsOfCompile(t *testing.T) {
	deep := Col("b")
	for range maxDepth + 1 {
		deep = deep.Not()
	}
	for want, e := range map[string]Expr{
		`no column "delai"; have b, bn, i, in, j, f, fn, t, tn, s, sn, y`:                                       Col("delai").Gt(Int(1)),
		"i + s: + cannot be computed with int64 and string":                                                     Col("i").Add(Col("s")),
		"-s: - cannot be computed with string":                                                                  Col("s").Neg(),
		"t * i: * cannot be computed with timestamp and int64 (a timestamp can be cast to int64, microseconds)": Col("t").Mul(Col("i")),
		"i - t: - cannot be computed with int64 and timestamp":                                                  Col("i").Sub(Col("t")),
		"f // i: // cannot be computed with float64 and int64":                                                  Col("f").FloorDiv(Col("i")),
		"f % f: % cannot be computed with float64":                                                              Col("f").Mod(Col("f")),
		"t < i: cannot compare timestamp and int64 (a time":                                                     Col("t").Lt(Col("i")),
		"s = y: cannot compare string and bytes":                                                                Col("s").Eq(Col("y")),
		"LEAST(i, s): cannot compare int64 and string":                                                          Least(Col("i"), Col("s")),
		"i AND b: i is int64, want bool":                                                                        Col("i").And(Col("b")),
		"NOT i: i is int64, want bool":                                                                          Col("i").Not(),
		"CASE WHEN i THEN 1 ELSE 2 END: i is int64, want bool":                                                  If(Col("i"), Int(1), Int(2)),
		"ELSE 'x' END: cannot be int64 and string at once":                                                      If(Col("b"), Int(1), Str("x")),
		"COALESCE(i, t): cannot be int64 and timestamp":                                                         Coalesce(Col("i"), Col("t")),
		"CAST(b AS float64): bool cannot be cast to float64":                                                    Col("b").Cast(batch.Float64),
		"CAST(i AS kind 77): int64 cannot be cast to kind 77":                                                   Col("i").Cast(77),
		"kind 77 is no kind":                                                                                    Null(77),
		"none given":                                                                                            Col("i").Add(Expr{}),
		"nested deeper than 10000":                                                                              deep,
	} {
		if _, err := Compile(e, wide); !errors.Is(err, ErrType) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %.200v, want %q", err, want)
		}
	}
	many := &batch.Schema{}
	for i := range 30 {
		many.Fields = append(many.Fields, batch.Field{Name: fmt.Sprint("c", i), Kind: batch.Int64})
	}
	if _, err := Compile(Col("x"), many); err == nil || !strings.HasSuffix(err.Error(), "c19, … (30 in all)") {
		t.Errorf("got %v", err)
	}
	if _, err := Compile(Col("x"), &batch.Schema{}); err == nil || !strings.HasSuffix(err.Error(), "have no columns") {
		t.Errorf("got %v", err)
	}
}

func TestKindsAndNulls(t *testing.T) {
	for _, test := range []struct {
		e        Expr
		kind     batch.Kind
		nullable bool
	}{
		{Col("i").Add(Col("f")), batch.Float64, false},
		{Col("in").Mul(Int(2)), batch.Int64, true},
		{Col("t").Add(Int(1)), batch.Timestamp, false},
		{Int(1).Add(Col("t")), batch.Timestamp, false},
		{Vs().Sub(Col("t")), batch.Int64, false},
		{Col("in").IsNull(), batch.Bool, false},
		{Coalesce(Col("in"), Int(0)), batch.Int64, false},
		{Coalesce(Col("in"), Col("fn")), batch.Float64, true},
		{Least(Col("in"), Col("i")), batch.Int64, false},
		{If(Col("bn"), Col("i"), Int(0)), batch.Int64, false},
		{If(Col("b"), Col("in"), Float(0)), batch.Float64, true},
		{Col("bn").And(Bool(false)), batch.Bool, true},
		{Null(batch.String), batch.String, true},
		{Col("sn").Cast(batch.Int64), batch.Int64, true},
	} {
		p, err := Compile(test.e, wide)
		if err != nil || p.Kind() != test.kind || p.Nullable() != test.nullable {
			t.Errorf("%v: got %v, %v", test.e, p, err)
		}
	}
}

// one evaluates e over a single row of wide.
func one(e Expr, set func(b *batch.Builder)) error {
	b := batch.NewBuilder(wide)
	b.AppendTime(1_000_000, 2_000_000, 1)
	for i := range b.Cols {
		c := &b.Cols[i]
		if c.Nullable {
			c.AppendNull()
			continue
		}
		switch c.Kind {
		case batch.Bool:
			c.AppendBool(false)
		case batch.Float64:
			c.AppendFloat64(0)
		case batch.String, batch.Bytes:
			c.AppendBytes(nil)
		default:
			c.AppendInt64(0)
		}
	}
	set(b)
	p, err := Compile(e, wide)
	if err != nil {
		return err
	}
	return p.Eval(b.View(), &batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "x", Kind: p.Kind(), Nullable: true}}}).Cols[0])
}

func TestRowErrorsNameEverything(t *testing.T) {
	i, j, f, s := Col("i"), Col("j"), Col("f"), Col("s")
	set := func(a, b int64, x float64, text string) func(*batch.Builder) {
		return func(r *batch.Builder) {
			r.Cols[2].I64[0], r.Cols[4].I64[0], r.Cols[5].F64[0] = a, b, x
			r.Cols[9].Offs = r.Cols[9].Offs[:1]
			r.Cols[9].AppendString(text)
			r.Cols[11].Offs = r.Cols[11].Offs[:1]
			r.Cols[11].AppendString(text)
		}
	}
	for _, test := range []struct {
		e    Expr
		set  func(*batch.Builder)
		want string
	}{
		{i.Add(j), set(math.MaxInt64, 1, 0, ""), "i + j: integer overflow: 9223372036854775807 + 1"},
		{i.Sub(j).Gt(Int(0)), set(math.MinInt64, 1, 0, ""), "i - j: integer overflow: -9223372036854775808 - 1"},
		{i.Mul(j), set(1<<40, 1<<40, 0, ""), "i * j: integer overflow: 1099511627776 * 1099511627776"},
		{i.Neg(), set(math.MinInt64, 0, 0, ""), "-i: integer overflow: -(-9223372036854775808)"},
		{i.Div(j), set(5, 0, 0, ""), "i / j: division by zero: 5 / 0"},
		{i.FloorDiv(j), set(math.MinInt64, -1, 0, ""), "i // j: integer overflow"},
		{i.Mod(j), set(5, 0, 0, ""), "i % j: division by zero: 5 % 0"},
		{Float(1).Div(f), set(0, 0, 0, ""), "1.0 / f: division by zero: 1 / 0"},
		{f.Cast(batch.Int64), set(0, 0, math.NaN(), ""), "CAST(f AS int64): NaN is outside the integers"},
		{s.Cast(batch.Int64), set(0, 0, 0, "1x"), `CAST(s AS int64): "1x" is no integer`},
		{s.Cast(batch.Float64), set(0, 0, 0, ""), `"" is no number`},
		{s.Cast(batch.Bool), set(0, 0, 0, "yes"), `"yes" is neither true nor false`},
		{s.Cast(batch.Timestamp), set(0, 0, 0, strings.Repeat("9", 70)), `"` + strings.Repeat("9", 60) + `"… is no time (want`},
		{Col("y").Cast(batch.String), set(0, 0, 0, "\xff"), `CAST(y AS string): "\xff" is not UTF-8`},
		{Vs().Add(i), set(math.MaxInt64, 0, 0, ""), "vs + i: integer overflow: 1970-01-01T00:00:01Z + 9223372036854775807"},
	} {
		err := one(test.e, test.set)
		var row *RowError
		if !errors.As(err, &row) || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "event at 1970-01-01T00:00:01Z: ") {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func TestErrorsInRowsThatNobodyLooksAt(t *testing.T) {
	bad := Int(1).Div(Col("i")) // i is 0
	isBad := bad.Gt(Int(0))
	none := func(*batch.Builder) {}
	for e, fails := range map[Expr]bool{
		isBad:                                         true,
		Bool(false).And(isBad):                        false,
		Bool(true).And(isBad):                         true,
		Null(batch.Bool).And(isBad):                   true,
		isBad.And(Bool(false)):                        true,
		Bool(true).Or(isBad):                          false,
		Bool(false).Or(isBad):                         true,
		If(Bool(true), Int(1), bad):                   false,
		If(Null(batch.Bool), bad, Int(1)):             false,
		If(Bool(false), Int(1), bad):                  true,
		Coalesce(Int(1), bad):                         false,
		Coalesce(Null(batch.Int64), bad):              true,
		Null(batch.Int64).Div(Int(0)):                 false,
		If(Bool(false), Str("x").Cast(1), Bool(true)): false,
	} {
		if err := one(e, none); (err != nil) != fails {
			t.Errorf("%v: got %v, want an error: %v", e, err, fails)
		}
	}
}

func TestMixedUpCallers(t *testing.T) {
	p, err := Compile(Col("in"), wide)
	if err != nil {
		t.Fatal(err)
	}
	empty := batch.NewBuilder(wide).View()
	out := func(k batch.Kind, nullable bool) *batch.ColumnBuilder {
		return &batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "x", Kind: k, Nullable: nullable}}}).Cols[0]
	}
	if err := p.Eval(empty, out(batch.Float64, true)); !errors.Is(err, ErrType) {
		t.Errorf("another kind: got %v", err)
	}
	if err := p.Eval(empty, out(batch.Int64, false)); !errors.Is(err, ErrType) {
		t.Errorf("nulls into a column without: got %v", err)
	}
	other := batch.NewBuilder(&batch.Schema{Fields: wide.Fields[:3]}).View()
	if err := p.Eval(other, out(batch.Int64, true)); !errors.Is(err, ErrType) {
		t.Errorf("another schema: got %v", err)
	}
	if _, err := p.Select(empty, nil); !errors.Is(err, ErrType) {
		t.Errorf("selecting by an integer: got %v", err)
	}
	copied := *wide
	same := batch.NewBuilder(&copied).View()
	if err := p.Eval(same, out(batch.Int64, true)); err != nil {
		t.Errorf("an equal schema: got %v", err)
	}
}
