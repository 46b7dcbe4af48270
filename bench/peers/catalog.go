package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
)

// group is a measurement of ours and the peers that do the same work.
type group struct {
	ours  string
	peers []measure.Workload
	lead  []lead
}

// lead is how far ours must be ahead of the best of the peers whose names begin so.
type lead struct {
	prefix string
	must   float64
}

// groups is the catalogue. Sizes of batches are those at which a peer is good, and one that shows what small batches cost.
func groups() []group {
	local, remote := group{ours: "shuffle-local"}, group{ours: "shuffle-tcp", lead: []lead{{"flight", 1.15}}}
	for _, n := range []int{256, 2048} {
		local.add(fmt.Sprintf("channels-%d", n), "Go channels of row slices", always(measureChannels(n)))
	}
	for _, n := range []int{256, 2048} {
		local.add(fmt.Sprintf("nats-local-%d", n), "NATS, all in one process", always(measureNATSLocal(n)))
		remote.add(fmt.Sprintf("nats-tcp-%d", n), "NATS over loopback", measureRemote("nats", n))
	}
	for _, n := range []int{256, 8192, 65536} {
		remote.add(fmt.Sprintf("grpc-%d", n), "a gRPC stream over loopback, raw codec", measureRemote("grpc", n))
	}
	for _, n := range []int{256, 8192, 65536} {
		remote.add(fmt.Sprintf("flight-%d", n), "Arrow Flight DoPut over loopback", measureRemote("flight", n))
	}
	return []group{local, remote}
}

func (g *group) add(name, about string, open func(context.Context, measure.Env) (measure.Session, error)) {
	g.peers = append(g.peers, measure.Workload{Name: name, Unit: measure.RowsPerSecond, About: about, PeerOf: g.ours, Open: open})
}

func always(f measure.Func) func(context.Context, measure.Env) (measure.Session, error) {
	return func(context.Context, measure.Env) (measure.Session, error) { return f, nil }
}

// choose keeps the peers whose names begin with one of the prefixes, and groups that have any; all without a prefix.
func choose(all []group, prefixes []string) ([]group, error) {
	if len(prefixes) == 0 {
		return all, nil
	}
	used := map[string]bool{}
	var out []group
	for _, g := range all {
		kept := group{ours: g.ours, lead: g.lead}
		for _, w := range g.peers {
			for _, p := range prefixes {
				if strings.HasPrefix(w.Name, p) {
					used[p] = true
					if !slices.ContainsFunc(kept.peers, func(k measure.Workload) bool { return k.Name == w.Name }) {
						kept.peers = append(kept.peers, w)
					}
				}
			}
		}
		if len(kept.peers) > 0 {
			out = append(out, kept)
		}
	}
	for _, p := range prefixes {
		if !used[p] {
			return nil, fmt.Errorf("no peer begins with %q", p)
		}
	}
	return out, nil
}

// workloads are ours and the peers', in the order of measurement.
func workloads(groups []group) ([]measure.Workload, error) {
	var out []measure.Workload
	for _, g := range groups {
		ours, err := bench.Select([]string{g.ours})
		if err != nil {
			return nil, err
		}
		out = append(append(out, ours...), g.peers...)
	}
	return out, nil
}
