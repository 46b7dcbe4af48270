package local_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/job/files"
	"github.com/streamscope/streamscope/control/local"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	_ "github.com/streamscope/streamscope/vertex/connect/csv"
	"github.com/streamscope/streamscope/vertex/expr"
)

const clicksCSV = `at,page,ms
2026-01-01T10:05:00Z,/home,120
2026-01-01T10:20:00Z,/cart,2300
2026-01-01T10:40:00Z,/home,1500
2026-01-01T11:10:00Z,/cart,900
2026-01-01T11:30:00Z,/cart,4000
`

// A whole program: clicks from a CSV file, counted by page and hour, into another.
func Example() {
	dir, err := os.MkdirTemp("", "clicks")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "clicks.csv"), filepath.Join(dir, "slow.csv")
	if err := os.WriteFile(in, []byte(clicksCSV), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	if err := countClicks(in, out); err != nil {
		fmt.Println(err)
		return
	}
	result, err := os.ReadFile(out)
	fmt.Print(string(result))
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 5 clicks read
	// hour,page,clicks,slow
	// 2026-01-01T10:00:00Z,/cart,1,1
	// 2026-01-01T10:00:00Z,/home,2,1
	// 2026-01-01T11:00:00Z,/cart,2,1
}

func countClicks(in, out string) error {
	token := connect.NewToken()
	src, err := files.NewSource(connect.Files{Paths: []string{in}, Time: "at", Token: token, Schema: &batch.Schema{Fields: []batch.Field{
		{Name: "page", Kind: batch.String}, {Name: "ms", Kind: batch.Int64}}}})
	if err != nil {
		return err
	}
	sink, err := files.NewSink(connect.FileSink{Path: out, Token: token, Columns: []connect.Column{
		{Name: "hour", From: connect.FromVs}, {Name: "page"}, {Name: "clicks"}, {Name: "slow"}}})
	if err != nil {
		return err
	}
	j := job.New("slow_pages")
	perHour := j.Source("clicks", src).Window("per_hour", job.Tumbling(time.Hour)).GroupBy("page").Aggregate(
		job.Count("clicks"), job.CountIf("slow", expr.Col("ms").Gt(expr.Int(1000))))
	j.OrderedSink("result", perHour, job.OrderBy("page"), sink)
	graph, err := j.Build()
	if err != nil {
		return err
	}
	stats, err := local.Run(context.Background(), graph, local.Options{})
	if err != nil {
		return err
	}
	fmt.Println(stats.EventsIn, "clicks read")
	return nil
}
