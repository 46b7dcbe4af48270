package ops

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// flights is a stream like that of the demonstration: points; lives has lifetimes and diffs besides.
var (
	flights = &batch.Schema{Fields: []batch.Field{
		{Name: "delay", Kind: batch.Int64}, {Name: "origin", Kind: batch.String, Nullable: true}, {Name: "late", Kind: batch.Bool},
		{Name: "gate", Kind: batch.Int64, Nullable: true},
	}}
	lives = &batch.Schema{HasVe: true, HasDiff: true, Fields: flights.Fields}
)

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// rowCase verifies an operator over random ticks and returns its output rows together with the input, tick by tick.
func rowCase(t *testing.T, in []*batch.Schema, out *batch.Schema, build func() (vertex.Vertex, error)) (vertextest.Result, []vertextest.Tick) {
	t.Helper()
	ticks := vertextest.Random(11, in, 8, 40, 1000)
	res := vertextest.Verify(t, vertextest.Case{
		New:   func() vertex.Vertex { return must[vertex.Vertex](t)(build()) },
		In:    in,
		Out:   out,
		Ticks: ticks,
		Seed:  11,
	})
	return res, ticks
}

// expectRows compares each tick with what row gives for each input row; "" is none.
func expectRows(t *testing.T, res vertextest.Result, ticks []vertextest.Tick, row func(b *batch.Batch, i int) string) {
	t.Helper()
	total := 0
	for k, tick := range ticks {
		var want []string
		for _, b := range tick.Rows {
			for i := range b.N {
				if s := row(b, i); s != "" {
					want = append(want, s)
				}
			}
		}
		if !slices.Equal(res.Ticks[k].Rows, want) {
			t.Fatalf("tick %d: got\n%s\nwant\n%s", k, strings.Join(res.Ticks[k].Rows, "\n"), strings.Join(want, "\n"))
		}
		total += len(want)
	}
	if total == 0 {
		t.Fatal("the test has no row")
	}
}

func TestFilter(t *testing.T) {
	c := Filter{Where: expr.Col("delay").Gt(expr.Int(0)).And(expr.Col("origin").Eq(expr.Str("ATL")))}
	for _, in := range []*batch.Schema{flights, lives} {
		out := must[*batch.Schema](t)(c.Output(in))
		res, ticks := rowCase(t, []*batch.Schema{in}, out, func() (vertex.Vertex, error) { return NewFilter(in, c) })
		expectRows(t, res, ticks, func(b *batch.Batch, i int) string {
			if b.Cols[0].Int64s()[i] > 0 && !b.Cols[1].Null(i) && string(b.Cols[1].Bytes(i)) == "ATL" {
				return vertextest.Row(b, i)
			}
			return ""
		})
		for k := range ticks {
			if res.Ticks[k].CTI != ticks[k].CTI {
				t.Fatalf("CTI %d, want %d", res.Ticks[k].CTI, ticks[k].CTI)
			}
		}
	}
}

func TestProject(t *testing.T) {
	c := Project{Columns: []Named{
		{"gate", expr.Col("gate")},
		{"minutes", expr.Col("delay").Mul(expr.Int(60))},
		{"start", expr.Vs().Cast(batch.Int64)},
		{"late", expr.Col("late").Not()},
	}}
	for _, in := range []*batch.Schema{flights, lives} {
		out := must[*batch.Schema](t)(c.Output(in))
		res, ticks := rowCase(t, []*batch.Schema{in}, out, func() (vertex.Vertex, error) { return NewProject(in, c) })
		expectRows(t, res, ticks, func(b *batch.Batch, i int) string {
			row := []any{b.Vs[i]}
			if in.HasVe {
				row = append(row, b.Ve[i], b.Diff[i])
			}
			row = append(row, any(nil), b.Cols[0].Int64s()[i]*60, b.Vs[i], !b.Cols[2].Bools().Get(i))
			if !b.Cols[3].Null(i) {
				row[len(row)-4] = b.Cols[3].Int64s()[i]
			}
			return vertextest.Row(vertextest.Rows(out, row), 0)
		})
	}
}

func TestProjectToNothing(t *testing.T) {
	out := must[*batch.Schema](t)(Project{}.Output(flights))
	res, ticks := rowCase(t, []*batch.Schema{flights}, out, func() (vertex.Vertex, error) { return NewProject(flights, Project{}) })
	expectRows(t, res, ticks, func(b *batch.Batch, i int) string { return vertextest.Row(vertextest.Rows(out, []any{b.Vs[i]}), 0) })
}

