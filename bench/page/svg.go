package page

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// drawing writes SVG elements. Classes are of the style sheet; coordinates are in pixels of a drawing that is drawWidth wide.
type drawing struct {
	body   strings.Builder
	height float64
}

const drawWidth = 880

// anchors of text.
const (
	atStart  = "start"
	atMiddle = "middle"
	atEnd    = "end"
)

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&d.body, `<line class=%q x1=%q y1=%q x2=%q y2=%q/>`, class, px(x1), px(y1), px(x2), px(y2))
}

// circle is a dot; hovering shows the title.
func (d *drawing) circle(class string, x, y, r float64, title string) {
	fmt.Fprintf(&d.body, `<circle class=%q cx=%q cy=%q r=%q><title>%s</title></circle>`, class, px(x), px(y), px(r), escape(title))
}

func (d *drawing) text(class, anchor string, x, y float64, s string) {
	fmt.Fprintf(&d.body, `<text class=%q text-anchor=%q x=%q y=%q>%s</text>`, class, anchor, px(x), px(y), escape(s))
}

// path joins points.
func (d *drawing) path(class string, x, y []float64) {
	var p strings.Builder
	for i := range x {
		word := "L"
		if i == 0 {
			word = "M"
		}
		p.WriteString(word + px(x[i]) + " " + px(y[i]))
	}
	fmt.Fprintf(&d.body, `<path class=%q d=%q/>`, class, &p)
}

// html is the whole drawing, for a page that has the style sheet; label says to those who cannot see it what it shows.
func (d *drawing) html(label string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %d %s" role="img" aria-label="%s">%s</svg>`, drawWidth, px(d.height), escape(label), &d.body))
}

// alone is the drawing as a file of its own.
func (d *drawing) alone(label string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]s" viewBox="0 0 %[1]d %[2]s" role="img" aria-label="%[3]s"><style>%[4]s</style>`+
		`<rect width="%[1]d" height="%[2]s" style="fill: var(--raised)"/>%[5]s</svg>`+"\n", drawWidth, px(d.height), escape(label), pageCSS, &d.body)
}

func px(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

func escape(s string) string { return template.HTMLEscapeString(s) }
