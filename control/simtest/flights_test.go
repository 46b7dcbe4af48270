package simtest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/streamscope/streamscope/bench/flights"
	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

const simRows = 2000

// firstRows reads the beginning of the embedded week.
var firstRows = sync.OnceValues(func() (*batch.Batch, error) {
	path, err := flights.Week()
	if err != nil {
		return nil, err
	}
	schema := &batch.Schema{Fields: flights.Fields()}
	src, err := connect.NewSource(connect.Files{Paths: []string{path}, Format: "parquet", Schema: schema, Time: "date"})
	if err != nil {
		return nil, err
	}
	splits, err := src.Splits()
	if err != nil {
		return nil, err
	}
	ready := make(chan struct{}, 1)
	r, err := src.Open(splits[0], nil, func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	rows := batch.NewBuilder(schema)
	for rows.Len() < simRows {
		b, err := r.Read(simRows - rows.Len())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if b == nil {
			<-ready
			continue
		}
		rows.AppendBatch(b, 0, b.N)
	}
	return rows.View(), r.Close()
})

// memorySink is a job.Sink that keeps its rows.
type memorySink struct{ opened []*vertextest.MemorySink }

func (*memorySink) Check(*batch.Schema) error { return nil }
func (*memorySink) Commit() error             { return nil }
func (*memorySink) Abort() error              { return nil }
func (m *memorySink) Open(s *batch.Schema, _ []byte, wake func()) (vertex.Sink, error) {
	m.opened = append(m.opened, vertextest.NewMemorySink(s, 3, wake))
	return m.opened[len(m.opened)-1], nil
}

const (
	minuteUs = 60_000_000
	hourUs   = 60 * minuteUs
)

// naive computes the job by loops over all pairs of rows, in the order of the result.
func naive(in *batch.Batch) []string {
	type group struct{ departures, late, pairs, latePairs, worst int64 }
	groups := map[string]*group{}
	delay, distance := in.Cols[0].Int64s(), in.Cols[1].Int64s()
	for d := range in.N {
		airport := string(in.Cols[2].Bytes(d))
		key := fmt.Sprintf("%020d %s", in.Vs[d]/hourUs*hourUs, airport)
		g := groups[key]
		if g == nil {
			g = &group{}
			groups[key] = g
		}
		g.departures++
		if delay[d] > 15 {
			g.late++
		}
		for a := range in.N {
			at := in.Vs[a] + max(30+distance[a]/8+delay[a], 0)*minuteUs
			if string(in.Cols[3].Bytes(a)) != airport || at > in.Vs[d] || in.Vs[d] >= at+hourUs {
				continue
			}
			if g.pairs == 0 || delay[a] > g.worst {
				g.worst = delay[a]
			}
			g.pairs++
			if delay[d] > 15 && delay[a] > 15 {
				g.latePairs++
			}
		}
	}
	var lines []string
	for key, g := range groups {
		worst := "null"
		if g.pairs > 0 {
			worst = strconv.FormatInt(g.worst, 10)
		}
		lines = append(lines, fmt.Sprint(key, " ", g.departures, " ", g.late, " ", g.pairs, " ", g.latePairs, " ", worst))
	}
	slices.Sort(lines)
	return lines
}

func resultLines(b *batch.Batch) ([]string, error) {
	col := func(name string) *batch.Column { return &b.Cols[b.Schema.Index(name)] }
	var lines []string
	for i := range b.N {
		worst := "null"
		if c := col("max_arrival_delay"); !c.Null(i) {
			worst = strconv.FormatInt(c.Int64s()[i], 10)
		}
		if col("state").Null(i) {
			return nil, fmt.Errorf("row %d: no state for %s", i, col("airport").Bytes(i))
		}
		lines = append(lines, fmt.Sprintf("%020d %s %d %d %d %d %s", b.Vs[i], col("airport").Bytes(i), col("departures").Int64s()[i],
			col("late_departures").Int64s()[i], col("pairs").Int64s()[i], col("late_pairs").Int64s()[i], worst))
	}
	return lines, nil
}

// seeds is how many schedules to run: STREAMSCOPE_SEEDS, or so many.
func seeds(t *testing.T, otherwise uint64) uint64 {
	t.Helper()
	s := os.Getenv("STREAMSCOPE_SEEDS")
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		t.Fatalf("STREAMSCOPE_SEEDS: got %q, want a number above 0", s)
	}
	return n
}

// TestSeedsFlights runs the job over 2,000 rows under every seed, fused and not, and wants the naive answer, in order.
func TestSeedsFlights(t *testing.T) {
	in, err := firstRows()
	if err != nil {
		t.Fatal(err)
	}
	want := naive(in)
	if len(want) < 100 {
		t.Fatalf("the naive answer has %d rows", len(want))
	}
	table, err := flights.Airports("")
	if err != nil {
		t.Fatal(err)
	}
	var next, steps atomic.Uint64
	n, first := seeds(t, 200), firstSeed(t)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < n && !t.Failed(); i = next.Add(1) - 1 {
				k, err := simulateFlights(first+i, in, table, want)
				if err != nil {
					t.Errorf("seed %d: %v", first+i, err)
				}
				steps.Add(uint64(k))
			}
		})
	}
	wg.Wait()
	t.Logf("%d seeds, %d steps on average", n, steps.Load()/n)
}

func simulateFlights(seed uint64, in *batch.Batch, table *job.Table, want []string) (steps int, err error) {
	rng := rand.New(rand.NewPCG(seed, 2))
	src := &vertextest.MemorySource{Rows: []*batch.Batch{in}, MaxRead: 1 + rng.IntN(500), Stutter: 2 + rng.IntN(5)}
	sink := &memorySink{}
	g, err := flights.Define(src, table, sink)
	if err != nil {
		return 0, err
	}
	p, err := plan.Build(g, plan.Options{Tasks: 1 + rng.IntN(8), Fuse: rng.IntN(4) > 0})
	if err != nil {
		return 0, err
	}
	r, err := Run(Config{Seed: seed, Limits: Degenerate(rng), Plan: p.Runtime, MaxSteps: 20_000_000})
	if err != nil {
		return r.Steps, err
	}
	if len(sink.opened) != 1 || !sink.opened[0].Finished {
		return r.Steps, fmt.Errorf("%d sinks opened, want one, finished", len(sink.opened))
	}
	got, err := resultLines(sink.opened[0].Rows.View())
	if err != nil {
		return r.Steps, err
	}
	if !slices.Equal(got, want) {
		return r.Steps, fmt.Errorf("got %d rows, want %d:\n%s", len(got), len(want), firstDifference(got, want))
	}
	return r.Steps, nil
}

func firstDifference(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("row %d: got  %s\nrow %d: want %s", i, got[i], i, want[i])
		}
	}
	return "one is the beginning of the other"
}
