package flights

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/job/files"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/expr"

	// The formats that the job reads and writes.
	_ "github.com/streamscope/streamscope/vertex/connect/csv"
	_ "github.com/streamscope/streamscope/vertex/connect/jsonl"
	_ "github.com/streamscope/streamscope/vertex/connect/parquet"
)

// Name of the job.
const Name = "flights"

// Options are everything that shapes the job. Paths must be absolute for worker processes elsewhere.
type Options struct {
	Inputs   []string       // files, patterns, or "-" for standard input as CSV; none: the embedded week
	Airports string         // a CSV file; empty: the embedded table
	Out      string         // a file; empty: standard output, as CSV
	BadRows  connect.Policy // what to do with rows that cannot be read
	DivertTo string         // with connect.Divert
	Token    string         // of the run, see connect.TempPath
	// Stdin is connect.Files.Stdin.
	Stdin func() (connect.Feed, error)
}

// lateMinutes is the delay beyond which a flight is late.
const lateMinutes = 15

// flightFields are the columns read from the input, besides the date.
var flightFields = []batch.Field{
	{Name: "delay", Kind: batch.Int64}, {Name: "distance", Kind: batch.Int64},
	{Name: "origin", Kind: batch.String}, {Name: "destination", Kind: batch.String},
}

// Fields are the columns that the job reads, besides the event time.
func Fields() []batch.Field { return slices.Clone(flightFields) }

// resultColumns are the columns of the result, in order.
var resultColumns = []connect.Column{
	{Name: "hour", From: connect.FromVs}, {Name: "airport"}, {Name: "state"}, {Name: "departures"}, {Name: "late_departures"},
	{Name: "pairs"}, {Name: "late_pairs"}, {Name: "max_arrival_delay"},
}

// Job builds the job. Errors are about the options and about the table of airports, which is read at once.
func Job(o Options) (*job.Graph, error) {
	src, err := o.source()
	if err != nil {
		return nil, err
	}
	table, err := Airports(o.Airports)
	if err != nil {
		return nil, err
	}
	out, err := o.sink()
	if err != nil {
		return nil, err
	}
	return Define(src, table, out)
}

// Define builds the job itself, over any source with the columns of Fields and any table with airports' states.
func Define(src vertex.Source, airports *job.Table, out job.Sink) (*job.Graph, error) {
	minutes := expr.Greatest(expr.Int(30).Add(expr.Col("distance").FloorDiv(expr.Int(8))).Add(expr.Col("delay")), expr.Int(0))
	late := func(column string) expr.Expr { return expr.Col(column).Gt(expr.Int(lateMinutes)) }

	j := job.New(Name)
	flights := j.Source("source", src)
	departures := flights.Project("departures", job.As("airport", expr.Col("origin")), job.As("delay", expr.Col("delay")))
	arrivals := flights.
		AlterLifetime("arrivals", job.Lifetime{Vs: expr.Vs().Add(minutes.Mul(expr.Duration(time.Minute))), Duration: expr.Duration(time.Hour)}).
		Project("arrivals", job.As("airport", expr.Col("destination")), job.As("delay", expr.Col("delay")))

	pairs := departures.Join("pairs", arrivals, job.On("airport"),
		job.Take(job.Left("airport"), job.Left("delay").As("departure_delay"), job.Right("delay").As("arrival_delay")))

	hourly := job.Tumbling(time.Hour)
	perDeparture := departures.Window("per_departure", hourly).GroupBy("airport").Aggregate(
		job.Count("departures"), job.CountIf("late_departures", late("delay")))
	perPair := pairs.Window("per_pair", hourly).GroupBy("airport").Aggregate(
		job.Count("pairs"),
		job.CountIf("late_pairs", late("departure_delay").And(late("arrival_delay"))),
		job.Max("max_arrival_delay", expr.Col("arrival_delay")))

	zeroIfNull := func(column string) job.Column { return job.As(column, expr.Coalesce(expr.Col(column), expr.Int(0))) }
	joined := perDeparture.LeftJoin("joined", perPair, job.On("airport")).
		Project("joined", append(job.Keep("airport", "departures", "late_departures", "max_arrival_delay"), zeroIfNull("pairs"), zeroIfNull("late_pairs"))...)

	result := joined.Lookup("airport", "airport", airports, job.LookupColumn{Name: "state"})
	j.OrderedSink("sink", result, job.OrderBy("airport"), out)
	return j.Build()
}

func (o Options) source() (*files.Source, error) {
	f := connect.Files{
		Paths: o.Inputs, Schema: &batch.Schema{Fields: flightFields}, Time: "date", BadRows: o.BadRows, DivertTo: o.DivertTo, Token: o.Token, Stdin: o.Stdin,
	}
	for _, p := range o.Inputs {
		if p != connect.Stdin {
			continue
		}
		if len(o.Inputs) > 1 {
			return nil, errors.New("standard input (-) cannot be read beside files")
		}
		f.Format = "csv"
	}
	if len(o.Inputs) == 0 {
		path, err := week()
		if err != nil {
			return nil, err
		}
		f.Paths, f.Format = []string{path}, "parquet"
	}
	return files.NewSource(f)
}

func (o Options) sink() (job.Sink, error) {
	f := connect.FileSink{Path: o.Out, Columns: resultColumns, Token: o.Token}
	if o.Out == "" {
		f.Path = connect.Stdout
	}
	return files.NewSink(f)
}

// Expected is the result of the embedded week, as CSV, computed by a batch database. The caller must not change it.
func Expected() []byte { return expectedCSV }

// week returns the path of a memory file with the embedded week.
func week() (string, error) {
	path, err := weekFile()
	if err != nil {
		return "", fmt.Errorf("the embedded week: %w", err)
	}
	return path, nil
}
