package page

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var page = template.Must(template.New("page").Parse(pageHTML))

// view is what the template sees.
type view struct {
	Style      template.CSS
	When       string
	Machine    machine.Facts
	Facts      []pair
	Cards      []card
	Rows       []row
	Figures    []figure
	Comparison *bench.Comparison
}

// pair is a name and its value.
type pair struct{ Name, Value string }

// card is a figure to see first.
type card struct {
	Mood       string // good, bad, warn or empty: a class of the style sheet
	Head, Text string
}

// row is a line of the table.
type row struct {
	Name, About   string
	Median, Share string
	Noisy, Peer   bool
	Held          []held
	Ratios        []pair
	Change        *change
}

// held is a requirement; Mood as in card.
type held struct{ Mood, Word, Subject, Limit string }

// change is what became of a workload since the base.
type change struct{ Mood, Percent, Word, Why string }

// Write writes the report as HTML.
func Write(w io.Writer, r *bench.Report) error {
	v := view{
		Style: template.CSS(pageCSS), Machine: r.Machine, Facts: facts(r.Machine), Cards: cards(r),
		Figures: figures(r), Comparison: r.Comparison,
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		if at := run.At; !at.IsZero() {
			v.When = max(v.When, at.UTC().Format("2006-01-02 15:04 UTC"))
		}
		v.Rows = append(v.Rows, rowOfTable(run, r.Comparison))
	}
	if err := page.Execute(w, v); err != nil {
		return fmt.Errorf("page of the report: %w", err)
	}
	return nil
}

// WritePlot writes one plot as an SVG file: all workloads of ours that have rows/s.
func WritePlot(w io.Writer, r *bench.Report) error {
	rows := oursIn(r, measure.RowsPerSecond)
	if len(rows) == 0 {
		return errors.New("plot of the report: no workload in it has rows/s")
	}
	_, err := io.WriteString(w, dots(measure.RowsPerSecond, rows).alone(unitTitles[measure.RowsPerSecond]))
	return err
}

func facts(m machine.Facts) []pair {
	return []pair{
		{"processor", fmt.Sprintf("%s, %d cores, %s", m.CPU, m.Cores, m.Arch)},
		{"memory", bench.Amount(float64(m.MemoryBytes), "B")},
		{"system", m.Kernel + ", " + m.Go},
		{"load before", fmt.Sprintf("%.2f", m.Load1)},
		{"copies memory at", bench.Amount(m.CopyBytesPerS, "B/s") + ", one core"},
		{"loopback carries", bench.Amount(m.LoopbackBytesPerS, "B/s") + ", net.Buffers, all cores"},
		{"makes 32-byte rows at", bench.Amount(m.FillRowsPerS, " rows/s") + ", one core"},
		{"sums 32-byte rows at", bench.Amount(m.SumRowsPerS, " rows/s") + ", one core"},
	}
}

func rowOfTable(run *bench.Run, c *bench.Comparison) row {
	out := row{
		Name: run.Name, About: run.About, Median: bench.Value(run.Median, run.Unit), Share: fmt.Sprintf("%.1f %%", 50*run.Spread),
		Noisy: run.Noisy, Peer: run.PeerOf != "",
	}
	for _, h := range run.Requirements {
		mood, word := verdictWords(h.Verdict)
		out.Held = append(out.Held, held{mood, word, h.Subject(run.Unit), h.Limit(run.Unit)})
	}
	for _, name := range slices.Sorted(maps.Keys(run.Ratios)) {
		out.Ratios = append(out.Ratios, pair{name, bench.Number(run.Ratios[name])})
	}
	if c != nil {
		out.Change = changeOf(run.Name, c)
	}
	return out
}

func verdictWords(v measure.Verdict) (mood, word string) {
	switch v {
	case measure.Stretched:
		return "good", "✓✓"
	case measure.Met:
		return "good", "✓"
	case measure.Missed:
		return "bad", "MISSED"
	}
	return "warn", "not measured"
}

func changeOf(name string, c *bench.Comparison) *change {
	i := slices.IndexFunc(c.Changes, func(ch bench.Change) bool { return ch.Name == name })
	if i < 0 {
		return nil
	}
	ch := c.Changes[i]
	out := &change{Word: string(ch.Movement), Why: ch.Why}
	if ch.Movement != bench.Incomparable {
		out.Percent = fmt.Sprintf("%+.1f %%", 100*ch.Change)
	}
	switch ch.Movement {
	case bench.Faster:
		out.Mood = "good"
	case bench.Slower:
		out.Mood = "bad"
	}
	return out
}
