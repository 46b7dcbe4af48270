package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

func TestEveryNameIsOneWorkload(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range Catalog() {
		if seen[w.Name] || w.Name == Standard {
			t.Errorf("%s is there twice", w.Name)
		}
		seen[w.Name] = true
		for _, k := range w.Kernels {
			find(k) // panics if there is none
		}
		if w.Relate != nil && len(w.Kernels) == 0 {
			t.Errorf("%s relates to no kernel", w.Name)
		}
	}
}

func TestSelectTakesEachOnceInOrder(t *testing.T) {
	got, err := Select([]string{"sum", "fill", "sum"})
	if err != nil || len(got) != 2 || got[0].Name != "sum" || got[1].Name != "fill" {
		t.Errorf("got %v, %v, want sum and fill", got, err)
	}
	if all, err := Select([]string{Standard, "ringlog"}); err != nil || len(all) < 5 {
		t.Errorf("standard: got %d, %v", len(all), err)
	}
	if _, err := Select([]string{"rumba"}); err == nil || !strings.Contains(err.Error(), `"rumba"`) {
		t.Errorf("got %v, want an error that names rumba", err)
	}
}

func TestReportHasTheSchema(t *testing.T) {
	var out bytes.Buffer
	o := Options{Names: []string{"ringlog", "checksum"}, Duration: 20 * time.Millisecond, Runs: 3, Out: &out,
		Env: measure.Env{Cores: 1, Say: func(string, ...any) {}}}
	r, err := Measure(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "report.json")
	if err := r.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Machine map[string]any
		Runs    []struct {
			Name, Unit     string
			Median, Spread *float64
			Ratios         map[string]float64
			Samples        []float64
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for _, fact := range []string{"cpu", "kernel", "cores", "copy_bytes_per_s", "loopback_bytes_per_s", "fill_rows_per_s", "sum_rows_per_s"} {
		if got.Machine[fact] == nil {
			t.Errorf("machine has no %s: %s", fact, b)
		}
	}
	if len(got.Runs) != 2 || got.Runs[0].Name != "ringlog" || got.Runs[0].Unit != "rows/s" || got.Runs[1].Unit != "bytes/s" {
		t.Fatalf("got runs %+v", got.Runs)
	}
	run := got.Runs[0]
	if run.Median == nil || *run.Median <= 0 || run.Spread == nil || len(run.Samples) != 3 || run.Ratios["of_slower_kernel"] <= 0 {
		t.Errorf("got %s", b)
	}
	if !strings.Contains(out.String(), "ringlog") || !strings.Contains(out.String(), "at least 122.5 M rows/s") {
		t.Errorf("got text %s", out.String())
	}
}

// TestRatiosToNothingAreLeftOut measures what divides by zero, and what finds no value at all.
func TestRatiosToNothingAreLeftOut(t *testing.T) {
	o := Options{Duration: time.Millisecond, Runs: 1, Out: io.Discard, Env: measure.Env{Cores: 1, Say: func(string, ...any) {}}}
	of := func(s measure.Sample) []measure.Workload {
		f := measure.Func(func(context.Context, time.Duration) (measure.Sample, error) { return s, nil })
		return []measure.Workload{{Name: "odd", Unit: measure.Seconds, Require: []measure.Requirement{{Of: "nan", Must: 1}},
			Open: func(context.Context, measure.Env) (measure.Session, error) { return f, nil }}}
	}
	r, err := MeasureThese(context.Background(), o, of(measure.Sample{Value: 1, Ratios: measure.Ratios{"nan": math.NaN(), "inf": math.Inf(1), "two": 2}}))
	if err != nil {
		t.Fatal(err)
	}
	run := r.Run("odd")
	if _, two := run.Ratios["two"]; !two || len(run.Ratios) != 2 || run.Requirements[0].Verdict != measure.Unmeasured {
		t.Errorf("got %+v, want the ratios two and others_cpu, and nan not measured", run)
	}
	if err := r.WriteFile(filepath.Join(t.TempDir(), "report.json")); err != nil {
		t.Error(err)
	}
	if _, err := MeasureThese(context.Background(), o, of(measure.Sample{Value: math.Inf(1)})); err == nil || !strings.Contains(err.Error(), "repetition 1: got +Inf s") {
		t.Errorf("got %v, want an error that says +Inf s", err)
	}
}

// TestStandardSetTakesLessThanTenMinutes adds up what `make bench` plans; setting up takes some more.
func TestStandardSetTakesLessThanTenMinutes(t *testing.T) {
	const runs, duration, most = 7, 2 * time.Second, 8 * time.Minute
	all, err := Select([]string{Standard})
	if err != nil {
		t.Fatal(err)
	}
	if got := newMeter(&Options{Duration: duration, Runs: runs}, all).total; got > most {
		t.Errorf("%d workloads: got %v, want at most %v", len(all), got, most)
	}
}

func TestNothingIsWrittenWhereThereIsNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "report.json")
	if err := (&Report{}).WriteFile(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
}

// TestTimeBesidesRepetitions checks the bound of the package document by arithmetic: no clock is read.
func TestTimeBesidesRepetitions(t *testing.T) {
	for _, d := range []time.Duration{time.Millisecond, time.Second, time.Hour} {
		o := Options{Duration: d}
		for _, w := range Catalog() {
			rest := o.part(warmPart) + 2*time.Duration(len(w.Kernels))*o.part(2*kernelPart) + 4*o.part(kernelPart)
			if rest > 2*d {
				t.Errorf("%s, repetitions of %v: %v besides them, want at most twice", w.Name, d, rest)
			}
		}
	}
}
