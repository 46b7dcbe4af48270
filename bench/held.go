package bench

import (
	"fmt"

	"github.com/streamscope/streamscope/bench/measure"
)

// Held is a requirement beside what was measured.
type Held struct {
	measure.Requirement
	// Got is the median or the ratio that Of names; 0 if the verdict is Unmeasured.
	Got     float64         `json:"got"`
	Verdict measure.Verdict `json:"verdict"`
}

// Hold adds requirements, compared with the result.
func (r *Run) Hold(requirements []measure.Requirement) {
	for _, q := range requirements {
		r.Requirements = append(r.Requirements, Held{Requirement: q}.judged(r))
	}
}

// judged is h with what r says.
func (h Held) judged(r *Run) Held {
	h.Got, h.Verdict = r.Median, measure.Unmeasured
	measured := true
	if h.Of != "" {
		h.Got, measured = r.Ratios[h.Of]
	}
	if measured {
		h.Verdict = h.Judge(h.Got)
	}
	return h
}

// Limit says what is required in words: "at least 0.65, stretch 0.8".
func (h Held) Limit(u measure.Unit) string {
	s := "at least "
	if h.AtMost {
		s = "at most "
	}
	s += h.number(h.Must, u)
	if h.Stretch != 0 {
		s += ", stretch " + h.number(h.Stretch, u)
	}
	return s
}

// Subject says what is compared, and its value: "of_bound 0.62".
func (h Held) Subject(u measure.Unit) string {
	name := h.Of
	if name == "" {
		name = "median"
	}
	if h.Verdict == measure.Unmeasured {
		return name
	}
	return name + " " + h.number(h.Got, u)
}

func (h Held) number(v float64, u measure.Unit) string {
	if h.Of == "" {
		return Value(v, u)
	}
	return Number(v)
}

// verdicts are the words for people.
var verdicts = map[measure.Verdict]string{
	measure.Missed: "MISSED", measure.Met: "met", measure.Stretched: "met, stretch too", measure.Unmeasured: "NOT MEASURED",
}

// text is a line: "MISSED: of_bound 0.62, at least 0.65, stretch 0.8".
func (h Held) text(u measure.Unit) string {
	return fmt.Sprintf("%s: %s, %s", verdicts[h.Verdict], h.Subject(u), h.Limit(u))
}
