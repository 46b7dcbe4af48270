package job_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
)

// A job that counts slow clicks per page and hour, and plans it with 8 tasks: the source's stage, one keyed stage that does everything up to
// the result, and the sink's.
func Example() {
	j := job.New("slow_pages")
	clicks := j.Source("clicks", clicks())

	perHour := clicks.Window("per_hour", job.Tumbling(time.Hour)).GroupBy("page").Aggregate(
		job.Count("clicks"),
		job.CountIf("slow", expr.Col("ms").Gt(expr.Int(1000))),
		job.Avg("mean_ms", expr.Col("ms")))
	slow := perHour.Filter("slow_only", expr.Col("slow").Gt(expr.Int(0)))
	titled := slow.Lookup("titles", "page", pages("page"), job.LookupColumn{Name: "title"})
	j.OrderedSink("result", titled, job.OrderBy("page"), nowhere{})

	graph, err := j.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := plan.Build(graph, plan.Options{Tasks: 8, Fuse: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(p.Explain())
	// Output:
	// stage 0 clicks: 1 task
	//   source clicks: 1 split (vs, page string, user int64, ms int64 null)
	// stage 1 per_hour: 8 tasks
	//   edge 0 from 0.clicks by hash of page, unordered
	//   window per_hour <- edge 0: count(*) AS clicks, count_if(ms > 1000) AS slow, avg(ms) AS mean_ms by (page) in windows of 1h0m0s every 1h0m0s
	//     (vs, ve, page string, clicks int64, slow int64, mean_ms float64 null)
	//   filter slow_only <- per_hour: slow > 0
	//     (vs, ve, page string, clicks int64, slow int64, mean_ms float64 null)
	//   lookup titles <- slow_only: title by page in 1 rows (vs, page string, title string)
	//     (vs, ve, page string, clicks int64, slow int64, mean_ms float64 null, title string null)
	// stage 2 result: 1 task
	//   edge 1 from 1.titles to one task, unordered
	//   ordered-sink result <- edge 1: by time, page
	//     (vs, ve, page string, clicks int64, slow int64, mean_ms float64 null, title string null)
}

// Every mistake of a job is told at once, each at the line where it was made.
func ExampleJob_Build() {
	j := job.New("typos")
	clicks := j.Source("clicks", clicks())
	slow := clicks.Filter("slow", expr.Col("mss").Gt(expr.Int(1000)))
	slow.Project("never_told", job.As("x", expr.Col("nothing")))
	clicks.Project("unread", job.Keep("page")...)
	_, err := j.Build()
	fmt.Println(err)
	// Output:
	// job/example_test.go:63: typos.slow: filter: expression: no column "mss"; have page, user, ms
	// job/example_test.go:65: typos.unread: nothing reads this stream; give it a sink or remove it
	// job/example_test.go:61: typos: the job has no sink
}

// gaps is a vertex of our own: it emits the time since the last click of the same user. It keeps no more than a number per user.
type gaps struct {
	last map[int64]int64
}

func (g *gaps) Execute(_ int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	users := rows.Cols[0].Int64s()
	for i := range rows.N {
		if out.Room() == 0 {
			return i, nil // we are called again with the rest
		}
		if before, ok := g.last[users[i]]; ok {
			out.Rows.AppendTime(rows.Vs[i], 0, 0)
			out.Rows.Cols[0].AppendInt64(users[i])
			out.Rows.Cols[1].AppendInt64(rows.Vs[i] - before)
		}
		g.last[users[i]] = rows.Vs[i]
	}
	return rows.N, nil
}

func (g *gaps) Close(cti frame.CTI, _ *vertex.Outbox) (frame.CTI, bool, error) { return cti, true, nil }

func (g *gaps) GetSnapshot(w vertex.SnapshotWriter) error {
	w.Uint64(uint64(len(g.last)))
	for _, user := range slices.Sorted(maps.Keys(g.last)) { // equal states write equal bytes
		w.Uint64(uint64(user))
		w.Uint64(uint64(g.last[user]))
	}
	return nil
}

func (g *gaps) Load(r vertex.SnapshotReader) error {
	for range r.Uint64() {
		user := int64(r.Uint64())
		g.last[user] = int64(r.Uint64())
		if r.Err() != nil {
			break
		}
	}
	return r.Err()
}

// A vertex of your own is a stage like any other. Clicks of one user meet in one task.
func ExampleStream_ApplyKeyed() {
	out := &batch.Schema{Fields: []batch.Field{{Name: "user", Kind: batch.Int64}, {Name: "gap_us", Kind: batch.Int64}}}
	j := job.New("gaps")
	users := j.Source("clicks", clicks()).Project("users", job.Keep("user")...)
	gapsOf := users.ApplyKeyed("gaps", []string{"user"}, out, func(job.Env) (vertex.Vertex, error) {
		return &gaps{last: map[int64]int64{}}, nil
	})
	j.OrderedSink("result", gapsOf, job.OrderBy("user"), nowhere{})
	graph, err := j.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range graph.Nodes {
		fmt.Println(n.Name, n.Schema)
	}
	// Output:
	// clicks (vs, page string, user int64, ms int64 null)
	// users (vs, user int64)
	// gaps (vs, user int64, gap_us int64)
	// result (vs, user int64, gap_us int64)
}
