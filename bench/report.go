package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

// Report is what `bench run --json` writes.
type Report struct {
	Machine machine.Facts `json:"machine"`
	Runs    []Run         `json:"runs"`
	// Comparison is with another report, if that was asked for.
	Comparison *Comparison `json:"comparison,omitempty"`
}

// Run is the result of one workload.
type Run struct {
	Name    string         `json:"name"`
	About   string         `json:"about,omitempty"`
	PeerOf  string         `json:"peer_of,omitempty"` // the workload of ours that this one is a peer of
	At      time.Time      `json:"at"`                // of its end
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
	// Beside is the ratio that sets the median against kernels of the same minutes, if there is one.
	Beside string `json:"beside,omitempty"`
	// Size is the ratio that says how large the work was, if that is not the same everywhere.
	Size string `json:"size,omitempty"`
}

// WriteFile writes the report as JSON; the file appears whole or not at all.
func (r *Report) WriteFile(path string) error {
	return WriteWhole(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	})
}

// WriteWhole makes a file that appears whole or not at all.
func WriteWhole(path string, write func(io.Writer) error) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("%s: cannot write the report: %w", path, err)
	}
	err = errors.Join(write(temp), temp.Close())
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

// Run is the result of a workload by name, or nil.
func (r *Report) Run(name string) *Run {
	for i := range r.Runs {
		if r.Runs[i].Name == name {
			return &r.Runs[i]
		}
	}
	return nil
}
