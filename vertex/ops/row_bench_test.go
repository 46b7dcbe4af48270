package ops

import (
	"testing"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
)

// rowOperators are all row operators over flights, for what is measured of each.
func rowOperators(t testing.TB) map[string]vertexAndSchema {
	table := must[*Table](t)(NewTable(airports(), "iata"))
	delay, move := expr.Col("delay"), expr.Greatest(expr.Col("delay").FloorDiv(expr.Int(8)), expr.Int(0))
	filter := Filter{delay.Gt(expr.Int(0))}
	project := Project{[]Named{{"origin", expr.Col("origin")}, {"hours", delay.FloorDiv(expr.Int(60))}, {"late", delay.Gt(expr.Int(15))}}}
	alter := AlterLifetime{Vs: expr.Vs().Add(move), Duration: expr.Duration(time.Hour)}
	lookup := Lookup{Key: "origin", Table: table, Columns: []LookupColumn{{Name: "state"}}}
	inner := lookup
	inner.Inner = true
	vertexOf, schemaOf := must[vertex.Vertex](t), must[*batch.Schema](t)
	return map[string]vertexAndSchema{
		"filter":         {vertexOf(NewFilter(flights, filter)), schemaOf(filter.Output(flights))},
		"project":        {vertexOf(NewProject(flights, project)), schemaOf(project.Output(flights))},
		"alter lifetime": {vertexOf(NewAlterLifetime(flights, alter)), schemaOf(alter.Output(flights))},
		"union":          {vertexOf(NewUnion(Union{}, flights)), flights},
		"lookup":         {vertexOf(NewLookup(flights, lookup)), schemaOf(lookup.Output(flights))},
		"inner lookup":   {vertexOf(NewLookup(flights, inner)), schemaOf(inner.Output(flights))},
	}
}

type vertexAndSchema struct {
	v   vertex.Vertex
	out *batch.Schema
}

func flightRows(n int) *batch.Batch {
	b := batch.NewBuilder(flights)
	for i := range n {
		b.AppendTime(int64(i), 0, 1)
		b.Cols[0].AppendInt64(int64(i*7919%100) - 50)
		b.Cols[1].AppendString([]string{"ATL", "JFK", "LAX"}[i%3])
		b.Cols[1].SetValid(true)
		b.Cols[2].AppendBool(i%2 == 0)
		b.Cols[3].AppendNull()
	}
	return b.View()
}

// run executes all rows, taking them in parts of an odd size, as an outbox in use has room for.
func (o vertexAndSchema) run(rows *batch.Batch, out *vertex.Outbox) error {
	n, err := o.v.Execute(0, rows, out)
	if err == nil && n != rows.N {
		panic("an outbox that never refuses was full")
	}
	out.Flush()
	return err
}

func TestRowOperatorsAllocateNothing(t *testing.T) {
	rows := flightRows(3000)
	for name, o := range rowOperators(t) {
		taken := 0
		out := vertex.NewOutbox(o.out, 1111, 1<<20, func(r *batch.Builder) bool { taken += r.Len(); return true })
		var err error
		got := testing.AllocsPerRun(10, func() { err = o.run(rows, out) })
		if got != 0 || err != nil || taken == 0 {
			t.Errorf("%s: %v allocations, %d rows, %v", name, got, taken, err)
		}
	}
}

func BenchmarkRowOperators(b *testing.B) {
	rows := flightRows(4096)
	for name, o := range rowOperators(b) {
		b.Run(name, func(b *testing.B) {
			out := vertex.NewOutbox(o.out, 8192, 1<<20, func(*batch.Builder) bool { return true })
			for b.Loop() {
				if err := o.run(rows, out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(rows.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
