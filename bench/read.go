package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/streamscope/streamscope/bench/measure"
)

// Bounds of a report that is read. What `bench run` writes is far within them.
const (
	readLeast      = 1e-12 // of a value, in base units
	readMost       = 1e18
	readMaxBytes   = 16 << 20
	readMaxRuns    = 1000
	readMaxSamples = 10_000
	readMaxText    = 200
)

// ReadReport reads a report that WriteFile wrote, now or years ago: fields it does not know are left out, the comparison is. What cannot be
// a report is an error that names file, field and value.
func ReadReport(path string) (*Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, readMaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("report %s: %w", path, err)
	}
	if len(b) > readMaxBytes {
		return nil, fmt.Errorf("report %s: it is larger than %d MiB, which no report is", path, readMaxBytes>>20)
	}
	r, err := ParseReport(b)
	if err != nil {
		return nil, fmt.Errorf("report %s: %w", path, err)
	}
	return r, nil
}

// ParseReport is ReadReport of bytes at hand.
func ParseReport(b []byte) (*Report, error) {
	var r Report
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&r); err != nil {
		return nil, placed(b, d.InputOffset(), err)
	}
	if d.More() {
		return nil, fmt.Errorf("line %d: something follows the report", lineOf(b, d.InputOffset()))
	}
	r.Comparison = nil
	return &r, r.check()
}

// placed says where the decoder stopped, and at what.
func placed(b []byte, at int64, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("line %d: it ends in the middle of a report", lineOf(b, int64(len(b))))
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: not JSON: %w", lineOf(b, syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: %s: got %s, want %s", lineOf(b, kind.Offset), kind.Field, kind.Value, kind.Type)
	}
	return fmt.Errorf("line %d: %w", lineOf(b, at), err)
}

func lineOf(b []byte, at int64) int { return 1 + bytes.Count(b[:min(at, int64(len(b)))], []byte("\n")) }

// check reports the first field that no measurement can have written.
func (r *Report) check() error {
	if len(r.Runs) == 0 {
		return errors.New("runs: got none, want at least one: is this a report of `bench run --json`?")
	}
	if len(r.Runs) > readMaxRuns {
		return fmt.Errorf("runs: got %d, want at most %d", len(r.Runs), readMaxRuns)
	}
	m := &r.Machine
	for name, s := range map[string]string{"cpu": m.CPU, "kernel": m.Kernel, "arch": m.Arch, "go": m.Go} {
		if err := checkText(s); err != nil {
			return fmt.Errorf("machine.%s: %w", name, err)
		}
	}
	first := map[string]int{}
	for i := range r.Runs {
		run := &r.Runs[i]
		if j, twice := first[run.Name]; twice {
			return fmt.Errorf("runs[%d].name: got %q, which runs[%d] has already", i, run.Name, j)
		}
		first[run.Name] = i
		if err := run.check(); err != nil {
			return fmt.Errorf("runs[%d].%w", i, err)
		}
	}
	return nil
}

func (r *Run) check() error {
	if r.Name == "" {
		return errors.New("name: got none")
	}
	for name, s := range map[string]string{"name": r.Name, "about": r.About, "peer_of": r.PeerOf, "beside": r.Beside, "size": r.Size} {
		if err := checkText(s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if !slices.Contains(measure.Units, r.Unit) {
		return fmt.Errorf("unit: got %q, want one of %v", r.Unit, measure.Units)
	}
	if n := len(r.Samples); n == 0 || n > readMaxSamples {
		return fmt.Errorf("samples: got %d, want 1 to %d", n, readMaxSamples)
	}
	for i, v := range r.Samples {
		if v < readLeast || v > readMost {
			return fmt.Errorf("samples[%d]: got %v, want %v to %v", i, v, readLeast, readMost)
		}
	}
	if m := measure.Median(r.Samples); math.Abs(r.Median-m) > 1e-9*m {
		return fmt.Errorf("median: got %v, want %v, the median of the samples", r.Median, m)
	}
	if s := measure.Spread(r.Samples); math.Abs(r.Spread-s) > 1e-9 {
		return fmt.Errorf("spread: got %v, want %v, that of the samples", r.Spread, s)
	}
	return r.checkRest()
}

// checkRest checks what is shown beside the median.
func (r *Run) checkRest() error {
	for name := range r.Ratios {
		if err := checkText(name); err != nil {
			return fmt.Errorf("ratios: %w", err)
		}
	}
	for i, h := range r.Requirements {
		if err := checkText(h.Of); err != nil {
			return fmt.Errorf("requirements[%d].of: %w", i, err)
		}
		if h.Verdict != h.judged(r).Verdict {
			return fmt.Errorf("requirements[%d].verdict: got %q, want %q, what the figures say", i, h.Verdict, h.judged(r).Verdict)
		}
	}
	for i, p := range r.Points {
		if err := checkText(string(p.By) + p.Of + p.Line); err != nil {
			return fmt.Errorf("points[%d]: %w", i, err)
		}
		if p.At < readLeast || p.At > readMost {
			return fmt.Errorf("points[%d].at: got %v, want %v to %v", i, p.At, readLeast, readMost)
		}
		if p.By == measure.ByPercentile && p.At > 100 {
			return fmt.Errorf("points[%d].at: got %v, want a percentile of at most 100", i, p.At)
		}
	}
	return nil
}

// checkText refuses what would garble a terminal.
func checkText(s string) error {
	if len(s) > readMaxText {
		return fmt.Errorf("got %d bytes of text, want at most %d", len(s), readMaxText)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }); i >= 0 {
		return fmt.Errorf("got %q, want printable text", s)
	}
	return nil
}
