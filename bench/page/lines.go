package page

import (
	"fmt"
	"html/template"
	"slices"
)

// curve is a line of a plot.
type curve struct {
	name   string
	points []spot
}

// spot is a point of a curve.
type spot struct {
	x, y      float64
	low, high float64 // of the repetitions; 0: not known
	must      float64 // 0: none
}

// lineFigure is a plot of curves over an axis.
type lineFigure struct {
	label  string
	xTitle string
	yTitle string                  // without the prefix
	place  func(x float64) float64 // of an x on an even axis; nil: linear or logarithmic, as the values are
	xText  func(x float64) string
	curves []curve
}

const (
	linesHeight = 360
	linesTop    = 34
	linesBottom = 56
	linesLeft   = 70
	linesRight  = 190 // room for the curves' names
	colours     = 6
)

func (f lineFigure) html() template.HTML {
	d := drawing{height: linesHeight}
	bottom, right := float64(linesHeight-linesBottom), float64(drawWidth-linesRight)
	xs, ys := f.values()
	y := newScale(ys, bottom, linesTop)
	name, power := y.prefix()
	for _, t := range y.ticks() {
		d.line("grid", linesLeft, y.at(t), right, y.at(t))
		d.text("tick", atEnd, linesLeft-8, y.at(t)+4, short(t/power))
	}
	at := f.xScale(xs)
	for _, v := range xs {
		d.line("axis", at(v), bottom, at(v), bottom+5)
		d.text("tick", atMiddle, at(v), bottom+19, f.xText(v))
	}
	d.line("axis", linesLeft, bottom, right, bottom)
	d.text("title", atMiddle, (linesLeft+right)/2, bottom+42, f.xTitle)
	d.text("title", atStart, 12, 14, name+f.yTitle+logWord(y))
	for i, c := range f.curves {
		f.draw(&d, c, class(i), at, y)
	}
	f.names(&d, at, y)
	return d.html(f.label)
}

// values are the distinct x in order, and all y.
func (f lineFigure) values() (xs, ys []float64) {
	for _, c := range f.curves {
		for _, p := range c.points {
			xs = append(xs, p.x)
			ys = append(ys, p.y, p.high, p.must)
		}
	}
	slices.Sort(xs)
	return slices.Compact(xs), ys
}

// xScale places x: with room at both ends, so that no point stands on an axis.
func (f lineFigure) xScale(xs []float64) func(float64) float64 {
	const room = 40
	place := f.place
	if place == nil {
		place = evenPlace(xs)
	}
	first, last := place(xs[0]), place(xs[len(xs)-1])
	from, to := float64(linesLeft+room), float64(drawWidth-linesRight-room)
	return func(x float64) float64 {
		if first == last {
			return (from + to) / 2
		}
		return from + (place(x)-first)/(last-first)*(to-from)
	}
}

func (f lineFigure) draw(d *drawing, c curve, class string, at func(float64) float64, y scale) {
	var px, py []float64
	for _, p := range c.points {
		px, py = append(px, at(p.x)), append(py, y.at(p.y))
	}
	d.path("curve "+class, px, py)
	for i, p := range c.points {
		if p.must > 0 {
			d.line("limit "+class, px[i]-13, y.at(p.must), px[i]+13, y.at(p.must))
		}
		if p.low > 0 && p.high > p.low {
			d.line("range "+class, px[i], y.at(p.low), px[i], y.at(p.high))
		}
		d.circle("point "+class, px[i], py[i], 4.5, fmt.Sprintf("%s, %s %s: %s %s", c.name, f.xText(p.x), f.xTitle, short(p.y), f.yTitle))
	}
}

// names stand right of the last points, pushed apart where they would overlap.
func (f lineFigure) names(d *drawing, at func(float64) float64, y scale) {
	const apart = 16
	type named struct {
		i    int
		x, y float64
	}
	var all []named
	for i, c := range f.curves {
		last := c.points[len(c.points)-1]
		all = append(all, named{i, at(last.x) + 12, y.at(last.y)})
	}
	slices.SortStableFunc(all, func(a, b named) int { return int(a.y - b.y) })
	floor := 0.
	for _, n := range all {
		n.y = max(n.y, floor)
		floor = n.y + apart
		d.text("name "+class(n.i), atStart, n.x, n.y+4, f.curves[n.i].name)
	}
}

// class is the colour of the i-th of something.
func class(i int) string { return fmt.Sprintf("c%d", i%colours) }
