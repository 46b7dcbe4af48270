package main

import (
	"strings"
	"testing"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
)

func TestTableComparesWithinAGroup(t *testing.T) {
	g := group{
		ours: "shuffle-tcp", peers: []measure.Workload{{Name: "slow"}, {Name: "fast"}, {Name: "not measured"}, {Name: "slower"}},
		lead: []lead{{"slow", 3}, {"not", 1}},
	}
	r := &bench.Report{Runs: []bench.Run{
		{Name: "shuffle-tcp", Median: 30e6, Spread: 0.02, Ratios: measure.Ratios{"sender_cpu_ns_per_row": 20, "receiver_cpu_ns_per_row": 10.5}},
		{Name: "slow", Median: 12e6, Ratios: measure.Ratios{"cpu_ns_per_row": 60}},
		{Name: "fast", Median: 40e6, Noisy: true, Ratios: measure.Ratios{}},
		{Name: "slower", Median: 6e6, Ratios: measure.Ratios{"cpu_ns_per_row": 90}},
		{Name: "of no group", Median: 1, Ratios: measure.Ratios{}},
	}}
	relate(r, []group{g})
	if got := r.Run("slow").Ratios["shuffle_tcp_over_this"]; got != 2.5 {
		t.Errorf("slow: got a ratio of %v, want 2.5", got)
	}
	if n := len(r.Run("of no group").Ratios); n != 0 {
		t.Errorf("a run of no group got %d ratios", n)
	}
	ours := r.Run("shuffle-tcp")
	if h := ours.Requirements; len(h) != 1 || h[0].Of != "over_slow" || h[0].Got != 2.5 || h[0].Verdict != measure.Missed {
		t.Errorf("got requirements %+v, want one of over_slow, the better of the two, missed at 2.5", h)
	}
	var out strings.Builder
	if err := table(&out, r, []group{g}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"", "name M rows/s ± ours / theirs CPU ns/row",
		"shuffle-tcp 30.0 1.0 % ours 30.5",
		"slow 12.0 0.0 % 2.50 60.0",
		"fast 40.0 0.0 % 0.75 0.0 NOISY",
		"slower 6.0 0.0 % 5.00 90.0",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}
