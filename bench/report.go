package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

// Report is what `bench run --json` writes.
type Report struct {
	Machine machine.Facts `json:"machine"`
	Runs    []Run         `json:"runs"`
}

// Run is the result of one workload.
type Run struct {
	Name    string         `json:"name"`
	Unit    measure.Unit   `json:"unit"`
	Median  float64        `json:"median"`
	Spread  float64        `json:"spread"`
	Ratios  measure.Ratios `json:"ratios"`
	Samples []float64      `json:"samples"`
	Noisy   bool           `json:"noisy"`
	// Requirements are what the workload must reach, and whether it did.
	Requirements []Held `json:"requirements,omitempty"`
	// Points place the median and the ratios on plots.
	Points []measure.Point `json:"points,omitempty"`
}

// WriteFile writes the report as JSON; the file appears whole or not at all.
func (r *Report) WriteFile(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("%s: cannot write the report: %w", path, err)
	}
	_, err = temp.Write(append(b, '\n'))
	if cerr := temp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(temp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("%s: cannot write the report: %w", path, err)
	}
	return nil
}

// PrintMachine writes the facts as text.
func PrintMachine(w io.Writer, f machine.Facts) {
	fmt.Fprintf(w, "machine: %s, %d cores, %s, %s, %s of memory, load %.2f\n", f.CPU, f.Cores, f.Kernel, f.Go, amount(float64(f.MemoryBytes), "B"), f.Load1)
	fmt.Fprintf(w, "  copy %s  loopback %s  fill %s  sum %s\n", amount(f.CopyBytesPerS, "B/s"), amount(f.LoopbackBytesPerS, "B/s"),
		amount(f.FillRowsPerS, "rows/s"), amount(f.SumRowsPerS, "rows/s"))
}

// Print writes one result as text: a line, one for each requirement, and one for its ratios.
func (r *Run) Print(w io.Writer) {
	noisy := ""
	if r.Noisy {
		noisy = "  NOISY"
	}
	fmt.Fprintf(w, "%-22s %16s  ±%4.1f%%%s\n", r.Name, value(r.Median, r.Unit), 50*r.Spread, noisy)
	for _, h := range r.Requirements {
		fmt.Fprintf(w, "%22s %s\n", "", h.text(r.Unit))
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Ratios)) {
		parts = append(parts, fmt.Sprintf("%s %.4g", name, r.Ratios[name]))
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "%22s %s\n", "", strings.Join(parts, ", "))
	}
}

func value(v float64, u measure.Unit) string {
	switch u {
	case measure.Seconds:
		return fmt.Sprintf("%.3f s", v)
	case measure.BytesPerSecond:
		return amount(v, "B/s")
	}
	return amount(v, string(u))
}

// amount writes a number with a decimal prefix.
func amount(v float64, unit string) string {
	for _, p := range []struct {
		from float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= p.from {
			return fmt.Sprintf("%.1f %s%s", v/p.from, p.name, unit)
		}
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
