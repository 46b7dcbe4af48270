package bench

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/bench/measure"
)

func sampleReport() *Report {
	a, b := runOf("ringlog", 3, 1, 2), runOf("flights", 5, 5)
	a.Ratios = measure.Ratios{"of_bound": 0.5}
	a.Points = []measure.Point{{By: measure.ByTasks, At: 64}}
	a.Hold([]measure.Requirement{{Must: 1, Stretch: 9}, {Of: "of_bound", Must: 0.6}, {Of: "none", Must: 1}})
	return &Report{Runs: []Run{a, b}}
}

func TestReadGivesWhatWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	want := sampleReport()
	if err := want.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadReport(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestHostileReports(t *testing.T) {
	good, err := json.Marshal(sampleReport())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"", "", ""},
		{`"median":2,`, `"median":7,`, "runs[0].median: got 7, want 2, the median of the samples"},
		{`"spread":1,`, `"spread":0,`, "runs[0].spread: got 0, want 1"},
		{`"samples":[3,1,2]`, `"samples":[]`, "runs[0].samples: got 0, want 1 to 10000"},
		{`"samples":[3,1,2]`, `"samples":[3,-1,2]`, "runs[0].samples[1]: got -1, want 1e-12 to 1e+18"},
		{`"samples":[3,1,2]`, `"samples":[3,"1",2]`, "samples"},
		{`"samples":[3,1,2]`, `"samples":[3,1e999,2]`, "got number 1e999, want float64"},
		{`"name":"flights"`, `"name":"ringlog"`, `runs[1].name: got "ringlog", which runs[0] has already`},
		{`"name":"flights"`, `"name":""`, "runs[1].name: got none"},
		{`"name":"flights"`, `"name":"\u001b[2J"`, `runs[1].name: got "\x1b[2J", want printable text`},
		{`"name":"flights"`, `"name":"` + strings.Repeat("x", 201) + `"`, "runs[1].name: got 201 bytes of text, want at most 200"},
		{`"unit":"rows/s"`, `"unit":"rows"`, `runs[0].unit: got "rows", want one of [rows/s`},
		{`"verdict":"missed"`, `"verdict":"met"`, `runs[0].requirements[1].verdict: got "met", want "missed"`},
		{`"at":64`, `"at":-1`, "runs[0].points[0].at: got -1"},
		{`"by":"tasks","at":64`, `"by":"percentile","at":101`, "runs[0].points[0].at: got 101, want a percentile of at most 100"},
		{`"cpu":""`, `"cpu":"a\nb"`, `machine.cpu: got "a\nb"`},
		{`"cores":0`, `"cores":"two"`, "machine.cores: got string, want int"},
		{`"runs":[`, `"runs":[]}`, "line 1"},
		{`}]}`, `}]} {}`, "something follows the report"},
		{`}]}`, ``, "it ends in the middle of a report"},
	} {
		text := strings.Replace(string(good), c.from, c.to, 1)
		if c.from != "" && text == string(good) {
			t.Fatalf("no %s in %s", c.from, good)
		}
		if c.from == "}]}" {
			text = strings.TrimSuffix(string(good), c.from) + c.to
		}
		_, err := ParseReport([]byte(text))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s instead of %s: got %v, want %q", c.to, c.from, err, c.want)
		}
	}
	for text, want := range map[string]string{"": "line 1", "[{}]": "got array, want bench.Report", "{}": "runs: got none", "\n\nx": "line 3: not JSON"} {
		if _, err := ParseReport([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestReadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	huge := filepath.Join(dir, "huge.json")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, readMaxBytes+1); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		broken: "ends in the middle", huge: "larger than 16 MiB", dir: "is a directory", filepath.Join(dir, "none.json"): "no such file",
	} {
		if _, err := ReadReport(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that names %s and says %q", err, path, want)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	good, err := json.Marshal(sampleReport())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"runs":[{"name":"x","unit":"s","median":1,"samples":[1]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReport(b)
		if err != nil {
			return
		}
		for _, c := range Compare(r, r, "itself").Changes {
			if c.Movement != Same && c.Movement != Incomparable || c.Change != 0 || math.IsNaN(c.P) {
				t.Errorf("a report beside itself: got %+v", c)
			}
		}
		if again, err := json.Marshal(r); err != nil {
			t.Errorf("it was read, but cannot be written: %v", err)
		} else if _, err := ParseReport(again); err != nil {
			t.Errorf("it was read, written, and cannot be read: %v", err)
		}
	})
}
