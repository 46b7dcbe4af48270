package job

import (
	"errors"
	"fmt"
	"strings"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Env is what a user-defined vertex may use: memory for its state, and the number of its task.
type Env = runtime.Env

// Apply runs a vertex of your own over each row by itself. Rows reach its tasks in no particular distribution; use ApplyKeyed where rows
// must meet. make is called once per task and must make equal vertices; see vertex.Vertex for what a vertex must promise.
// All columns of s are read from the sources, and their order is kept.
func (s Stream) Apply(name string, out *batch.Schema, make func(Env) (vertex.Vertex, error)) Stream {
	return s.job.op(name, &applySpec{out: out, make: make, in: s.schema()}, s)
}

// ApplyKeyed runs a vertex of your own with all rows of equal keys in one task. No keys: all rows in one task. Rows of one task that come
// from several others arrive in canonical order within a tick; the result must not depend on the order across ticks' cuts.
func (s Stream) ApplyKeyed(name string, keys []string, out *batch.Schema, make func(Env) (vertex.Vertex, error)) Stream {
	spec := &applySpec{out: out, make: make, in: s.schema(), need: Need{AllInOne, nil}}
	if len(keys) > 0 {
		spec.need = Need{ByKey, keys}
	}
	return s.job.op(name, spec, s)
}

// schema is the stream's schema, nil while the stream is wrong.
func (s Stream) schema() *batch.Schema {
	if s.job == nil || s.job.bad[s.node] {
		return nil
	}
	return s.job.nodes[s.node].Schema
}

type applySpec struct {
	in   *batch.Schema // as the user saw it: it is not pruned, since the vertex's code may count on it
	out  *batch.Schema
	make func(Env) (vertex.Vertex, error)
	need Need
}

func (a *applySpec) Kind() string { return "apply" }

func (a *applySpec) Output(in []*batch.Schema) (*batch.Schema, error) {
	switch {
	case a.make == nil:
		return nil, errors.New("the function that makes the vertex is nil")
	case a.out == nil:
		return nil, errors.New("the schema of the result is nil")
	case a.in == nil || !in[0].Equal(a.in):
		return nil, fmt.Errorf("input: got %v, want %v", in[0], a.in)
	}
	if err := checkColumns(in[0], a.need.Keys); err != nil {
		return nil, err
	}
	return a.out, a.out.Valid()
}

func (a *applySpec) New(_ []*batch.Schema, env Env) (vertex.Vertex, error) { return a.make(env) }
func (a *applySpec) Need(int) Need                                         { return a.need }
func (a *applySpec) Copies([]*batch.Schema) []Copy                         { return nil }
func (a *applySpec) Unordered(int) bool                                    { return false }

func (a *applySpec) Text() string {
	if a.need.Kind == Anywhere {
		return "each row"
	}
	return "by (" + strings.Join(a.need.Keys, ", ") + ")"
}

// checkColumns reports the first name that is no column, or is given twice.
func checkColumns(s *batch.Schema, names []string) error {
	seen := map[string]bool{}
	for _, name := range names {
		if s.Index(name) < 0 {
			return noColumn(s, name)
		}
		if seen[name] {
			return fmt.Errorf("column %q twice", name)
		}
		seen[name] = true
	}
	return nil
}

func noColumn(s *batch.Schema, name string) error {
	have := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		have[i] = f.Name
	}
	return fmt.Errorf("no column %q; have %s", name, strings.Join(have, ", "))
}
