package bench

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

func runOf(name string, samples ...float64) Run {
	return Run{
		Name: name, Unit: measure.RowsPerSecond, Median: measure.Median(samples), Spread: measure.Spread(samples),
		Ratios: measure.Ratios{}, Samples: samples,
	}
}

func TestMovements(t *testing.T) {
	steady := []float64{100, 101, 102, 103, 104}
	times := func(f float64) (out []float64) {
		for _, v := range steady {
			out = append(out, f*v)
		}
		return out
	}
	beside := func(r Run, v float64) Run { r.Beside, r.Ratios["of_bound"] = "of_bound", v; return r }
	others := func(r Run, v float64) Run { r.Ratios[othersCPU] = v; return r }
	sized := func(r Run, v float64) Run { r.Size, r.Ratios["rows"] = "rows", v; return r }
	seconds := func(r Run) Run { r.Unit = measure.Seconds; return r }
	for _, c := range []struct {
		name     string
		was, now Run
		want     Movement
		why      string
	}{
		{"itself", runOf("x", steady...), runOf("x", steady...), Same, "mix"},
		{"half", runOf("x", steady...), runOf("x", times(0.5)...), Slower, "p=0.008"},
		{"twice", runOf("x", steady...), runOf("x", times(2)...), Faster, "p=0.008"},
		{"half the time", seconds(runOf("x", steady...)), seconds(runOf("x", times(0.5)...)), Faster, ""},
		{"twice the time", seconds(runOf("x", steady...)), seconds(runOf("x", times(2)...)), Slower, ""},
		{"apart, but little", runOf("x", steady...), runOf("x", times(0.955)...), Same, "at most 5 %"},
		{"apart, and yet spread", runOf("x", 100, 101, 102, 103, 104), runOf("x", 99, 80, 70, 55, 40), Same, "repetitions spread by 84 %"},
		{"much, but mixed", runOf("x", 90, 95, 100, 105, 110), runOf("x", 70, 75, 80, 91, 96), Same, "mix"},
		{"few", runOf("x", 1, 1, 1), runOf("x", 9, 9, 9), Incomparable, "3 and 3 repetitions"},
		{"few and many", runOf("x", 1, 1, 1), runOf("x", 9, 9, 9, 9, 9, 9, 9, 9, 9, 9), Faster, ""},
		{"another unit", runOf("x", steady...), seconds(runOf("x", steady...)), Incomparable, "its unit was rows/s, is s"},
		{"of another size", sized(runOf("x", steady...), 100), sized(runOf("x", times(2)...), 200), Incomparable, "other work: rows was 100, is 200"},
		{"of the same size", sized(runOf("x", steady...), 100), sized(runOf("x", times(2)...), 100), Faster, ""},
		{"with the machine", beside(runOf("x", steady...), 0.6), beside(runOf("x", times(0.7)...), 0.58), Same, "of_bound went from 0.6 to 0.58"},
		{"against the machine", beside(runOf("x", steady...), 0.6), beside(runOf("x", times(0.7)...), 0.45), Slower, ""},
		{"beside nothing then", runOf("x", steady...), beside(runOf("x", times(0.7)...), 0.58), Slower, ""},
		{"disturbed now", runOf("x", steady...), others(runOf("x", times(0.7)...), 0.3), Same, "others used 30 % of the processors now"},
		{"disturbed then", others(runOf("x", steady...), 0.3), runOf("x", times(1.7)...), Same, "processors then"},
		{"slower than disturbed", others(runOf("x", steady...), 0.3), runOf("x", times(0.7)...), Slower, ""},
	} {
		got := Compare(&Report{Runs: []Run{c.was}}, &Report{Runs: []Run{c.now}}, "base.json").Changes[0]
		if got.Movement != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: got %s because %q, want %s because %q", c.name, got.Movement, got.Why, c.want, c.why)
		}
	}
}

