package plan

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// fakeSpec is an operator as a planner sees it, with a naive meaning on rows for the oracle.
type fakeSpec struct {
	kind   string
	need   []job.Need
	copies []job.Copy
	out    *batch.Schema
	run    func(ports [][]row) []row // of one task
	folds  bool
}

func (f *fakeSpec) Kind() string                                        { return f.kind }
func (f *fakeSpec) Output([]*batch.Schema) (*batch.Schema, error)       { return f.out, nil }
func (f *fakeSpec) New([]*batch.Schema, job.Env) (vertex.Vertex, error) { return nil, nil }
func (f *fakeSpec) Need(port int) job.Need                              { return f.need[port] }
func (f *fakeSpec) Copies([]*batch.Schema) []job.Copy                   { return f.copies }
func (f *fakeSpec) Unordered(int) bool                                  { return f.folds }
func (f *fakeSpec) Text() string                                        { return fmt.Sprint(f.need, f.copies) }

// row is a row by column name; a null is absent.
type row map[string]int

func (r row) key(cols []string) string {
	vals := make([]string, len(cols))
	for i, c := range cols {
		if v, ok := r[c]; ok {
			vals[i] = fmt.Sprint(v)
		} else {
			vals[i] = "null"
		}
	}
	return fmt.Sprint(vals)
}

type fakeSource struct {
	schema *batch.Schema
	splits int
}

func (s *fakeSource) Schema() *batch.Schema { return s.schema }

func (s *fakeSource) Splits() ([]vertex.Split, error) {
	splits := make([]vertex.Split, s.splits)
	for i := range splits {
		splits[i] = vertex.Split{Name: fmt.Sprint(i), ID: uint32(i)}
	}
	return splits, nil
}

func (s *fakeSource) Open(vertex.Split, vertex.SnapshotReader, func()) (vertex.SplitReader, error) {
	return nil, nil
}

type fakeSink struct{}

func (fakeSink) Check(*batch.Schema) error                               { return nil }
func (fakeSink) Open(*batch.Schema, []byte, func()) (vertex.Sink, error) { return nil, nil }
func (fakeSink) Commit() error                                           { return nil }
func (fakeSink) Abort() error                                            { return nil }

func schemaOf(names ...string) *batch.Schema {
	s := &batch.Schema{}
	for _, n := range names {
		s.Fields = append(s.Fields, batch.Field{Name: n, Kind: batch.Int64, Nullable: true})
	}
	return s
}

// grower adds random operators to a graph.
type grower struct {
	t     *rapid.T
	nodes []*job.Node
}

func (g *grower) add(kind string, spec job.Spec, schema *batch.Schema, inputs ...int) *job.Node {
	n := &job.Node{ID: len(g.nodes), Name: fmt.Sprintf("%s%d", kind, len(g.nodes)), Inputs: inputs, Schema: schema, Spec: spec}
	g.nodes = append(g.nodes, n)
	return n
}

func (g *grower) pick(label string) *job.Node {
	var streams []*job.Node
	for _, n := range g.nodes {
		if n.Sink == nil {
			streams = append(streams, n)
		}
	}
	return streams[rapid.IntRange(0, len(streams)-1).Draw(g.t, label)]
}

func (g *grower) some(label string, cols []string) []string {
	order := rapid.Permutation(cols).Draw(g.t, label)
	return order[:rapid.IntRange(1, len(order)).Draw(g.t, label+" count")]
}

func (g *grower) source() {
	n := g.add("source", nil, schemaOf("a", "b", "c"))
	n.Source = &fakeSource{n.Schema, rapid.IntRange(1, 3).Draw(g.t, "splits")}
}

// project keeps some columns, some of them twice, under new names.
func (g *grower) project() {
	in := g.pick("projected")
	spec := &fakeSpec{kind: "project", need: []job.Need{{}}}
	var names []string
	for i, from := range append(g.some("kept", columns(in.Schema)), g.some("again", columns(in.Schema))...) {
		to := fmt.Sprintf("%c", 'a'+i)
		names = append(names, to)
		spec.copies = append(spec.copies, job.Copy{From: from, To: to})
	}
	spec.out = schemaOf(names...)
	spec.run = func(ports [][]row) []row {
		var out []row
		for _, r := range ports[0] {
			o := row{}
			for _, c := range spec.copies {
				if v, ok := r[c.From]; ok {
					o[c.To] = v
				}
			}
			out = append(out, o)
		}
		return out
	}
	g.add("project", spec, spec.out, in.ID)
}

