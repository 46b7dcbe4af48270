package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
)

// relate adds to each peer's ratios how much of it ours is, "shuffle_tcp_over_this" and the like, and to ours the leads it must have, "over_flight".
func relate(r *bench.Report, groups []group) {
	for _, g := range groups {
		ours := r.Run(g.ours)
		if ours == nil {
			continue
		}
		best := make([]float64, len(g.lead))
		for _, w := range g.peers {
			peer := r.Run(w.Name)
			if peer == nil || peer.Median <= 0 {
				continue
			}
			peer.Ratios[ratioName(g.ours)] = ours.Median / peer.Median
			for i, l := range g.lead {
				if strings.HasPrefix(w.Name, l.prefix) {
					best[i] = max(best[i], peer.Median)
				}
			}
		}
		for i, l := range g.lead {
			if best[i] > 0 {
				ours.Ratios["over_"+l.prefix] = ours.Median / best[i]
				ours.Hold([]measure.Requirement{{Of: "over_" + l.prefix, Must: l.must}})
			}
		}
	}
}

func ratioName(ours string) string { return strings.ReplaceAll(ours, "-", "_") + "_over_this" }

// cpuPerRow is the processor time of both ends, in nanoseconds; it is worth more than a rate when others use the machine.
func cpuPerRow(r *bench.Run) float64 {
	return r.Ratios["cpu_ns_per_row"] + r.Ratios["sender_cpu_ns_per_row"] + r.Ratios["receiver_cpu_ns_per_row"]
}

// table prints ours and theirs side by side. relate comes first.
func table(out io.Writer, r *bench.Report, groups []group) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\nname\tM rows/s\t±\tours / theirs\tCPU ns/row\t\t\n")
	for _, g := range groups {
		for i, name := range append([]string{g.ours}, names(g)...) {
			run := r.Run(name)
			if run == nil {
				continue
			}
			ratio := "ours"
			if i > 0 {
				ratio = fmt.Sprintf("%.2f", run.Ratios[ratioName(g.ours)])
			}
			noisy := ""
			if run.Noisy {
				noisy = "NOISY"
			}
			fmt.Fprintf(w, "%s\t%.1f\t%.1f %%\t%s\t%.1f\t%s\t\n", name, run.Median/1e6, 50*run.Spread, ratio, cpuPerRow(run), noisy)
		}
	}
	return w.Flush()
}

func names(g group) (out []string) {
	for _, w := range g.peers {
		out = append(out, w.Name)
	}
	return out
}
