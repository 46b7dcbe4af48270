package flights

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/vertex/connect"
)

func mustPlan(t *testing.T, o Options, p plan.Options) *plan.Plan {
	t.Helper()
	g, err := Job(o)
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Build(g, p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPlan checks that the job is three stages: nothing but the two derived streams and the result is moved between tasks.
func TestPlan(t *testing.T) {
	p := mustPlan(t, Options{}, plan.Options{Tasks: 16, Fuse: true})
	const want = `stage 0 source: 1 task
  source source: 1 split (vs, delay int64, distance int64, origin string, destination string)
  project departures <- source: origin AS airport, delay
    (vs, airport string, delay int64)
  alter-lifetime arrivals <- source: vs = vs + GREATEST(30 + distance // 8 + delay, 0) * 60000000, duration = 3600000000, move >= 0s
    (vs, ve, delay int64, distance int64, origin string, destination string)
  project arrivals <- arrivals: destination AS airport, delay
    (vs, ve, airport string, delay int64)
stage 1 pairs: 16 tasks
  edge 0 from 0.departures by hash of airport
  edge 1 from 0.arrivals by hash of airport
  join pairs <- edge 0, edge 1: left.airport AS airport, left.delay AS departure_delay, right.delay AS arrival_delay on left.airport = right.airport
    (vs, airport string, departure_delay int64, arrival_delay int64)
  window per_departure <- edge 0: count(*) AS departures, count_if(delay > 15) AS late_departures by (airport) in windows of 1h0m0s every 1h0m0s
    (vs, ve, airport string, departures int64, late_departures int64)
  window per_pair <- pairs: count(*) AS pairs, count_if(departure_delay > 15 AND arrival_delay > 15) AS late_pairs, max(arrival_delay) AS max_arrival_delay by (airport) in windows of 1h0m0s every 1h0m0s
    (vs, ve, airport string, pairs int64, late_pairs int64, max_arrival_delay int64)
  left-join joined <- per_departure, per_pair: * on left.airport = right.airport
    (vs, ve, airport string, departures int64, late_departures int64, pairs int64 null, late_pairs int64 null, max_arrival_delay int64 null)
  project joined <- joined: airport, departures, late_departures, max_arrival_delay, COALESCE(pairs, 0) AS pairs, COALESCE(late_pairs, 0) AS late_pairs
    (vs, ve, airport string, departures int64, late_departures int64, max_arrival_delay int64 null, pairs int64, late_pairs int64)
  lookup airport <- joined: state by airport in 3376 rows (vs, iata string, state string null)
    (vs, ve, airport string, departures int64, late_departures int64, max_arrival_delay int64 null, pairs int64, late_pairs int64, state string null)
stage 2 sink: 1 task
  edge 2 from 1.airport to one task, unordered
  ordered-sink sink <- edge 2: by time, airport
    (vs, ve, airport string, departures int64, late_departures int64, max_arrival_delay int64 null, pairs int64, late_pairs int64, state string null)
`
	if got := p.Explain(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := strings.Join(p.Names(), " "); got != "source departures arrivals pairs per_departure per_pair joined airport sink" {
		t.Errorf("stages are %s", got)
	}
}

// TestWithoutFusion checks that every operator can stand alone.
func TestWithoutFusion(t *testing.T) {
	p := mustPlan(t, Options{}, plan.Options{Tasks: 3})
	if len(p.Runtime.Stages) != len(p.Nodes) {
		t.Errorf("%d stages for %d operators", len(p.Runtime.Stages), len(p.Nodes))
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAirports(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"good":           {"state,iata\nGA,ATL\n,XXX\n", ""},
		"mark":           {"\xef\xbb\xbfiata,state\nATL,GA\n", ""},
		"only a header":  {"iata,state\n", ""},
		"empty":          {"", "a.csv: empty file, want a header line"},
		"no state":       {"iata,city\nATL,Atlanta\n", `a.csv:1: no column "state"; have iata, city`},
		"twice":          {"iata,name,state\nATL,\"Atlanta\nHartsfield\",GA\nJFK,x,NY\nATL,y,GA\n", `a.csv:5: iata "ATL" again, first at line 2`},
		"no code":        {"iata,state\nATL,GA\n,NY\n", "a.csv:3: iata is empty"},
		"too few":        {"iata,state\nATL\n", "a.csv:2: wrong number of fields"},
		"an open quote":  {"iata,state\n\"ATL,GA\n", "a.csv:2: "},
		"a quote inside": {"iata,state\nA\"TL,GA\n", "a.csv:2: "},
	} {
		_, err := readAirports("a.csv", strings.NewReader(c.text))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestBadOptions(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"no table":      {Options{Airports: filepath.Join(dir, "none.csv")}, "none.csv: no such file"},
		"a folder":      {Options{Airports: dir}, "is a directory"},
		"stdin and":     {Options{Inputs: []string{"-", "x.csv"}}, "standard input (-) cannot be read beside files"},
		"input's name":  {Options{Inputs: []string{"flights.xls"}}, `flights.xls: ending ".xls"`},
		"output's name": {Options{Out: "result.xls", Token: "t"}, `result.xls: ending ".xls"`},
		"no token":      {Options{Out: "result.csv"}, "result.csv: no token"},
		"bad rows":      {Options{BadRows: "ignore"}, `bad rows: "ignore" is unknown`},
	} {
		if _, err := Job(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	if _, err := Job(Options{Inputs: []string{"-"}, Airports: write(t, "a.csv", "iata,state\n"), BadRows: connect.Skip}); err != nil {
		t.Errorf("standard input: %v", err)
	}
}

func TestEmbedded(t *testing.T) {
	path, err := week()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, weekParquet) {
		t.Errorf("the memory file has %d bytes, want %d", len(got), len(weekParquet))
	}
	if n := bytes.Count(Expected(), []byte("\n")); n != 16392 {
		t.Errorf("the answer has %d lines, want a header and 16391 rows", n)
	}
}
