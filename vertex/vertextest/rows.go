package vertextest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// Rows builds a batch by hand. Each row is vs, then ve and diff if the schema has them, then the columns: int or int64 (also for times,
// which are microseconds), time.Time, float64, bool, string, []byte, or nil for null. A value that does not fit panics.
func Rows(s *batch.Schema, rows ...[]any) *batch.Batch {
	b := batch.NewBuilder(s)
	for _, row := range rows {
		take := func() any {
			v := row[0]
			row = row[1:]
			return v
		}
		vs, ve, diff := integer(take()), int64(0), int64(1)
		if s.HasVe {
			ve = integer(take())
		}
		if s.HasDiff {
			diff = integer(take())
		}
		b.AppendTime(vs, ve, diff)
		for i := range b.Cols {
			appendAny(&b.Cols[i], take())
		}
		if len(row) != 0 {
			panic(fmt.Sprintf("%d values too many for %v", len(row), s))
		}
	}
	return b.View()
}

func integer(v any) int64 {
	switch v := v.(type) {
	case int:
		return int64(v)
	case int64:
		return v
	case time.Time:
		return v.UnixMicro()
	}
	panic(fmt.Sprintf("%T is no integer or time", v))
}

func appendAny(c *batch.ColumnBuilder, v any) {
	if v == nil {
		if !c.Nullable {
			panic("null in a column without nulls")
		}
		c.AppendNull()
		return
	}
	switch c.Kind {
	case batch.Bool:
		c.AppendBool(v.(bool))
	case batch.Float64:
		c.AppendFloat64(v.(float64))
	case batch.String:
		c.AppendString(v.(string))
	case batch.Bytes:
		c.AppendBytes(v.([]byte))
	default:
		c.AppendInt64(integer(v))
	}
	c.SetValid(true)
}

// Row shows row i of b: `3..7 -1 | "ATL" 15 null`, the lifetime without its end for points, the diff only in changelogs. Floats have all
// their digits.
func Row(b *batch.Batch, i int) string {
	var s strings.Builder
	fmt.Fprint(&s, b.Vs[i])
	if b.Ve != nil {
		fmt.Fprintf(&s, "..%d", b.Ve[i])
	}
	if b.Diff != nil {
		fmt.Fprintf(&s, " %+d", b.Diff[i])
	}
	s.WriteString(" |")
	for k := range b.Cols {
		s.WriteByte(' ')
		s.WriteString(cell(&b.Cols[k], i))
	}
	return s.String()
}

func cell(c *batch.Column, i int) string {
	switch {
	case c.Null(i):
		return "null"
	case c.Kind() == batch.Bool:
		return strconv.FormatBool(c.Bools().Get(i))
	case c.Kind() == batch.Float64:
		return strconv.FormatFloat(c.Float64s()[i], 'g', -1, 64)
	case c.Kind().VarLen():
		return strconv.Quote(string(c.Bytes(i)))
	}
	return strconv.FormatInt(c.Int64s()[i], 10)
}

// Random returns ticks of random rows: up to rows per port and tick, at times above the CTI and below limit beyond it, which then moves by
// up to limit/2; the last tick has CTI MaxCTI. Values are few, so that keys meet: 5 texts, integers of -3 to 3, halves as floats.
func Random(seed uint64, in []*batch.Schema, ticks, rows int, limitUs int64) []Tick {
	rng := rand.New(rand.NewPCG(seed, 1))
	var all []Tick
	cti := int64(0)
	for i := range ticks {
		t := Tick{}
		for _, s := range in {
			b := batch.NewBuilder(s)
			for range rng.IntN(rows + 1) {
				vs := cti + rng.Int64N(limitUs)
				b.AppendTime(vs, vs+1+rng.Int64N(limitUs), 1-2*rng.Int64N(2))
				for k := range b.Cols {
					appendRandom(rng, &b.Cols[k])
				}
			}
			t.Rows = append(t.Rows, b.View())
		}
		cti += rng.Int64N(limitUs/2 + 1)
		t.CTI = frame.CTI(cti)
		if i == ticks-1 {
			t.CTI = frame.MaxCTI
		}
		all = append(all, t)
	}
	return all
}

func appendRandom(rng *rand.Rand, c *batch.ColumnBuilder) {
	if c.Nullable && rng.IntN(4) == 0 {
		c.AppendNull()
		return
	}
	switch c.Kind {
	case batch.Bool:
		c.AppendBool(rng.IntN(2) == 0)
	case batch.Float64:
		c.AppendFloat64(float64(rng.IntN(9)-4) / 2)
	case batch.String, batch.Bytes:
		c.AppendString([]string{"", "ATL", "JFK", "LAX", "a longer text than most"}[rng.IntN(5)])
	default:
		c.AppendInt64(rng.Int64N(7) - 3)
	}
	c.SetValid(true)
}
