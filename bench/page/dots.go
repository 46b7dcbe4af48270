package page

import (
	"fmt"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
)

// dotRow is a workload in a dot plot.
type dotRow struct {
	name          string
	class         string // c0, c1, …
	samples       []float64
	median        float64
	must, stretch float64 // 0: none
	note          string  // at the right
}

const (
	rowHeight  = 30
	dotsTop    = 12
	dotsBottom = 50
	charWidth  = 7.3 // of labels, which have 12 px of a monospaced font
	rightNote  = 120
)

// dots draws a line of repetitions for each row, all on one axis.
func dots(unit measure.Unit, rows []dotRow) *drawing {
	longest := 0
	var values []float64
	for _, r := range rows {
		longest = max(longest, len([]rune(r.name)))
		values = append(append(values, r.samples...), r.median, r.must, r.stretch)
	}
	d := drawing{height: dotsTop + rowHeight*float64(len(rows)) + dotsBottom}
	left, bottom := min(charWidth*float64(longest)+18, drawWidth/2), d.height-dotsBottom
	x := newScale(values, left, drawWidth-rightNote)
	name, power := x.prefix()
	for _, t := range x.ticks() {
		d.line("grid", x.at(t), dotsTop, x.at(t), bottom)
		d.text("tick", atMiddle, x.at(t), bottom+16, short(t/power))
	}
	d.line("axis", left, bottom, drawWidth-rightNote, bottom)
	d.text("title", atMiddle, (left+drawWidth-rightNote)/2, bottom+38, name+string(unit)+logWord(x))
	for i, r := range rows {
		drawDots(&d, x, r, dotsTop+rowHeight*(float64(i)+0.5), left, unit)
	}
	return &d
}

func drawDots(d *drawing, x scale, r dotRow, y, left float64, unit measure.Unit) {
	d.text("name", atEnd, left-10, y+4, r.name)
	least, most := r.samples[0], r.samples[0]
	for _, v := range r.samples {
		least, most = min(least, v), max(most, v)
	}
	d.line("range "+r.class, x.at(least), y, x.at(most), y)
	if r.stretch > 0 {
		d.line("stretch", x.at(r.stretch), y-11, x.at(r.stretch), y+11)
	}
	if r.must > 0 {
		d.line("must", x.at(r.must), y-11, x.at(r.must), y+11)
	}
	for i, v := range r.samples {
		d.circle("sample "+r.class, x.at(v), y, 4, fmt.Sprintf("%s, repetition %d: %s", r.name, i+1, bench.Value(v, unit)))
	}
	d.line("median "+r.class, x.at(r.median), y-8, x.at(r.median), y+8)
	d.text("note", atStart, drawWidth-rightNote+12, y+4, r.note)
}

func logWord(s scale) string {
	if s.log {
		return ", logarithmic"
	}
	return ""
}