func TestComparisonCoversBothReports(t *testing.T) {
	was := &Report{Machine: machine.Facts{CPU: "a", Cores: 2, Go: "go1"}, Runs: []Run{runOf("both", 1), runOf("gone", 1)}}
	now := &Report{Machine: machine.Facts{CPU: "a", Cores: 2, Go: "go2"}, Runs: []Run{runOf("new", 1), runOf("both", 1)}}
	c := Compare(was, now, "base.json")
	var out strings.Builder
	c.Print(&out)
	for _, want := range []string{"new ", "not in the base", "gone ", "not measured now", "go was go1, is go2", "0 faster, 0 slower, 0 the same within noise, 3 not comparable"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, &out)
		}
	}
	now.Machine.Cores = 4
	if got := Compare(was, now, "base.json").Changes[1]; got.Movement != Incomparable || got.Why != "another machine: cores was 2, is 4" {
		t.Errorf("got %+v, want another machine", got)
	}
}

// TestNoiseIsSeldomAChange draws both reports from one distribution, and counts false alarms.
func TestNoiseIsSeldomAChange(t *testing.T) {
	const trials, seed = 2000, 7
	random := rand.New(rand.NewPCG(seed, 1))
	alarms, found := 0, 0
	for range trials {
		draw := func(of float64) Run {
			var v []float64
			for range 5 {
				v = append(v, of*math.Exp(0.04*random.NormFloat64()))
			}
			return runOf("x", v...)
		}
		judged := func(now Run) Movement {
			return Compare(&Report{Runs: []Run{draw(100)}}, &Report{Runs: []Run{now}}, "").Changes[0].Movement
		}
		if judged(draw(100)) != Same {
			alarms++
		}
		if judged(draw(80)) == Slower {
			found++
		}
	}
	if alarms > trials/100 || found < trials*95/100 {
		t.Errorf("seed %d, %d trials: %d false alarms, want at most 1 %%; %d of the regressions by a fifth found, want 95 %%", seed, trials, alarms, found)
	}
}

func TestWhatMovesOnceIsNoise(t *testing.T) {
	base := &Report{Runs: []Run{runOf("a", 100, 101, 102, 103, 104), runOf("b", 100, 101, 102, 103, 104), runOf("c", 100, 101, 102, 103, 104)}}
	slow := &Report{Runs: []Run{runOf("a", 50, 51, 52, 53, 54), runOf("b", 50, 51, 52, 53, 54), runOf("c", 100, 101, 102, 103, 104)}}
	c := Compare(base, slow, "base.json")
	c.confirm(base, &Report{Runs: []Run{runOf("a", 60, 61, 62, 63, 64), runOf("b", 150, 151, 152, 153, 154)}})
	for i, want := range []Change{
		{Movement: Slower, Again: 62, Why: "p=0.008, and again: 62.0 rows/s (-39.2 %)"},
		{Movement: Same, Again: 152, Why: "slower at first, then 152.0 rows/s (+49.0 %): p=0.008"},
		{Movement: Same, Why: "repetitions mix (p=1.000)"},
	} {
		if got := c.Changes[i]; got.Movement != want.Movement || got.Again != want.Again || got.Why != want.Why {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestConfirmMeasuresWhatMovedAlone(t *testing.T) {
	var out strings.Builder
	o := Options{Duration: 2 * time.Millisecond, Runs: 5, Out: &out, Env: measure.Env{Cores: 1, Say: func(string, ...any) {}}}
	base := &Report{Runs: []Run{runOf("sum", 1e15, 1e15, 1e15, 1e15, 1e15), runOf("fill", 1, 1, 1, 1, 1)}}
	c := &Comparison{Changes: []Change{{Name: "sum", Unit: measure.RowsPerSecond, Movement: Faster}, {Name: "fill", Movement: Same}}}
	if err := Confirm(context.Background(), o, base, c); err != nil {
		t.Fatal(err)
	}
	if sum, fill := c.Changes[0], c.Changes[1]; sum.Movement != Same || sum.Again <= 0 || fill.Again != 0 {
		t.Errorf("got %+v, want sum, which is not faster than 1e15, measured again, and fill not", c.Changes)
	}
	out.Reset()
	c.Changes = c.Changes[1:]
	if err := Confirm(context.Background(), o, base, c); err != nil || out.Len() > 0 {
		t.Errorf("nothing moved: got %v, %q", err, &out)
	}
}
