package options

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// BadRows says what a source does with a row that it can not read.
type BadRows int

// The policies for bad rows.
const (
	FailOnBadRow BadRows = iota // the run ends with an error that names the row
	SkipBadRow                  // the row is counted and left out
	DivertBadRow                // as skip, and the row is written to a file
)

// BadRow is a policy and, for DivertBadRow, the file.
type BadRow struct {
	Policy BadRows
	File   string
}

func (b BadRow) String() string {
	switch b.Policy {
	case SkipBadRow:
		return "skip"
	case DivertBadRow:
		return "divert=" + b.File
	}
	return "fail"
}

// ParseBadRow reads `fail`, `skip` or `divert=FILE`.
func ParseBadRow(text string) (BadRow, error) {
	switch text {
	case "fail":
		return BadRow{Policy: FailOnBadRow}, nil
	case "skip":
		return BadRow{Policy: SkipBadRow}, nil
	}
	if file, ok := strings.CutPrefix(text, "divert="); ok && file != "" {
		return BadRow{Policy: DivertBadRow, File: file}, nil
	}
	return BadRow{}, fmt.Errorf("got %q, want fail, skip or divert=FILE", text)
}

// ParseRate reads events per second: `50000`, `200k`, `1.5M`.
func ParseRate(text string) (float64, error) {
	number, unit := strings.TrimSpace(text), 1.0
	if rest, ok := strings.CutSuffix(number, "k"); ok {
		number, unit = rest, 1e3
	} else if rest, ok := strings.CutSuffix(number, "M"); ok {
		number, unit = rest, 1e6
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f*unit, 0) || f <= 0 {
		return 0, fmt.Errorf("got %q, want events per second above 0, such as 50000, 200k or 1.5M", text)
	}
	return f * unit, nil
}

func parseCount(text string, lowest, highest int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < lowest || n > highest {
		return 0, fmt.Errorf("got %q, want a whole number from %d to %d", text, lowest, highest)
	}
	return n, nil
}

func parseLateness(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("got %q, want a time of 0 or more, such as 0s, 90s or 15m", text)
	}
	return d, nil
}

// outputEndings are the formats of --out, by the ending of its name.
var outputEndings = []string{".csv", ".jsonl", ".parquet"}

func checkOut(text string) error {
	if text == "-" {
		return nil
	}
	ending := strings.ToLower(filepath.Ext(strings.TrimRight(text, "/")))
	for _, e := range outputEndings {
		if ending == e {
			return nil
		}
	}
	return fmt.Errorf("got %q, want a name that ends in %s, with a slash behind it for a directory of parts", text, strings.Join(outputEndings, ", "))
}
