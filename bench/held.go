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

// hold compares a result with what is required of it.
func hold(r *Run, requirements []measure.Requirement) []Held {
	var out []Held
	for _, q := range requirements {
		h := Held{Requirement: q, Got: r.Median, Verdict: measure.Unmeasured}
		measured := true
		if q.Of != "" {
			h.Got, measured = r.Ratios[q.Of]
		}
		if measured {
			h.Verdict = q.Judge(h.Got)
		}
		out = append(out, h)
	}
	return out
}

// text is a line: "MISSED of_bound 0.62: at least 0.65, stretch 0.8".
func (h *Held) text(u measure.Unit) string {
	number := func(v float64) string {
		if h.Of == "" {
			return value(v, u)
		}
		return fmt.Sprintf("%.4g", v)
	}
	of, got := h.Of, number(h.Got)
	if of == "" {
		of = "median"
	}
	verdict := map[measure.Verdict]string{
		measure.Missed: "MISSED", measure.Met: "met", measure.Stretched: "met, stretch too", measure.Unmeasured: "UNMEASURED",
	}[h.Verdict]
	if h.Verdict == measure.Unmeasured {
		got = "is not there"
	}
	limit := "at least "
	if h.AtMost {
		limit = "at most "
	}
	limit += number(h.Must)
	if h.Stretch != 0 {
		limit += ", stretch " + number(h.Stretch)
	}
	return fmt.Sprintf("%s: %s %s, %s", verdict, of, got, limit)
}
