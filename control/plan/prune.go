package plan

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle/batch"
)

func contains(names []string, name string) bool { return slices.Contains(names, name) }

// prune copies the nodes and takes from each source that allows it the columns that nothing reads.
//
// A column is read if the job is wrong without it, or ends with another schema. Asking the operators in this way needs no second
// description of what each of them reads, which could be wrong; its cost is one check of the graph per column.
func prune(nodes []*job.Node) ([]*job.Node, error) {
	out := make([]*job.Node, len(nodes))
	for i, n := range nodes {
		c := *n
		out[i] = &c
	}
	for _, n := range out {
		src, ok := n.Source.(job.Pruner)
		if !ok {
			continue
		}
		keep := columns(n.Schema)
		for _, name := range columns(n.Schema) {
			rest := without(keep, name)
			if unchanged(out, n.ID, subset(n.Schema, rest)) {
				keep = rest
			}
		}
		if len(keep) == len(n.Schema.Fields) {
			continue
		}
		pruned, err := src.Prune(keep)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name, err)
		}
		n.Source, n.Schema = pruned, pruned.Schema()
		if err := propagate(out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// unchanged reports whether every sink writes the same columns when the given source has the given schema.
func unchanged(nodes []*job.Node, source int, s *batch.Schema) bool {
	schemas := make([]*batch.Schema, len(nodes))
	for i, n := range nodes {
		switch {
		case i == source:
			schemas[i] = s
		case n.Source != nil:
			schemas[i] = n.Schema
		default:
			var err error
			if schemas[i], err = n.Spec.Output(inputs(n, schemas)); err != nil {
				return false
			}
		}
		if n.Sink != nil && !schemas[i].Equal(n.Schema) {
			return false
		}
	}
	return true
}

// propagate brings the schemas of all nodes in line with their sources'.
func propagate(nodes []*job.Node) error {
	schemas := make([]*batch.Schema, len(nodes))
	for i, n := range nodes {
		if n.Source == nil {
			s, err := n.Spec.Output(inputs(n, schemas))
			if err != nil {
				return fmt.Errorf("%s: after leaving out columns: %w", n.Name, err)
			}
			n.Schema = s
		}
		schemas[i] = n.Schema
	}
	return nil
}

func inputs(n *job.Node, schemas []*batch.Schema) []*batch.Schema {
	in := make([]*batch.Schema, len(n.Inputs))
	for port, id := range n.Inputs {
		in[port] = schemas[id]
	}
	return in
}

func columns(s *batch.Schema) []string {
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	return names
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
}

func subset(s *batch.Schema, names []string) *batch.Schema {
	out := &batch.Schema{HasVe: s.HasVe, HasDiff: s.HasDiff}
	for _, f := range s.Fields {
		if contains(names, f.Name) {
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}
