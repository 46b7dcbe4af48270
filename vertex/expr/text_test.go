package expr

import (
	"math"
	"testing"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
)

func TestText(t *testing.T) {
	a, b, c := Col("a"), Col("b"), Col("c")
	for _, test := range []struct {
		e    Expr
		want string
	}{
		{a.Add(b).Mul(c), "(a + b) * c"},
		{a.Add(b.Mul(c)), "a + b * c"},
		{a.Sub(b).Sub(c), "a - b - c"},
		{a.Sub(b.Sub(c)), "a - (b - c)"},
		{a.Div(b.FloorDiv(c).Mod(Int(2))), "a / (b // c % 2)"},
		{Int(-5).Neg(), "-(-5)"},
		{a.Neg().Neg(), "-(-a)"},
		{a.Sub(Int(-5)), "a - -5"},
		{a.Add(b).Neg(), "-(a + b)"},
		{a.Or(b).And(c), "(a OR b) AND c"},
		{a.Or(b.And(c)), "a OR b AND c"},
		{a.And(b).Not(), "NOT (a AND b)"},
		{a.Not().And(b), "NOT a AND b"},
		{a.Eq(b).Not(), "NOT a = b"},
		{a.Lt(b).Eq(c), "(a < b) = c"},
		{a.Eq(b.Ge(c)), "a = (b >= c)"},
		{a.Add(b).IsNull(), "a + b IS NULL"},
		{a.Not().IsNull(), "(NOT a) IS NULL"},
		{a.IsNull().Not(), "NOT a IS NULL"},
		{If(a.Gt(Int(15)), Str("it's"), Str("")), "CASE WHEN a > 15 THEN 'it''s' ELSE '' END"},
		{Least(a, b, Float(2)), "LEAST(a, b, 2.0)"},
		{Greatest(a), "GREATEST(a)"},
		{Coalesce(a, Null(batch.Int64)), "COALESCE(a, CAST(NULL AS int64))"},
		{Float(1e300).Add(Float(-0.5)), "1e+300 + -0.5"},
		{Float(math.Inf(-1)), "CAST('-Inf' AS float64)"},
		{Float(math.NaN()), "CAST('NaN' AS float64)"},
		{Bool(true).Ne(Bool(false)), "TRUE <> FALSE"},
		{Vs().Le(Ve()), "vs <= ve"},
		{Col("vs").Eq(Col(`odd "name"`)), `"vs" = "odd ""name"""`},
		{Col("Upper").Eq(Col("x1")), `"Upper" = x1`},
		{Time(time.Date(2001, 1, 2, 3, 4, 5, 600000, time.UTC)), "TIMESTAMP '2001-01-02T03:04:05.0006Z'"},
		{Duration(time.Hour), "3600000000"},
		{Expr{}, "<none>"},
		{a.Add(Expr{}), "a + <none>"},
		{a.Cast(batch.Float64), "CAST(a AS float64)"},
	} {
		if got := test.e.String(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestAsColumn(t *testing.T) {
	if name, ok := AsColumn(Col("a")); !ok || name != "a" {
		t.Error("a column is a column")
	}
	if _, ok := AsColumn(Col("a").Lt(Col("b"))); ok {
		t.Error("a comparison is no column")
	}
}
