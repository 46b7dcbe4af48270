package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	_ "github.com/streamscope/streamscope/vertex/connect/parquet"
)

// dataset is flights with their expected result, in each format that can be read.
type dataset struct {
	name     string
	parquet  string
	airports string
	expected []byte
	csv      func() (string, error)
	jsonl    func() (string, error)
}

// The committed week stands beside the job; January stands outside of the repository, where the developers' data are.
const (
	weekFolder = "../../bench/flights/data"
	sharedData = "../../../shared/data"
)

func loadDataset(t testing.TB, name, parquet, airports, expected string) *dataset {
	t.Helper()
	want, err := os.ReadFile(expected)
	if err != nil {
		t.Fatal(err)
	}
	d := &dataset{name: name, parquet: absolute(t, parquet), airports: absolute(t, airports), expected: want}
	d.csv = sync.OnceValues(func() (string, error) { return convert(d.parquet, name+".csv", csvHead, csvLine) })
	d.jsonl = sync.OnceValues(func() (string, error) { return convert(d.parquet, name+".jsonl", "", jsonLine) })
	return d
}

func week(t testing.TB) *dataset {
	return loadDataset(t, "week", weekFolder+"/flights-2001-w1.parquet", weekFolder+"/airports.csv", weekFolder+"/knock-on-2001-w1.csv")
}

// january returns nil where the data are not there; continuous integration must have them.
func january(t testing.TB) *dataset {
	if _, err := os.Stat(sharedData); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true needs the data of January: %v", err)
		}
		t.Logf("January is left out: its data are not at %s", sharedData)
		return nil
	}
	return loadDataset(t, "january", sharedData+"/flights-2001-01.parquet", sharedData+"/airports.csv", sharedData+"/expected/knock-on-2001-01.csv")
}

func absolute(t testing.TB, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// input returns the dataset as a file of the given format.
func (d *dataset) input(t testing.TB, format string) string {
	t.Helper()
	path, err := d.parquet, error(nil)
	switch format {
	case "csv":
		path, err = d.csv()
	case "jsonl":
		path, err = d.jsonl()
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// flight is a row of the inputs.
type flight struct {
	at                  time.Time
	delay, distance     int64
	origin, destination []byte
}

// The columns stand in another order than in the Parquet file, with one more that the job does not know.
const csvHead = "destination,extra,delay,date,origin,distance\n"

func csvLine(w io.Writer, f flight) error {
	_, err := fmt.Fprintf(w, "%s,x,%d,%s,%s,%d\n", f.destination, f.delay, f.at.Format("2006-01-02 15:04"), f.origin, f.distance)
	return err
}

func jsonLine(w io.Writer, f flight) error {
	_, err := fmt.Fprintf(w, `{"date":"%s","delay":%d,"distance":%d,"origin":"%s","destination":"%s"}`+"\n",
		f.at.Format("2006-01-02T15:04:05Z"), f.delay, f.distance, f.origin, f.destination)
	return err
}

// convert writes the flights of a Parquet file in another format into the tests' folder.
func convert(parquet, name, head string, line func(io.Writer, flight) error) (path string, err error) {
	f, err := os.CreateTemp(testFolder, name+".*") // several tests may make it at the same time
	if err != nil {
		return "", err
	}
	w := bufio.NewWriter(f)
	_, err = w.WriteString(head)
	if err == nil {
		err = eachFlight(parquet, func(f flight) error { return line(w, f) })
	}
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return "", err
	}
	path = filepath.Join(testFolder, name)
	return path, os.Rename(f.Name(), path)
}

func eachFlight(parquet string, do func(flight) error) error {
	schema := &batch.Schema{Fields: []batch.Field{
		{Name: "delay", Kind: batch.Int64}, {Name: "distance", Kind: batch.Int64},
		{Name: "origin", Kind: batch.String}, {Name: "destination", Kind: batch.String},
	}}
	src, err := connect.NewSource(connect.Files{Paths: []string{parquet}, Schema: schema, Time: "date"})
	if err != nil {
		return err
	}
	splits, err := src.Splits()
	if err != nil {
		return err
	}
	ready := make(chan struct{}, 1)
	r, err := src.Open(splits[0], nil, func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		b, err := r.Read(1 << 20)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b == nil {
			<-ready
			continue
		}
		for i := range b.N {
			f := flight{time.UnixMicro(b.Vs[i]).UTC(), b.Cols[0].Int64s()[i], b.Cols[1].Int64s()[i], b.Cols[2].Bytes(i), b.Cols[3].Bytes(i)}
			if err := do(f); err != nil {
				return err
			}
		}
	}
}

// withoutATL returns the airports less ATL, and what the result is then: its state is empty.
func withoutATL(t testing.TB, d *dataset) (airports string, expected []byte) {
	t.Helper()
	table, err := os.ReadFile(d.airports)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(table)) {
		if !strings.HasPrefix(line, "ATL,") {
			kept = append(kept, line)
		}
	}
	airports = filepath.Join(t.TempDir(), "airports.csv")
	if err := os.WriteFile(airports, []byte(strings.Join(kept, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	expected = bytes.ReplaceAll(d.expected, []byte("Z,ATL,GA,"), []byte("Z,ATL,,"))
	if bytes.Equal(expected, d.expected) || len(kept) == strings.Count(string(table), "\n") {
		t.Fatal("ATL is in neither table nor result: this shows nothing")
	}
	return airports, expected
}