func TestUnion(t *testing.T) {
	in := []*batch.Schema{flights, lives, flights}
	out := must[*batch.Schema](t)(Union{}.Output(in...))
	if !out.Equal(lives) {
		t.Fatalf("got %v, want %v", out, lives)
	}
	res, ticks := rowCase(t, in, out, func() (vertex.Vertex, error) { return NewUnion(Union{}, in...) })
	expectRows(t, res, ticks, func(b *batch.Batch, i int) string {
		u := batch.NewBuilder(out)
		u.AppendBatch(b, i, i+1)
		return vertextest.Row(u.View(), 0)
	})
}

func TestAlterLifetime(t *testing.T) {
	for name, test := range map[string]struct {
		c        AlterLifetime
		moveUs   int64 // of the CTI
		lifetime func(vs, ve, delay int64) (int64, int64)
	}{
		"duration": {AlterLifetime{Duration: expr.Duration(time.Hour)}, 0,
			func(vs, _, _ int64) (int64, int64) { return vs, vs + 3_600_000_000 }},
		"moved": {AlterLifetime{Vs: expr.Vs().Add(expr.Col("delay")), MinMove: -3 * time.Microsecond}, -3,
			func(vs, ve, delay int64) (int64, int64) { return vs + delay, ve + delay }},
		"both": {AlterLifetime{Vs: expr.Vs().Add(expr.Int(50)), Ve: expr.Ve().Add(expr.Int(100)), MinMove: 50 * time.Microsecond}, 50,
			func(vs, ve, _ int64) (int64, int64) { return vs + 50, ve + 100 }},
		"a bound without a move": {AlterLifetime{Ve: expr.Ve(), MinMove: time.Hour}, 0,
			func(vs, ve, _ int64) (int64, int64) { return vs, ve }},
	} {
		t.Run(name, func(t *testing.T) {
			for _, in := range []*batch.Schema{flights, lives} {
				out := must[*batch.Schema](t)(test.c.Output(in))
				res, ticks := rowCase(t, []*batch.Schema{in}, out, func() (vertex.Vertex, error) { return NewAlterLifetime(in, test.c) })
				expectRows(t, res, ticks, func(b *batch.Batch, i int) string {
					u := batch.NewBuilder(out)
					u.AppendBatch(b, i, i+1)
					vs, ve := test.lifetime(b.Vs[i], b.End(i), b.Cols[0].Int64s()[i])
					u.Vs[0] = vs
					if out.HasVe {
						u.Ve[0] = ve
					}
					return vertextest.Row(u.View(), 0)
				})
				for k, tick := range ticks {
					want := tick.CTI + frame.CTI(test.moveUs)
					if tick.CTI == frame.MaxCTI {
						want = frame.MaxCTI
					}
					if res.Ticks[k].CTI != want {
						t.Fatalf("CTI %d, want %d", res.Ticks[k].CTI, want)
					}
				}
			}
		})
	}
}

func TestCTIAtTheEndsOfTime(t *testing.T) {
	for _, test := range [][3]int64{
		{math.MaxInt64 - 5, 10, math.MaxInt64 - 1}, {math.MinInt64 + 5, -10, math.MinInt64}, {7, -10, -3}, {math.MaxInt64 - 5, 5, math.MaxInt64 - 1},
	} {
		if got := addClamped(test[0], test[1]); got != test[2] {
			t.Errorf("%d + %d: got %d, want %d", test[0], test[1], got, test[2])
		}
	}
}

// executeOne runs an operator over one row.
func executeOne(v vertex.Vertex, in, out *batch.Schema, row ...any) error {
	_, err := v.Execute(0, vertextest.Rows(in, row), vertex.NewOutbox(out, 10, 1<<20, func(*batch.Builder) bool { return true }))
	return err
}

