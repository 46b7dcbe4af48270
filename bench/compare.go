package bench

import (
	"fmt"
	"math"

	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

// Movement is what became of a workload since another report.
type Movement string

// The movements. Incomparable says nothing about the engine, Same that what moved is within noise.
const (
	Faster       Movement = "faster"
	Slower       Movement = "slower"
	Same         Movement = "same within noise"
	Incomparable Movement = "not comparable"
)

// What is a change, as in the package document.
const (
	changeAlpha = 0.01 // of the rank test
	changeLeast = 0.05 // of the median, as a fraction
)

// Comparison is of a report with another, workload by workload.
type Comparison struct {
	Base    string   `json:"base"`            // where the other report came from
	Notes   []string `json:"notes,omitempty"` // what differs between the machines besides what makes them incomparable
	Changes []Change `json:"changes"`         // in the order of this report, then what only the other has
}

// Change is what became of one workload.
type Change struct {
	Name     string       `json:"name"`
	Unit     measure.Unit `json:"unit"`
	Movement Movement     `json:"movement"`
	Base     float64      `json:"base"`   // median there; 0 if it is not there
	Now      float64      `json:"now"`    // median here; 0 if it is not here
	Change   float64      `json:"change"` // (Now - Base) / Base; 0 if not comparable
	P        float64      `json:"p"`      // of the rank test; 1 if there was none
	// Again is the median when a workload that had moved was measured once more; 0: it was not.
	Again float64 `json:"again,omitempty"`
	Why   string  `json:"why"`
}

// Compare compares now with base, which came from a file of that name.
func Compare(base, now *Report, name string) *Comparison {
	c := &Comparison{Base: name, Notes: notes(base.Machine, now.Machine), Changes: []Change{}}
	other := otherMachine(base.Machine, now.Machine)
	for i := range now.Runs {
		r := &now.Runs[i]
		was := base.Run(r.Name)
		switch {
		case was == nil:
			c.Changes = append(c.Changes, Change{Name: r.Name, Unit: r.Unit, Movement: Incomparable, Now: r.Median, P: 1, Why: "not in the base"})
		case other != "":
			c.Changes = append(c.Changes, Change{Name: r.Name, Unit: r.Unit, Movement: Incomparable, Base: was.Median, Now: r.Median, P: 1, Why: other})
		default:
			c.Changes = append(c.Changes, compareRuns(was, r))
		}
	}
	for _, was := range base.Runs {
		if now.Run(was.Name) == nil {
			c.Changes = append(c.Changes, Change{Name: was.Name, Unit: was.Unit, Movement: Incomparable, Base: was.Median, P: 1, Why: "not measured now"})
		}
	}
	return c
}

// Slower lists the workloads that are.
func (c *Comparison) Slower() []string {
	var out []string
	for _, ch := range c.Changes {
		if ch.Movement == Slower {
			out = append(out, ch.Name)
		}
	}
	return out
}

// compareRuns compares two runs of a workload on one machine.
func compareRuns(was, now *Run) Change {
	c := Change{Name: now.Name, Unit: now.Unit, Movement: Incomparable, Base: was.Median, Now: now.Median, P: 1}
	if was.Unit != now.Unit {
		c.Why = fmt.Sprintf("its unit was %s, is %s", was.Unit, now.Unit)
		return c
	}
	if a, b := was.Ratios[now.Size], now.Ratios[now.Size]; now.Size != "" && a != b {
		c.Why = fmt.Sprintf("other work: %s was %s, is %s", now.Size, Number(a), Number(b))
		return c
	}
	if p := measure.LeastRankP(len(was.Samples), len(now.Samples)); p > changeAlpha {
		c.Why = fmt.Sprintf("%d and %d repetitions are too few: 5 and 5 can tell", len(was.Samples), len(now.Samples))
		return c
	}
	c.Change = (now.Median - was.Median) / was.Median
	c.P = measure.RankP(was.Samples, now.Samples)
	c.Movement, c.Why = judge(was, now, c.Change, c.P)
	return c
}

// judge tells a change from noise.
func judge(was, now *Run, change, p float64) (Movement, string) {
	if p > changeAlpha {
		return Same, fmt.Sprintf("repetitions mix (p=%.3f)", p)
	}
	if math.Abs(change) <= changeLeast {
		return Same, fmt.Sprintf("at most %.0f %%", 100*changeLeast)
	}
	if spread := max(was.Spread, now.Spread); math.Abs(change) <= spread {
		return Same, fmt.Sprintf("repetitions spread by %.0f %%", 100*spread)
	}
	if a, b, both := besides(was, now); both && (b-a)/a*change <= change*change/2 {
		return Same, fmt.Sprintf("the machine moved: %s went from %.3g to %.3g", now.Beside, a, b)
	}
	slower := (change < 0) != now.Unit.LessIsBetter()
	loser, when := was, "then"
	if slower {
		loser, when = now, "now"
	}
	if o := loser.Ratios[othersCPU]; o > noisyOthers {
		return Same, fmt.Sprintf("others used %.0f %% of the processors %s", 100*o, when)
	}
	if slower {
		return Slower, fmt.Sprintf("p=%.3f", p)
	}
	return Faster, fmt.Sprintf("p=%.3f", p)
}

// besides are the ratios to the kernels of the same minutes, if both runs have them.
func besides(was, now *Run) (a, b float64, both bool) {
	if now.Beside == "" || was.Beside != now.Beside {
		return 0, 0, false
	}
	a, b = was.Ratios[now.Beside], now.Ratios[now.Beside]
	return a, b, a > 0 && b > 0
}

func otherMachine(was, now machine.Facts) string {
	for _, f := range []struct {
		name     string
		was, now any
	}{{"cpu", was.CPU, now.CPU}, {"arch", was.Arch, now.Arch}, {"cores", was.Cores, now.Cores}} {
		if f.was != f.now {
			return fmt.Sprintf("another machine: %s was %v, is %v", f.name, f.was, f.now)
		}
	}
	return ""
}

func notes(was, now machine.Facts) (out []string) {
	for _, f := range []struct{ name, was, now string }{
		{"kernel", was.Kernel, now.Kernel}, {"go", was.Go, now.Go}, {"memory", Amount(float64(was.MemoryBytes), "B"), Amount(float64(now.MemoryBytes), "B")},
	} {
		if f.was != f.now {
			out = append(out, fmt.Sprintf("%s was %s, is %s", f.name, f.was, f.now))
		}
	}
	return out
}
