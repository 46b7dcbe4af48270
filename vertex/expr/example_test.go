package expr_test

import (
	"fmt"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/expr"
)

// The arrival of a flight: 30 minutes, one more for each 8 miles, and the delay, but not before the departure.
func Example() {
	flights := &batch.Schema{Fields: []batch.Field{
		{Name: "date", Kind: batch.Timestamp}, {Name: "delay", Kind: batch.Int64}, {Name: "distance", Kind: batch.Int64},
	}}
	minutes := expr.Greatest(expr.Int(30).Add(expr.Col("distance").FloorDiv(expr.Int(8))).Add(expr.Col("delay")), expr.Int(0))
	arrival := expr.Col("date").Add(minutes.Mul(expr.Duration(time.Minute)))
	fmt.Println(arrival)

	p, err := expr.Compile(arrival, flights)
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := batch.NewBuilder(flights)
	rows.AppendTime(0, 0, 1)
	rows.Cols[0].AppendInt64(time.Date(2001, 1, 1, 0, 1, 0, 0, time.UTC).UnixMicro())
	rows.Cols[1].AppendInt64(14)
	rows.Cols[2].AppendInt64(405)
	out := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "arrival", Kind: p.Kind()}}})
	if err := p.Eval(rows.View(), &out.Cols[0]); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(time.UnixMicro(out.Cols[0].I64[0]).UTC())

	_, err = expr.Compile(expr.Col("dealy").Gt(expr.Int(15)), flights)
	fmt.Println(err)
	// Output:
	// date + GREATEST(30 + distance // 8 + delay, 0) * 60000000
	// 2001-01-01 01:35:00 +0000 UTC
	// expression: no column "dealy"; have date, delay, distance
}
