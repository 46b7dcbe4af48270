package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
)

// figure is a plot with its words.
type figure struct {
	Title, Caption string
	Plot           template.HTML
}

const dotsLegend = "Dots are repetitions, bars their medians; solid marks say what is required, dashed ones what is wished for."

// unitTitles begin the titles of plots.
var unitTitles = map[measure.Unit]string{
	measure.RowsPerSecond: "Rows per second", measure.BytesPerSecond: "Bytes per second", measure.Seconds: "Times",
}

// figures are all plots of a report, in order.
func figures(r *bench.Report) []figure {
	return slices.Concat(byUnit(r), besidePeers(r), alongAxes(r))
}

// byUnit shows every workload of ours, one plot for each unit.
func byUnit(r *bench.Report) (out []figure) {
	for _, unit := range measure.Units {
		if rows := oursIn(r, unit); len(rows) > 0 {
			better := "More is better."
			if unit.LessIsBetter() {
				better = "Less is better."
			}
			out = append(out, figure{unitTitles[unit], better + " " + dotsLegend, dots(unit, rows).html(unitTitles[unit])})
		}
	}
	return out
}

// oursIn are the workloads of ours with a unit.
func oursIn(r *bench.Report, unit measure.Unit) (rows []dotRow) {
	for i := range r.Runs {
		if run := &r.Runs[i]; run.Unit == unit && run.PeerOf == "" {
			rows = append(rows, rowOf(run, class(0), bench.Value(run.Median, unit)))
		}
	}
	return rows
}

func rowOf(run *bench.Run, class, note string) dotRow {
	row := dotRow{name: run.Name, class: class, samples: run.Samples, median: run.Median, note: note}
	for _, h := range run.Requirements {
		if h.Of == "" {
			row.must, row.stretch = drawable(h.Must), drawable(h.Stretch)
		}
	}
	return row
}

// besidePeers shows a workload of ours above its peers.
func besidePeers(r *bench.Report) (out []figure) {
	var seen []string
	for i := range r.Runs {
		of := r.Runs[i].PeerOf
		ours := r.Run(of)
		if of == "" || ours == nil || slices.Contains(seen, of) {
			continue
		}
		seen = append(seen, of)
		rows := []dotRow{rowOf(ours, class(0), bench.Value(ours.Median, ours.Unit))}
		for j := range r.Runs {
			if peer := &r.Runs[j]; peer.PeerOf == of && peer.Unit == ours.Unit {
				rows = append(rows, rowOf(peer, class(1), fmt.Sprintf("ours: %.2f ×", ours.Median/peer.Median)))
			}
		}
		title := of + " beside what else there is"
		out = append(out, figure{title, "The same rows, made, sent and checked in the same way. " + dotsLegend, dots(ours.Unit, rows).html(title)})
	}
	return out
}

// alongAxes shows what workloads say of themselves along an axis, one plot for each axis and unit.
func alongAxes(r *bench.Report) (out []figure) {
	for _, a := range axes {
		units := measure.Units
		if a.by == measure.ByPercentile {
			units = []measure.Unit{""} // whatever the workload's, these are ms
		}
		for _, unit := range units {
			if curves := curvesOf(r, a.by, unit); worthDrawing(curves) {
				out = append(out, a.figure(unit, curves))
			}
		}
	}
	return out
}

// worthDrawing tells curves from a single point.
func worthDrawing(curves []curve) bool {
	xs, _ := lineFigure{curves: curves}.values()
	return len(xs) > 1
}

// curvesOf joins the points along an axis. Without a unit, all of them.
func curvesOf(r *bench.Report, by measure.Axis, unit measure.Unit) (out []curve) {
	for i := range r.Runs {
		run := &r.Runs[i]
		if unit != "" && run.Unit != unit {
			continue
		}
		for _, p := range run.Points {
			s, ok := spotOf(run, p)
			if !ok || p.By != by {
				continue
			}
			name := p.Line
			if name == "" {
				name = run.Name
			}
			j := slices.IndexFunc(out, func(c curve) bool { return c.name == name })
			if j < 0 {
				j = len(out)
				out = append(out, curve{name: name})
			}
			out[j].points = append(out[j].points, s)
		}
	}
	for _, c := range out {
		slices.SortStableFunc(c.points, func(a, b spot) int {
			if a.x < b.x {
				return -1
			}
			return 1
		})
	}
	return out
}

// spotOf is a point with its value; not ok if nothing was measured.
func spotOf(run *bench.Run, p measure.Point) (s spot, ok bool) {
	s = spot{x: p.At, y: run.Median}
	if p.Of == "" {
		s.low, s.high = slices.Min(run.Samples), slices.Max(run.Samples)
	} else {
		s.y = run.Ratios[p.Of] // 0: it was not measured
	}
	for _, h := range run.Requirements {
		if h.Of == p.Of {
			s.must = drawable(h.Must)
		}
	}
	return s, drawable(s.y) > 0
}

// drawable is v, or 0 if no sensible axis could hold it.
func drawable(v float64) float64 {
	if v < 1e-12 || v > 1e18 {
		return 0
	}
	return v
}

// axisWords say how an axis is drawn.
type axisWords struct {
	by            measure.Axis
	title, xTitle string
	text          func(float64) string
	place         func(float64) float64
}

var axes = []axisWords{
	{by: measure.ByTasks, title: "by number of tasks", xTitle: "tasks", text: grouped},
	{by: measure.ByFrameBytes, title: "by size of frames", xTitle: "frame, KiB", text: func(v float64) string { return short(v / 1024) }},
	{by: measure.ByRowBytes, title: "by size of rows", xTitle: "bytes a row", text: short},
	{by: measure.ByCores, title: "by number of cores", xTitle: "cores", text: short},
	{by: measure.ByPercentile, title: "Latency by percentile", xTitle: "percentile", text: percentText, place: nines},
}

func (a axisWords) figure(unit measure.Unit, curves []curve) figure {
	title, y := unitTitles[unit]+" "+a.title, string(unit)
	caption := "Each line is of one kind of work. Bars show the spread of repetitions where it is known; short dashed marks say what is required of the point in their colour."
	if a.by == measure.ByPercentile {
		title, y = a.title, "ms"
		caption = "Less is better; short dashed marks say how much is allowed at most."
	}
	f := lineFigure{label: title, xTitle: a.xTitle, yTitle: y, place: a.place, xText: a.text, curves: curves}
	return figure{title, caption, f.html()}
}

// nines places percentiles by how rare what lies beyond is: 90, 99, 99.9 stand evenly, and the greatest beyond 99.99.
func nines(p float64) float64 { return min(-math.Log10(1-p/100), 4.5) }

func percentText(p float64) string {
	if p >= 100 {
		return "max"
	}
	return "p" + strconv.FormatFloat(p, 'f', -1, 64)
}

// evenPlace is logarithmic where values lie far apart.
func evenPlace(xs []float64) func(float64) float64 {
	if xs[len(xs)-1]/xs[0] > logFrom {
		return math.Log
	}
	return func(x float64) float64 { return x }
}

// grouped writes a whole number with commas.
func grouped(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
