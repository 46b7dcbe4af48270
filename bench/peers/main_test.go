package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

// TestMain is also the other process of the measurements.
func TestMain(m *testing.M) {
	if err, isChild := beChild(context.Background(), os.Args[1:]); isChild {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// netpoll's pollers live as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

func TestReportHasOursAndTheirs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "peers.json")
	var out bytes.Buffer
	err := run(context.Background(), []string{"-duration", "20ms", "-runs", "3", "-json", file, "channels-256", "grpc-256"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Machine map[string]any
		Runs    []struct {
			Name, Unit string
			Median     float64
			Ratios     map[string]float64
			Samples    []float64
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"shuffle-local", "channels-256", "shuffle-tcp", "grpc-256"}
	if got.Machine["cpu"] == nil || len(got.Runs) != len(want) {
		t.Fatalf("got %s, want the machine and %v", b, want)
	}
	for i, name := range want {
		r := got.Runs[i]
		if r.Name != name || r.Unit != "rows/s" || r.Median <= 0 || len(r.Samples) != 3 {
			t.Errorf("run %d: got %+v, want 3 samples of %s", i, r, name)
		}
		if i%2 == 1 {
			ours := got.Runs[i-1]
			if ratio := r.Ratios[ratioName(ours.Name)]; ratio != ours.Median/r.Median {
				t.Errorf("%s: got a ratio of %v, want %v", name, ratio, ours.Median/r.Median)
			}
		}
		if !strings.Contains(out.String(), name) {
			t.Errorf("the table has no %s: %s", name, out.String())
		}
	}
}

func TestReportKeepsWhatItHas(t *testing.T) {
	dir := t.TempDir()
	file, html := filepath.Join(dir, "report.json"), filepath.Join(dir, "report.html")
	old := bench.Report{Machine: machine.Read(), Runs: []bench.Run{
		{Name: "ringlog", Unit: measure.RowsPerSecond, Median: 7, Samples: []float64{7}},
		{Name: "channels-256", Unit: measure.RowsPerSecond, Median: 1, Samples: []float64{1}},
	}}
	if err := old.WriteFile(file); err != nil {
		t.Fatal(err)
	}
	args := []string{"-duration", "20ms", "-runs", "1", "-json", file, "-html", html, "channels-256"}
	if err := run(context.Background(), args, new(bytes.Buffer)); err != nil {
		t.Fatal(err)
	}
	got, err := bench.ReadReport(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Runs) != 3 || got.Run("ringlog").Median != 7 || got.Run("channels-256").Median == 1 || got.Run("channels-256").PeerOf != "shuffle-local" {
		t.Errorf("got %+v, want ringlog as it was, channels-256 measured anew, and shuffle-local", got.Runs)
	}
	page, err := os.ReadFile(html)
	if err != nil || !bytes.Contains(page, []byte("ringlog")) || !bytes.Contains(page, []byte("shuffle-local beside")) {
		t.Errorf("%v: the page has no ringlog, or no plot of shuffle-local beside others", err)
	}
}

func TestReportOfAnotherMachineIsRefusedAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	facts := machine.Read()
	facts.Cores++
	old := bench.Report{Machine: facts, Runs: []bench.Run{{Name: "ringlog", Unit: measure.RowsPerSecond, Median: 7, Samples: []float64{7}}}}
	if err := old.WriteFile(file); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := run(context.Background(), []string{"-json", file}, &out)
	if err == nil || !strings.Contains(err.Error(), "another machine: cores was") || out.Len() > 0 {
		t.Errorf("got %v after %s, want an error before anything is measured", err, &out)
	}
}

func TestFaultyCommandLines(t *testing.T) {
	for _, args := range [][]string{{"rumba"}, {"-runs", "0"}, {"-duration", "-1s"}, {"-rumba"}} {
		var usage usageError
		if err := run(context.Background(), args, new(bytes.Buffer)); !errors.As(err, &usage) {
			t.Errorf("%v: got %v, want an error of usage", args, err)
		}
	}
}
