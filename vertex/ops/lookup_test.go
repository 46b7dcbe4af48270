package ops

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

var airportSchema = &batch.Schema{Fields: []batch.Field{
	{Name: "iata", Kind: batch.String, Nullable: true}, {Name: "state", Kind: batch.String, Nullable: true}, {Name: "runways", Kind: batch.Int64},
}}

func airports() *batch.Builder {
	b := batch.NewBuilder(airportSchema)
	b.AppendBatch(vertextest.Rows(airportSchema,
		[]any{0, "ATL", "GA", 5}, []any{0, nil, "XX", 1}, []any{0, "JFK", nil, 4}, []any{0, nil, "YY", 1}, []any{0, "", "none", 0}), 0, 5)
	return b
}

func TestLookup(t *testing.T) {
	table := must[*Table](t)(NewTable(airports(), "iata"))
	states := map[string][]any{"ATL": {"GA", 5}, "JFK": {nil, 4}, "": {"none", 0}}
	for _, in := range []*batch.Schema{flights, lives} {
		for _, inner := range []bool{false, true} {
			c := Lookup{Key: "origin", Table: table, Columns: []LookupColumn{{Name: "state"}, {Name: "runways", As: "n"}}, Inner: inner}
			out := must[*batch.Schema](t)(c.Output(in))
			if f := out.Fields[5]; f.Name != "n" || f.Nullable == inner {
				t.Fatalf("inner %v: got %v", inner, f)
			}
			res, ticks := rowCase(t, []*batch.Schema{in}, out, func() (vertex.Vertex, error) { return NewLookup(in, c) })
			expectRows(t, res, ticks, func(b *batch.Batch, i int) string {
				found, ok := []any{nil, nil}, false
				if !b.Cols[1].Null(i) {
					var f []any
					if f, ok = states[string(b.Cols[1].Bytes(i))]; ok {
						found = f
					}
				}
				if inner && !ok {
					return ""
				}
				return vertextest.Row(b, i) + fmt.Sprintf(" %s %s", shownAny(found[0]), shownAny(found[1]))
			})
		}
	}
}

func shownAny(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(v)
}

func TestLookupByInteger(t *testing.T) {
	s := &batch.Schema{Fields: []batch.Field{{Name: "k", Kind: batch.Int64}, {Name: "v", Kind: batch.Int64}}}
	b := batch.NewBuilder(s)
	for i := range 10_000 { // multiples of a power of two, and negative ones
		b.AppendTime(0, 1, 1)
		b.Cols[0].AppendInt64(int64(i-5000) << 20)
		b.Cols[1].AppendInt64(int64(i))
	}
	table := must[*Table](t)(NewTable(b, "k"))
	for i := range 10_000 {
		if _, row := table.probeInt(int64(i-5000) << 20); row != i {
			t.Fatalf("key %d: got row %d, want %d", (i-5000)<<20, row, i)
		}
		if _, row := table.probeInt(int64(i-5000)<<20 + 1); row != -1 {
			t.Fatalf("a key that is not there: got row %d", row)
		}
	}
	if n := len(table.index); n != 32768 {
		t.Fatalf("index of %d places for 10000 rows", n)
	}
}

func TestEmptyTable(t *testing.T) {
	table := must[*Table](t)(NewTable(batch.NewBuilder(airportSchema), "iata"))
	if _, row := table.probeBytes([]byte("ATL")); row != -1 || table.Len() != 0 {
		t.Fatalf("found row %d of %d", row, table.Len())
	}
}

func TestTablesThatAreRefused(t *testing.T) {
	b := airports()
	b.AppendBatch(vertextest.Rows(airportSchema, []any{0, "JFK", "NY", 4}), 0, 1)
	var dup *DuplicateKeyError
	if _, err := NewTable(b, "iata"); !errors.As(err, &dup) || dup.Key != "JFK" || dup.First != 2 || dup.Second != 5 {
		t.Errorf("got %v, want JFK in rows 2 and 5", err)
	}
	if _, err := NewTable(airports(), "city"); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), `no column "city"`) {
		t.Errorf("got %v", err)
	}
	floats := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "f", Kind: batch.Float64}}})
	if _, err := NewTable(floats, "f"); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v, want a refusal of a float key", err)
	}
}
