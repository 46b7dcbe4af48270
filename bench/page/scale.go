package page

import (
	"math"
	"strconv"
)

// scale places values between two coordinates of a drawing.
type scale struct {
	min, max float64 // values; for log above 0
	from, to float64 // coordinates
	log      bool
}

// logFrom is how far values must lie apart to stand on a logarithmic axis.
const logFrom = 8

// newScale covers the values: from zero, or between round numbers on a logarithmic axis.
func newScale(values []float64, from, to float64) scale {
	least, most := math.Inf(1), 0.
	for _, v := range values {
		most = max(most, v)
		if v > 0 {
			least = min(least, v)
		}
	}
	if most == 0 {
		return scale{0, 1, from, to, false}
	}
	if most/least <= logFrom {
		step := tickStep(most)
		return scale{0, step * math.Ceil(most/step), from, to, false}
	}
	return scale{roundDown(least), roundUp(most), from, to, true}
}

// at is the coordinate of a value, within those of the scale.
func (s scale) at(v float64) float64 {
	v = min(max(v, s.min), s.max)
	share := (v - s.min) / (s.max - s.min)
	if s.log {
		share = math.Log(v/s.min) / math.Log(s.max/s.min)
	}
	return s.from + share*(s.to-s.from)
}

// ticks are round values on the scale, in order.
func (s scale) ticks() (out []float64) {
	if !s.log {
		step := tickStep(s.max)
		for i := 0.; i*step <= s.max*(1+1e-9); i++ {
			out = append(out, i*step)
		}
		return out
	}
	for v := s.min; v <= s.max*(1+1e-9); v = nextRound(v) {
		out = append(out, v)
	}
	if len(out) <= 10 {
		return out
	}
	var decades []float64
	for _, v := range out {
		if exponent := math.Log10(v); math.Abs(exponent-math.Round(exponent)) < 1e-9 {
			decades = append(decades, v)
		}
	}
	return decades
}

// tickStep is a round step that gives four to nine ticks from zero.
func tickStep(most float64) float64 { return roundDown(most / 4) }

// rounds are the round numbers of a decade, and the first of the next.
var rounds = []float64{1, 2, 5, 10}

func roundDown(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)))
	out := decade
	for _, r := range rounds {
		if r*decade <= v*(1+1e-9) {
			out = r * decade
		}
	}
	return out
}

func roundUp(v float64) float64 {
	if down := roundDown(v); down < v*(1-1e-9) {
		return nextRound(down)
	}
	return v
}

// nextRound is the round number after a round number.
func nextRound(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)+1e-9))
	for _, r := range rounds {
		if r*decade > v*(1+1e-9) {
			return r * decade
		}
	}
	return 10 * decade
}

// prefix is a decimal prefix for the ticks of a scale, and its power.
func (s scale) prefix() (name string, power float64) {
	most := s.max
	if s.log {
		most = math.Sqrt(s.min * s.max)
	}
	switch {
	case most >= 1e9:
		return "G ", 1e9
	case most >= 1e6:
		return "M ", 1e6
	case most >= 1e4:
		return "k ", 1e3
	case most < 0.1:
		return "m", 1e-3
	}
	return "", 1
}

// short writes a number as briefly as three digits allow.
func short(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
