package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func written(t *testing.T, r *bench.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestGoldenPages(t *testing.T) {
	for name, r := range map[string]*bench.Report{"report.html": sample(), "compared.html": compared()} {
		path := filepath.Join("testdata", name)
		got := written(t, r)
		if *rewrite {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not what is written now; run with -rewrite and read the difference", path)
		}
	}
}

// TestNothingIsFetched looks for whatever makes a browser go elsewhere, in the style sheet too, and for what runs.
func TestNothingIsFetched(t *testing.T) {
	text := strings.ToLower(written(t, compared()))
	for _, bad := range []string{"http:", "https:", "//", "src=", "href", "url(", "@import", "<script", "<link", "<img", "<iframe", "<object", "javascript", " on"} {
		if bad == " on" { // handlers of events; the word may stand in text
			for _, tag := range tags(t, text) {
				for _, a := range tag.Attr {
					if strings.HasPrefix(a.Name.Local, "on") {
						t.Errorf("<%s> has %s", tag.Name.Local, a.Name.Local)
					}
				}
			}
			continue
		}
		if i := strings.Index(text, bad); i >= 0 {
			t.Errorf("%q: %s", bad, text[max(0, i-60):min(len(text), i+60)])
		}
	}
	if !strings.Contains(text, `content="default-src 'none'; style-src 'unsafe-inline'"`) {
		t.Error("the page does not forbid the browser to fetch")
	}
}

// tags parses a page strictly, as XML, and returns its elements.
func tags(t *testing.T, text string) (out []xml.StartElement) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			out = append(out, e)
		}
	}
}

func TestEveryValueIsDrawnWithinItsPlot(t *testing.T) {
	for _, r := range []*bench.Report{sample(), compared(), {}, {Runs: []bench.Run{sampleRun("alone", measure.Seconds, 1e-9, 0)}}} {
		checkDrawn(t, r)
	}
}

// checkDrawn looks for every repetition of ours in the page, and for coordinates that are none.
func checkDrawn(t *testing.T, r *bench.Report) {
	t.Helper()
	samples, drawn := 0, 0
	for _, run := range r.Runs {
		if run.PeerOf == "" {
			samples += len(run.Samples)
		}
	}
	for _, tag := range tags(t, written(t, r)) {
		for _, a := range tag.Attr {
			switch a.Name.Local {
			case "class":
				if strings.HasPrefix(a.Value, "sample ") {
					drawn++
				}
			case "x", "y", "x1", "y1", "x2", "y2", "cx", "cy":
				if v, err := strconv.ParseFloat(a.Value, 64); err != nil || !(v >= 0 && v < 1e6) {
					t.Errorf("<%s> stands at %s=%s", tag.Name.Local, a.Name.Local, a.Value)
				}
			case "d":
				if strings.ContainsAny(a.Value, "NaIn-") {
					t.Errorf("a curve goes to %s", a.Value)
				}
			}
		}
	}
	if drawn < samples {
		t.Errorf("got %d repetitions drawn, want at least %d", drawn, samples)
	}
}

func TestOnePointIsNoPlot(t *testing.T) {
	r := sample()
	for i := range r.Runs {
		if r.Runs[i].Name != "shuffle-local" {
			r.Runs[i].Points = nil
		}
	}
	if !strings.Contains(written(t, r), "by number of tasks") {
		t.Error("two points are not drawn")
	}
	r.Run("shuffle-local").Points = r.Run("shuffle-local").Points[:1]
	if strings.Contains(written(t, r), "by number of tasks") {
		t.Error("one point is drawn")
	}
}

func TestPlotStandsAlone(t *testing.T) {
	var out bytes.Buffer
	if err := WritePlot(&out, sample()); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	drawn := 0
	for _, tag := range tags(t, text) {
		if tag.Name.Local == "circle" {
			drawn++
		}
	}
	if drawn != 4*5 || !strings.Contains(text, "--c0:") || strings.Contains(text, "flights") || strings.Contains(text, "grpc") {
		t.Errorf("got %d repetitions, want those of four workloads of ours with rows/s, and the style sheet: %s", drawn, text)
	}
	if err := WritePlot(&out, &bench.Report{}); err == nil {
		t.Error("a plot of nothing was written")
	}
}

func TestTextIsEscaped(t *testing.T) {
	const hostile = `<script>alert("x")</script>`
	r := sample()
	r.Machine.CPU, r.Runs[0].Name, r.Runs[0].About = hostile, hostile, hostile
	r.Runs[0].Ratios[hostile] = 1
	r.Runs[0].Points = []measure.Point{{By: measure.ByTasks, At: 1, Line: hostile}}
	r.Comparison = bench.Compare(sample(), r, hostile)
	text := written(t, r)
	if strings.Contains(text, "<script") || !strings.Contains(text, "&lt;script&gt;") {
		t.Error("text of the report got into the page as it was")
	}
	tags(t, text)
}

func TestPageShowsWhatMatters(t *testing.T) {
	text := written(t, compared())
	for _, want := range []string{
		"545.0 M rows/s", "20.0 %", ">MISSED<", "of_bound 0.62", "at least 0.65", ">noisy<", "14.5 GB/s", "p99.9", ">max<", "11.00 ms", "3,000", "ours: 1.32 ×",
		"slower", "not in the base", "go was go1.26.0, is go1.26.8", "logarithmic",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
