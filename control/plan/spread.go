package plan

import (
	"slices"

	"github.com/streamscope/streamscope/control/job"
)

// spread says how the rows of a stream lie over the tasks of its stage.
type spread struct {
	kind spreadKind
	// cols (hashed only): the columns whose hash chose the task, in the order of hashing. Each position lists all columns of the stream
	// that hold that value.
	cols [][]string
}

type spreadKind uint8

const (
	anyhow spreadKind = iota // nothing is known
	hashed
	together // one task has everything
)

// positions returns, for each hashed column, which of the keys it is; nil if one of them is none. Rows that are equal in all keys are
// then in one task.
func (s spread) positions(keys []string) []int {
	if s.kind != hashed {
		return nil
	}
	pos := make([]int, len(s.cols))
	for i, alternatives := range s.cols {
		pos[i] = slices.IndexFunc(keys, func(k string) bool { return contains(alternatives, k) })
		if pos[i] < 0 {
			return nil
		}
	}
	return pos
}

// through follows a stream through an operator that leaves rows in their task: a column of the result that copies a hashed one
// takes its place.
func (s spread) through(copies []job.Copy, port int) spread {
	if s.kind != hashed {
		return s
	}
	out := spread{kind: hashed}
	for _, alternatives := range s.cols {
		var names []string
		for _, c := range copies {
			if c.Port == port && contains(alternatives, c.From) {
				names = append(names, c.To)
			}
		}
		if names == nil {
			return spread{}
		}
		out.cols = append(out.cols, names)
	}
	return out
}

// and is what holds for both of two streams of the same stage: the same columns hashed in the same order.
func (s spread) and(t spread) spread {
	if s.kind != t.kind || len(s.cols) != len(t.cols) {
		return spread{}
	}
	out := spread{kind: s.kind}
	for i := range s.cols {
		var both []string
		for _, c := range s.cols[i] {
			if contains(t.cols[i], c) {
				both = append(both, c)
			}
		}
		if both == nil {
			return spread{}
		}
		out.cols = append(out.cols, both)
	}
	return out
}

// hashedBy is the spread of a keyed operator's result when its inputs are hashed by the keys at the given positions.
func hashedBy(spec job.Spec, copies []job.Copy, pos []int) spread {
	out := spread{kind: hashed}
	for _, i := range pos {
		var names []string
		for _, c := range copies {
			if n := spec.Need(c.Port); i < len(n.Keys) && n.Keys[i] == c.From && !contains(names, c.To) {
				names = append(names, c.To)
			}
		}
		if names == nil {
			return spread{}
		}
		out.cols = append(out.cols, names)
	}
	return out
}

// pick returns the keys at the given positions.
func pick(keys []string, pos []int) []string {
	out := make([]string, len(pos))
	for i, p := range pos {
		out[i] = keys[p]
	}
	return out
}

// everyPosition is 0, 1, …, n-1.
func everyPosition(n int) []int {
	pos := make([]int, n)
	for i := range pos {
		pos[i] = i
	}
	return pos
}
