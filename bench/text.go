package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

// PrintMachine writes the facts as text.
func PrintMachine(w io.Writer, f machine.Facts) {
	fmt.Fprintf(w, "machine: %s, %d cores, %s, %s, %s of memory, load %.2f\n", f.CPU, f.Cores, f.Kernel, f.Go, Amount(float64(f.MemoryBytes), "B"), f.Load1)
	fmt.Fprintf(w, "  copy %s  loopback %s  fill %s  sum %s\n", Amount(f.CopyBytesPerS, "B/s"), Amount(f.LoopbackBytesPerS, "B/s"),
		Amount(f.FillRowsPerS, " rows/s"), Amount(f.SumRowsPerS, " rows/s"))
}

// Print writes one result as text: a line, one for each requirement, and one for its ratios.
func (r *Run) Print(w io.Writer) {
	noisy := ""
	if r.Noisy {
		noisy = "  NOISY"
	}
	fmt.Fprintf(w, "%-22s %16s  ±%4.1f%%%s\n", r.Name, Value(r.Median, r.Unit), 50*r.Spread, noisy)
	for _, h := range r.Requirements {
		fmt.Fprintf(w, "%22s %s\n", "", h.text(r.Unit))
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Ratios)) {
		parts = append(parts, name+" "+Number(r.Ratios[name]))
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "%22s %s\n", "", strings.Join(parts, ", "))
	}
}

// Value is a value with its unit, for people.
func Value(v float64, u measure.Unit) string {
	switch u {
	case measure.Seconds:
		if v < 0.1 {
			return fmt.Sprintf("%.2f ms", 1e3*v)
		}
		return fmt.Sprintf("%.3f s", v)
	case measure.BytesPerSecond:
		return Amount(v, "B/s")
	}
	return Amount(v, " "+string(u))
}

// Number is a ratio, for people: its unit is in its name.
func Number(v float64) string {
	if v >= 1e5 {
		return strings.TrimSpace(Amount(v, ""))
	}
	return fmt.Sprintf("%.4g", v)
}

// Amount writes a number with a decimal prefix; a unit that is a word has a space before it.
func Amount(v float64, unit string) string {
	for _, p := range []struct {
		from float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= p.from {
			return fmt.Sprintf("%.1f %s%s", v/p.from, p.name, unit)
		}
	}
	return fmt.Sprintf("%.1f %s", v, strings.TrimSpace(unit))
}

// Print writes the comparison as text: a line for each workload.
func (c *Comparison) Print(w io.Writer) {
	fmt.Fprintf(w, "\ncompared with %s:\n", c.Base)
	for _, n := range c.Notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
	count := map[Movement]int{}
	for _, ch := range c.Changes {
		count[ch.Movement]++
		moved := strings.ToUpper(string(ch.Movement))
		if ch.Movement == Same || ch.Movement == Incomparable {
			moved = string(ch.Movement)
		}
		fmt.Fprintf(w, "%-22s %s  %s\n", ch.Name, moved, ch.text())
	}
	fmt.Fprintf(w, "%d faster, %d slower, %d the same within noise, %d not comparable\n", count[Faster], count[Slower], count[Same], count[Incomparable])
}

// text says from where to where, and why.
func (c *Change) text() string {
	if c.Movement == Incomparable {
		return c.Why
	}
	return fmt.Sprintf("%s -> %s (%+.1f %%), %s", Value(c.Base, c.Unit), Value(c.Now, c.Unit), 100*c.Change, c.Why)
}
