package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/bench"
)

func TestNamesAreOneWorkloadEach(t *testing.T) {
	seen := bench.Names()
	for _, g := range groups() {
		if !slices.Contains(bench.Names(), g.ours) {
			t.Errorf("ours is %q, which cannot be measured", g.ours)
		}
		for _, name := range names(g) {
			if slices.Contains(seen, name) {
				t.Errorf("%s is there twice", name)
			}
			seen = append(seen, name)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct{ prefixes, want string }{
		{"channels-2048", "shuffle-local channels-2048"},
		{"flight-8 nats", "shuffle-local nats-local-256 nats-local-2048 shuffle-tcp nats-tcp-256 nats-tcp-2048 flight-8192"},
		{"grpc-256 grpc-2", "shuffle-tcp grpc-256"},
	} {
		chosen, err := choose(groups(), strings.Fields(c.prefixes))
		if err != nil {
			t.Fatal(err)
		}
		all, err := workloads(chosen)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range all {
			got = append(got, w.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.prefixes, got, c.want)
		}
	}
	if _, err := choose(groups(), []string{"grpc", "rumba"}); err == nil || !strings.Contains(err.Error(), `"rumba"`) {
		t.Errorf("got %v, want an error that names rumba", err)
	}
	if all, err := choose(groups(), nil); err != nil || len(all) != len(groups()) {
		t.Errorf("without prefixes: got %v, %v, want all", all, err)
	}
}
