package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/streamscope/streamscope/cmd/streamscope/report"
)

// row is a row of the result: the cells as they stand, and the number it is ranked by.
type row struct {
	cells     []string
	latePairs int
}

// columns of the result, in order.
var columns = []string{"hour", "airport", "state", "departures", "late_departures", "pairs", "late_pairs", "max_arrival_delay"}

const latePairsColumn = 6

func parse(text []byte) ([]row, error) {
	records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	if len(records) == 0 || !slices.Equal(records[0], columns) {
		return nil, fmt.Errorf("result: got %q as its first line, want the columns %q", firstLine(text), columns)
	}
	rows := make([]row, 0, len(records)-1)
	for i, cells := range records[1:] {
		n, err := strconv.Atoi(cells[latePairsColumn])
		if err != nil {
			return nil, fmt.Errorf("result:%d: late_pairs: %w", i+2, err)
		}
		rows = append(rows, row{cells, n})
	}
	return rows, nil
}

// worstRows returns the n rows with most late pairs; of equal ones those that come first in the result.
func worstRows(rows []row, n int) []row {
	ranked := slices.Clone(rows)
	slices.SortStableFunc(ranked, func(a, b row) int { return cmp.Compare(b.latePairs, a.latePairs) })
	return ranked[:min(n, len(ranked))]
}

func table(out io.Writer, rows []row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, cells := range append([]row{{cells: columns}}, rows...) {
		for _, cell := range cells.cells {
			fmt.Fprintf(w, "%s\t", cell)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// rates says in words what the --stats file holds.
func rates(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var s report.Stats
	if err := json.Unmarshal(text, &s); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	var pairs report.Stage
	for _, stage := range s.Stages {
		if stage.Name == "pairs" {
			pairs = stage
		}
	}
	if s.ElapsedS <= 0 {
		return "", fmt.Errorf("%s: a run of %g s", path, s.ElapsedS)
	}
	return fmt.Sprintf("%s flights in (%s), %s pairs joined (%s), %s rows out, %.3g s, peak memory %s, %s ticks",
		report.Count(s.EventsIn), report.Rate(s.EventsPerS), report.Count(pairs.RowsOut), report.Rate(float64(pairs.RowsOut)/s.ElapsedS),
		report.Count(s.EventsOut), s.ElapsedS, report.Bytes(s.PeakBytes), report.Count(s.Ticks)), nil
}

// compare returns "" if both are equal, else the first line that differs.
func compare(got, want []byte) string {
	for n := 1; ; n++ {
		if bytes.Equal(got, want) {
			return ""
		}
		g, w := firstLine(got), firstLine(want)
		if g != w {
			return fmt.Sprintf("line %d: got %q, want %q", n, g, w)
		}
		if len(g) == len(got) || len(w) == len(want) {
			return fmt.Sprintf("after %q in line %d: got %d more bytes, want %d", g, n, len(got)-len(g), len(want)-len(w))
		}
		got, want = got[len(g)+1:], want[len(w)+1:]
	}
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(line)
}
