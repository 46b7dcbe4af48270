package measure

import (
	"maps"
	"math"
	"testing"
	"time"
)

func TestMedianAndSpread(t *testing.T) {
	for _, c := range []struct {
		values         []float64
		median, spread float64
	}{
		{nil, 0, 0},
		{[]float64{7}, 7, 0},
		{[]float64{4, 2}, 3, 2. / 3},
		{[]float64{9, 1, 5}, 5, 8. / 5},
		{[]float64{4, 1, 3, 2}, 2.5, 3 / 2.5},
	} {
		if got := Median(c.values); got != c.median {
			t.Errorf("median of %v: got %v, want %v", c.values, got, c.median)
		}
		if got := Spread(c.values); math.Abs(got-c.spread) > 1e-12 {
			t.Errorf("spread of %v: got %v, want %v", c.values, got, c.spread)
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{nil, 0.5, 0}, {[]float64{7}, 0.99, 7}, {[]float64{3, 1, 2}, 0, 1}, {[]float64{3, 1, 2}, 0.5, 2}, {[]float64{3, 1, 2}, 1, 3}, {[]float64{4, 3, 1, 2}, 0.5, 2},
		{[]float64{4, 3, 1, 2}, 0.51, 3},
	} {
		if got := Quantile(c.values, c.q); got != c.want {
			t.Errorf("%v of %v: got %v, want %v", c.q, c.values, got, c.want)
		}
	}
}

func TestMedianRatiosTakesEachByItself(t *testing.T) {
	got := MedianRatios([]Sample{{Ratios: Ratios{"a": 1, "b": 5}}, {Ratios: Ratios{"a": 3}}, {Ratios: Ratios{"a": 2}}})
	if want := (Ratios{"a": 2, "b": 5}); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRepeatRunsAtLeastOnce(t *testing.T) {
	calls := 0
	if n, took := Repeat(-time.Second, func() { calls++ }); n != 1 || calls != 1 || took < 0 {
		t.Errorf("got %d calls of %d in %v, want one", calls, n, took)
	}
}

func TestClocksMeasureWork(t *testing.T) {
	before := ProcessCPU()
	x := uint64(1)
	for ProcessCPU() == before { // ends only if the clock goes on with work
		x = x*3 + 1
	}
	if x == 0 || ThreadCPU() <= 0 {
		t.Error("no processor time was counted")
	}
}
