package chaos

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/streamscope/streamscope/bench/measure"
)

//go:embed report.html
var reportHTML string

var reportPage = template.Must(template.New("report").Parse(reportHTML))

// WriteHTML writes the result as one page that needs nothing else: figures, a time line of input rate and faults, the faults one by one.
func (r *Result) WriteHTML(w io.Writer) error {
	kills := r.Gaps(Kill)
	return reportPage.Execute(w, map[string]any{
		"R": r, "Plot": r.plot(), "UsagePlot": r.usagePlot(), "KillGaps": len(kills), "P50": ms(measure.Quantile(kills, 0.5)), "P99": ms(measure.Quantile(kills, 0.99)),
	})
}

func ms(s float64) string { return fmt.Sprintf("%.0f ms", 1000*s) }

const (
	plotWidth, plotHeight           = 1100, 300
	plotLeft, plotBottom, plotRight = 70, 40, 10
	binsMin, binsMax                = 10, 200
)

// rates are events per second over equal parts of the time, of half a second where that makes a fair number of them.
func (r *Result) rates() (length float64, rates []float64) {
	if len(r.Samples) == 0 {
		return 1, make([]float64, binsMin)
	}
	length = r.Samples[len(r.Samples)-1].AtS
	bins := max(binsMin, min(binsMax, int(2*length)))
	rates = make([]float64, bins)
	last := Sample{}
	for _, s := range r.Samples {
		if s.Rows > last.Rows {
			rates[min(bins-1, int(s.AtS/length*float64(bins)))] += float64(s.Rows-last.Rows) / length * float64(bins)
		}
		last = s
	}
	return length, rates
}

func (r *Result) plot() template.HTML {
	length, rates := r.rates()
	top := r.Rate
	for _, v := range rates {
		top = max(top, v)
	}
	b, x, y := axes(length, top, "events per second over time, with faults")
	for _, f := range r.Faults {
		gap := max(f.GapS, 0)
		fmt.Fprintf(b, `<rect class="gap" x="%.1f" y="20" width="%.1f" height="%d"><title>%s at %.1f s, gap %.0f ms</title></rect>`,
			x(f.AtS), max(1.5, x(f.AtS+gap)-x(f.AtS)), plotHeight-plotBottom-20, f.Kind, f.AtS, 1000*gap)
	}
	var points strings.Builder
	for i, v := range rates {
		fmt.Fprintf(&points, "%.1f,%.1f ", x((float64(i)+0.5)*length/float64(len(rates))), y(v))
	}
	fmt.Fprintf(b, `<polyline class="rate" points="%s"/></svg>`, points.String())
	return template.HTML(b.String())
}

// axes begins a plot and says where values go.
func axes(length, top float64, label string) (b *strings.Builder, x, y func(float64) float64) {
	x = func(s float64) float64 { return plotLeft + s/length*(plotWidth-plotLeft-plotRight) }
	y = func(v float64) float64 { return plotHeight - plotBottom - v/top*(plotHeight-plotBottom-20) }
	b = &strings.Builder{}
	fmt.Fprintf(b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, plotWidth, plotHeight, label)
	for i := range 5 {
		v := top * float64(i) / 4
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text text-anchor="end" x="%d" y="%.1f">%.0f</text>`,
			plotLeft, y(v), plotWidth-plotRight, y(v), plotLeft-6, y(v)+4, v)
	}
	for i := range 11 {
		s := length * float64(i) / 10
		fmt.Fprintf(b, `<text text-anchor="middle" x="%.1f" y="%d">%.1f s</text>`, x(s), plotHeight-plotBottom+18, s)
	}
	return b, x, y
}

// usagePlot shows memory and disk over time in MB; empty if they were not watched.
func (r *Result) usagePlot() template.HTML {
	if len(r.Usage) == 0 {
		return ""
	}
	length, top := r.Usage[len(r.Usage)-1].AtS, 1.0
	for _, u := range r.Usage {
		top = max(top, u.RSSBytes/1e6, u.DiskBytes/1e6)
	}
	b, x, y := axes(length, top, "memory and disk over time")
	for class, of := range map[string]func(Usage) float64{
		"rate": func(u Usage) float64 { return u.RSSBytes }, "disk": func(u Usage) float64 { return u.DiskBytes },
	} {
		fmt.Fprintf(b, `<polyline class="%s" points="`, class)
		for _, u := range r.Usage {
			fmt.Fprintf(b, "%.1f,%.1f ", x(u.AtS), y(of(u)/1e6))
		}
		b.WriteString(`"/>`)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}
