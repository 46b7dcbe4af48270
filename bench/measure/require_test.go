package measure

import (
	"math"
	"testing"
)

func TestJudge(t *testing.T) {
	rate := Requirement{Must: 60e6, Stretch: 80e6}
	latency := Requirement{Of: "p99_ms", Must: 15, Stretch: 7.5, AtMost: true}
	none := Requirement{Of: "allocs_per_frame", Must: 0, AtMost: true}
	for _, c := range []struct {
		r    Requirement
		got  float64
		want Verdict
	}{
		{rate, 59.9e6, Missed}, {rate, 60e6, Met}, {rate, 79e6, Met}, {rate, 80e6, Stretched},
		{latency, 15.1, Missed}, {latency, 15, Met}, {latency, 7.5, Stretched},
		{none, 0, Met}, {none, 0.01, Missed},
		{Requirement{Must: 1}, 5, Met},
		{rate, math.NaN(), Missed}, {latency, math.NaN(), Missed},
	} {
		if got := c.r.Judge(c.got); got != c.want {
			t.Errorf("%+v, %v: got %s, want %s", c.r, c.got, got, c.want)
		}
	}
}