// union joins two streams that happen to have the same columns.
func (g *grower) union() {
	in := g.pick("first")
	inputs := []int{in.ID}
	for _, n := range g.nodes {
		if n.ID != in.ID && n.Sink == nil && n.Schema.Equal(in.Schema) && len(inputs) < 3 {
			inputs = append(inputs, n.ID)
		}
	}
	if rapid.IntRange(0, 4).Draw(g.t, "twice") == 0 {
		inputs = append(inputs, in.ID)
	}
	spec := &fakeSpec{kind: "union", out: in.Schema, run: func(ports [][]row) []row { return slices.Concat(ports...) }}
	for port := range inputs {
		spec.need = append(spec.need, job.Need{})
		for _, c := range columns(in.Schema) {
			spec.copies = append(spec.copies, job.Copy{Port: port, From: c, To: c})
		}
	}
	g.add("union", spec, in.Schema, inputs...)
}

// group emits one row per key.
func (g *grower) group() {
	in := g.pick("grouped")
	keys := g.some("keys", columns(in.Schema))
	spec := &fakeSpec{kind: "group", need: []job.Need{{Kind: job.ByKey, Keys: keys}}, out: schemaOf(append(keys[:len(keys):len(keys)], "n")...), folds: true}
	if slices.Contains(keys, "n") {
		spec.out = schemaOf(keys...)
	}
	for _, k := range keys {
		spec.copies = append(spec.copies, job.Copy{From: k, To: k})
	}
	spec.run = func(ports [][]row) []row {
		var out []row
		seen := map[string]bool{}
		for _, r := range ports[0] {
			if k := r.key(keys); !seen[k] {
				seen[k] = true
				o := row{}
				for _, c := range keys {
					if v, ok := r[c]; ok {
						o[c] = v
					}
				}
				out = append(out, o)
			}
		}
		return out
	}
	g.add("group", spec, spec.out, in.ID)
}

const mostRows = 200

// join is a left join; the right side's columns get a prefix and may be null.
func (g *grower) join() {
	left, right := g.pick("left"), g.pick("right")
	lk, rk := g.some("left keys", columns(left.Schema)), g.some("right keys", columns(right.Schema))
	n := min(len(lk), len(rk))
	lk, rk = lk[:n], rk[:n]
	names := columns(left.Schema)
	spec := &fakeSpec{kind: "join", need: []job.Need{{Kind: job.ByKey, Keys: lk}, {Kind: job.ByKey, Keys: rk}}, folds: rapid.Bool().Draw(g.t, "folds")}
	for _, c := range columns(left.Schema) {
		spec.copies = append(spec.copies, job.Copy{From: c, To: c})
	}
	for _, c := range columns(right.Schema) {
		names = append(names, "r"+c)
	}
	if len(names) > 8 || hasDuplicates(names) {
		return
	}
	spec.out = schemaOf(names...)
	spec.run = func(ports [][]row) []row {
		var out []row
		for _, l := range ports[0] {
			matched := false
			for _, r := range ports[1] {
				if l.key(lk) == r.key(rk) && len(out) <= mostRows {
					matched = true
					o := row{}
					for c, v := range l {
						o[c] = v
					}
					for c, v := range r {
						o["r"+c] = v
					}
					out = append(out, o)
				}
			}
			if !matched {
				out = append(out, l)
			}
		}
		return out
	}
	g.add("join", spec, spec.out, left.ID, right.ID)
}

func hasDuplicates(names []string) bool {
	s := slices.Sorted(slices.Values(names))
	return len(slices.Compact(s)) < len(names)
}

func (g *grower) sink() {
	in := g.pick("written")
	spec := &fakeSpec{kind: "sink", need: []job.Need{{Kind: job.AllInOne}}, out: in.Schema, run: func(ports [][]row) []row { return ports[0] }}
	n := g.add("sink", spec, in.Schema, in.ID)
	n.Sink = fakeSink{}
}

// whole is an operator that wants all rows in one task.
func (g *grower) whole() {
	in := g.pick("whole")
	spec := &fakeSpec{kind: "whole", need: []job.Need{{Kind: job.AllInOne}}, out: in.Schema, run: func(ports [][]row) []row { return ports[0] }}
	g.add("whole", spec, in.Schema, in.ID)
}

func drawGraph(t *rapid.T) *job.Graph {
	g := &grower{t: t}
	g.source()
	grow := []func(){g.source, g.project, g.project, g.union, g.union, g.group, g.group, g.join, g.join, g.sink, g.whole}
	for range rapid.IntRange(1, 12).Draw(t, "operators") {
		rapid.SampledFrom(grow).Draw(t, "kind")()
	}
	g.sink()
	return &job.Graph{Name: "random", Nodes: g.nodes}
}