func TestRowsThatFail(t *testing.T) {
	life := func(c AlterLifetime) func(in *batch.Schema) (vertex.Vertex, *batch.Schema) {
		return func(in *batch.Schema) (vertex.Vertex, *batch.Schema) {
			return must[vertex.Vertex](t)(NewAlterLifetime(in, c)), must[*batch.Schema](t)(c.Output(in))
		}
	}
	for want, build := range map[string]func(in *batch.Schema) (vertex.Vertex, *batch.Schema){
		"event at 1970-01-01T00:00:00.0001Z: new vs 1970-01-01T00:00:00.000107Z is below the declared bound: it moves by 7 µs, at least 8 were promised": life(AlterLifetime{
			Vs: expr.Vs().Add(expr.Col("delay")), MinMove: 8 * time.Microsecond}),
		"new ve 1970-01-01T00:00:00.0001Z is not after the new vs":                                life(AlterLifetime{Ve: expr.Vs()}),
		"new lifetime is 0 µs long":                                                               life(AlterLifetime{Duration: expr.Int(0)}),
		"new ve -290308-12-21T19:59:05.224291Z is not after the new vs 1970-01-01T00:00:00.0001Z": life(AlterLifetime{Duration: expr.Int(math.MaxInt64)}),
		"new vs is null": life(AlterLifetime{Vs: expr.Vs().Add(expr.Col("gate"))}),
		"new ve is null": life(AlterLifetime{Duration: expr.Col("gate")}),
		`column "x": event at 1970-01-01T00:00:00.0001Z: delay / (delay - delay): division by zero: 7 / 0`: func(in *batch.Schema) (vertex.Vertex, *batch.Schema) {
			d := expr.Col("delay")
			c := Project{Columns: []Named{{"x", d.Div(d.Sub(d))}}}
			return must[vertex.Vertex](t)(NewProject(in, c)), must[*batch.Schema](t)(c.Output(in))
		},
		"filter: event at 1970-01-01T00:00:00.0001Z": func(in *batch.Schema) (vertex.Vertex, *batch.Schema) {
			return must[vertex.Vertex](t)(NewFilter(in, Filter{expr.Col("origin").Cast(batch.Int64).Gt(expr.Int(0))})), in
		},
	} {
		v, out := build(flights)
		if err := executeOne(v, flights, out, 100, 7, "ATL", true, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	table := must[*Table](t)(NewTable(airports(), "iata"))
	refused := func(_ *batch.Schema, err error) error { return err }
	for want, err := range map[string]error{
		`no column "dealy"; have delay, origin, late, gate`:        refused(Filter{expr.Col("dealy").IsNull()}.Output(flights)),
		"filter: delay is int64, want bool":                        refused(Filter{expr.Col("delay")}.Output(flights)),
		"filter: expression: none given":                           refused(Filter{}.Output(flights)),
		`field "a" twice`:                                          refused(Project{[]Named{{"a", expr.Int(1)}, {"a", expr.Int(2)}}}.Output(flights)),
		`column "a": expression: delay AND late: delay is int64`:   refused(Project{[]Named{{"a", expr.Col("delay").And(expr.Col("late"))}}}.Output(flights)),
		"both an end (ve) and a duration (1)":                      refused(AlterLifetime{Ve: expr.Ve(), Duration: expr.Int(1)}.Output(flights)),
		"lifetime: vs: delay is int64, want timestamp":             refused(AlterLifetime{Vs: expr.Col("delay")}.Output(flights)),
		"lifetime: duration: ve is timestamp, want int64":          refused(AlterLifetime{Duration: expr.Ve()}.Output(flights)),
		"union of nothing":                                         refused(Union{}.Output()),
		"port 1 has 1 columns":                                     refused(Union{}.Output(flights, &batch.Schema{Fields: flights.Fields[:1]})),
		"column 0 of port 1 is gate int64 null, of port 0 delay":   refused(Union{}.Output(&batch.Schema{Fields: flights.Fields[:1]}, &batch.Schema{Fields: flights.Fields[3:]})),
		"lookup: no table":                                         refused(Lookup{Key: "origin"}.Output(flights)),
		`no column "from"`:                                         refused(Lookup{Key: "from", Table: table}.Output(flights)),
		"delay int64 of the stream cannot be looked up in iata st": refused(Lookup{Key: "delay", Table: table}.Output(flights)),
		`lookup: table: operator: no column "city"`:                refused(Lookup{Key: "origin", Table: table, Columns: []LookupColumn{{Name: "city"}}}.Output(flights)),
		`lookup: schema: field "gate" twice`:                       refused(Lookup{Key: "origin", Table: table, Columns: []LookupColumn{{Name: "state", As: "gate"}}}.Output(flights)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		} else if !errors.Is(err, ErrConfig) && !errors.Is(err, expr.ErrType) {
			t.Errorf("%v wraps neither ErrConfig nor ErrType", err)
		}
	}
}
