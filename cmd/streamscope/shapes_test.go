package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The dimensions of a shape: what the result must not depend on.
var (
	shapeWorkers = []int{0, 1, 3}
	shapeTasks   = []int{1, 4, 64}
	shapeTicks   = []string{"1ms", "20ms", "bytes:64KiB", "bytes:16MiB"}
	shapeLimits  = [][]string{nil, {"--segment-bytes", "65536", "--credit-bytes", "65536", "--arena", "4MiB"}}
	shapeFormats = []string{"parquet", "csv", "jsonl"}
)

// shape is a choice in every dimension.
type shape struct {
	data           *dataset
	workers, tasks int
	tick           string
	limits         []string
	format         string
}

func (s shape) String() string {
	limits := "ordinary"
	if s.limits != nil {
		limits = "small"
	}
	return fmt.Sprintf("%s/workers=%d/tasks=%d/tick=%s/%s/%s", s.data.name, s.workers, s.tasks, s.tick, limits, s.format)
}

func (s shape) args(t testing.TB, airports, out string) []string {
	return append([]string{"run", "flights", "--input", s.data.input(t, s.format), "--airports", airports, "--out", out,
		"--workers", fmt.Sprint(s.workers), "--tasks", fmt.Sprint(s.tasks), "--tick", s.tick}, s.limits...)
}

func shapeOf(data []*dataset, choice []int) shape {
	return shape{
		data: data[choice[0]], workers: shapeWorkers[choice[1]], tasks: shapeTasks[choice[2]], tick: shapeTicks[choice[3]],
		limits: shapeLimits[choice[4]], format: shapeFormats[choice[5]],
	}
}

// TestShapes runs the job in shapes that meet every pair of choices; with STREAMSCOPE_SHAPES=all in the full product.
func TestShapes(t *testing.T) {
	data := []*dataset{week(t)}
	if raceBuild {
		t.Log("January is left out: it takes too long under the race detector")
	} else if d := january(t); d != nil {
		data = append(data, d)
	}
	dims := []int{len(data), len(shapeWorkers), len(shapeTasks), len(shapeTicks), len(shapeLimits), len(shapeFormats)}
	choices := pairwise(dims)
	if os.Getenv("STREAMSCOPE_SHAPES") == "all" {
		choices = product(dims)
	}
	for _, c := range choices {
		s := shapeOf(data, c)
		t.Run(s.String(), func(t *testing.T) { s.check(t, s.data.airports, s.data.expected) })
	}
}

// With ATL missing in the lookup, its state is empty and nothing else changes.
func TestShapesWithoutATL(t *testing.T) {
	airports, expected := withoutATL(t, week(t))
	for _, workers := range shapeWorkers {
		s := shape{data: week(t), workers: workers, tasks: 4, tick: "bytes:64KiB", format: "parquet"}
		t.Run(s.String(), func(t *testing.T) { s.check(t, airports, expected) })
	}
}

// The same command gives the same bytes, again and again.
func TestShapesRepeated(t *testing.T) {
	s := shape{data: week(t), workers: 3, tasks: 4, tick: "1ms", limits: shapeLimits[1], format: "parquet"}
	for i := range 5 {
		t.Run(fmt.Sprint(i), func(t *testing.T) { s.check(t, s.data.airports, s.data.expected) })
	}
}

func (s shape) check(t *testing.T, airports string, expected []byte) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.csv")
	r := runBinary(t, dir, s.args(t, airports, out)...)
	if r.status != 0 || len(r.stdout) > 0 {
		t.Fatalf("status %d, stdout %q, stderr:\n%s", r.status, r.stdout, r.stderr)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, expected) {
		t.Fatalf("the result differs from what is expected: %s", firstDifference(got, expected))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("besides the result there are %v, %v", left, err)
	}
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d: got %q, want %q (%d lines, want %d)", i+1, g[i], w[i], len(g), len(w))
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// product returns all combinations.
func product(dims []int) [][]int {
	out := [][]int{nil}
	for _, n := range dims {
		var next [][]int
		for _, row := range out {
			for v := range n {
				next = append(next, append(row[:len(row):len(row)], v))
			}
		}
		out = next
	}
	return out
}
