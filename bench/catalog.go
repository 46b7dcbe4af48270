package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/bench/images"
	"github.com/streamscope/streamscope/bench/jobs"
	"github.com/streamscope/streamscope/bench/kernel"
	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/plane"
)

// Standard is the name that stands for all workloads but the kernels and those that are kept apart.
const Standard = "standard"

// Catalog lists every workload: the data plane, jobs, images, kernels.
func Catalog() []measure.Workload {
	return slices.Concat(plane.Workloads(), jobs.Workloads(), images.Workloads(), kernel.Workloads())
}

// Names are the names that Select takes, in the order of the catalogue.
func Names() []string {
	out := []string{Standard}
	for _, w := range Catalog() {
		out = append(out, w.Name)
	}
	return out
}

// Select finds workloads by name, each once, in the order of the names.
func Select(names []string) ([]measure.Workload, error) {
	all := Catalog()
	var out []measure.Workload
	add := func(w measure.Workload) {
		if !slices.ContainsFunc(out, func(o measure.Workload) bool { return o.Name == w.Name }) {
			out = append(out, w)
		}
	}
	for _, name := range names {
		if name == Standard {
			for _, w := range slices.Concat(plane.Workloads(), jobs.Workloads(), images.Workloads()) {
				if !w.Apart {
					add(w)
				}
			}
			continue
		}
		i := slices.IndexFunc(all, func(w measure.Workload) bool { return w.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("bench: unknown name %q, want one of %s", name, strings.Join(Names(), ", "))
		}
		add(all[i])
	}
	return out, nil
}

func find(name string) measure.Workload {
	all := Catalog()
	i := slices.IndexFunc(all, func(w measure.Workload) bool { return w.Name == name })
	if i < 0 {
		panic("bench: no workload " + name) // a name in the code, checked by a test
	}
	return all[i]
}
