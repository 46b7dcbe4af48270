package connecttest

import (
	"fmt"
	"strings"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"
)

// Dump reads all of a source and returns its rows, Vs first, one a line; then the counters that are not 0; then the error, if there is one.
func Dump(src vertex.Source) string {
	rows, counters, err := ReadAll(src, 3)
	lines := Lines(rows.View())
	if counters.Skipped > 0 {
		lines = append(lines, fmt.Sprint("skipped ", counters.Skipped))
	}
	if counters.Diverted > 0 {
		lines = append(lines, fmt.Sprint("diverted ", counters.Diverted))
	}
	if err != nil {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// Lines returns the rows of a batch as text, Vs first.
func Lines(b *batch.Batch) []string {
	var lines []string
	for i := range b.N {
		line := string(connect.AppendTime(nil, b.Vs[i]))
		for _, v := range Row(b, i) {
			line += fmt.Sprint(" ", v)
		}
		lines = append(lines, line)
	}
	return lines
}
