package plan

import (
	"fmt"
	"hash/fnv"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// run executes a plan naively and asserts at each operator that rows which must meet are in one task. It returns what the sinks get,
// and whether that is all: there may be too many rows.
func run(p *Plan) (sunk []string, all bool, err error) {
	all = true
	out := make([][][]row, len(p.Nodes)) // by node and task
	for _, n := range p.Nodes {
		stage := p.Runtime.Stages[p.stageOf[n.ID]]
		out[n.ID] = make([][]row, stage.Tasks)
		if n.Source != nil {
			for i := range 12 {
				split := i % p.splits[n.ID]
				r := row{"a": i % 3, "b": i % 4, "c": (i + n.ID) % 2}
				out[n.ID][split%stage.Tasks] = append(out[n.ID][split%stage.Tasks], r)
			}
			continue
		}
		ports := make([][][]row, len(n.Inputs)) // by port and task
		for port, in := range stage.Ops[p.opOf[n.ID]].Inputs {
			ports[port] = deliver(p, in, n.Inputs[port], out, stage.Tasks)
		}
		if err := meet(n, ports); err != nil {
			return nil, false, fmt.Errorf("%s: %w", n.Name, err)
		}
		for task := range stage.Tasks {
			of := make([][]row, len(ports))
			for port := range ports {
				of[port] = ports[port][task]
			}
			rows := n.Spec.(*fakeSpec).run(of)
			if len(rows) > mostRows {
				rows, all = rows[:mostRows], false
			}
			out[n.ID][task] = rows
			if n.Sink != nil {
				for _, r := range rows {
					sunk = append(sunk, n.Name+fmt.Sprint(r))
				}
			}
		}
	}
	slices.Sort(sunk)
	return sunk, all, nil
}

// deliver brings the rows of a port to the tasks of its stage.
func deliver(p *Plan, in runtime.Input, from int, out [][][]row, tasks int) [][]row {
	if in.Kind != runtime.FromEdge {
		return out[from]
	}
	e := p.Runtime.Edges[in.Index]
	var keys []string
	for _, k := range e.Keys {
		keys = append(keys, e.Schema.Fields[k].Name)
	}
	to := make([][]row, tasks)
	for _, rows := range out[from] {
		for _, r := range rows {
			task := 0
			if len(keys) > 0 {
				h := fnv.New32a()
				h.Write([]byte(r.key(keys)))
				task = int(h.Sum32() % uint32(tasks))
			}
			to[task] = append(to[task], r)
		}
	}
	return to
}

func meet(n *job.Node, ports [][][]row) error {
	home := map[string]int{}
	for port, tasks := range ports {
		need := n.Spec.Need(port)
		for task, rows := range tasks {
			for _, r := range rows {
				key := ""
				switch need.Kind {
				case job.Anywhere:
					continue
				case job.ByKey:
					key = r.key(need.Keys)
				}
				if at, ok := home[key]; ok && at != task {
					return fmt.Errorf("port %d: key %s is in tasks %d and %d", port, key, at, task)
				}
				home[key] = task
			}
		}
	}
	return nil
}

// wellFormed asserts the invariants of the package document on the physical plan.
func wellFormed(p *Plan) error {
	next := 0
	for i, s := range p.Runtime.Stages {
		if int(s.FirstTask) != next || s.Tasks < 1 {
			return fmt.Errorf("stage %d: tasks %d from %d, want from %d", i, s.Tasks, s.FirstTask, next)
		}
		next += s.Tasks
		for o, op := range s.Ops {
			for _, in := range op.Inputs {
				switch {
				case in.Kind == runtime.FromOp && in.Index >= o:
					return fmt.Errorf("stage %d: operator %d reads operator %d", i, o, in.Index)
				case in.Kind == runtime.FromEdge && p.Runtime.Edges[in.Index].To != i:
					return fmt.Errorf("stage %d reads edge %d, which leads to stage %d", i, in.Index, p.Runtime.Edges[in.Index].To)
				case in.Kind == runtime.FromSource && s.Source == nil:
					return fmt.Errorf("stage %d reads a source that it has not", i)
				}
			}
		}
		if s.Sink != nil && (s.Tasks != 1 || len(s.Ops) != 1) {
			return fmt.Errorf("sink stage %d has %d tasks and %d operators", i, s.Tasks, len(s.Ops))
		}
	}
	for _, n := range p.Nodes {
		if n.Source == nil {
			if err := untangled(p, n); err != nil {
				return err
			}
		}
	}
	for i, e := range p.Runtime.Edges {
		if e.From >= e.To {
			return fmt.Errorf("edge %d leads from stage %d back to %d", e.ID, e.From, e.To)
		}
		for _, o := range p.Runtime.Edges[:i] {
			equal := o.From == e.From && o.FromOp == e.FromOp && o.To == e.To && slices.Equal(o.Keys, e.Keys)
			if equal && !p.oneReadsBoth(int(o.ID), i) {
				return fmt.Errorf("edges %d and %d are the same", o.ID, i)
			}
		}
	}
	return nil
}

// oneReadsBoth reports whether an operator has a port for each of two edges.
func (p *Plan) oneReadsBoth(a, b int) bool {
	for _, s := range p.Runtime.Stages {
		for _, op := range s.Ops {
			if slices.Contains(op.Inputs, runtime.Input{Kind: runtime.FromEdge, Index: a}) &&
				slices.Contains(op.Inputs, runtime.Input{Kind: runtime.FromEdge, Index: b}) {
				return true
			}
		}
	}
	return false
}

// specOf is the operator at an index of a node's stage.
func (p *Plan) specOf(node, op int) job.Spec {
	for id, n := range p.Nodes {
		if p.stageOf[id] == p.stageOf[node] && p.opOf[id] == op {
			return n.Spec
		}
	}
	return nil
}

// untangled asserts that no two ports of an operator that minds the order hang on one input of their stage.
func untangled(p *Plan, n *job.Node) error {
	stage := p.Runtime.Stages[p.stageOf[n.ID]]
	var inputs func(runtime.Input) []runtime.Input
	inputs = func(in runtime.Input) []runtime.Input {
		if in.Kind != runtime.FromOp || p.specOf(n.ID, in.Index).Unordered(0) {
			return []runtime.Input{in}
		}
		var all []runtime.Input
		for _, i := range stage.Ops[in.Index].Inputs {
			all = append(all, inputs(i)...)
		}
		return all
	}
	by := map[runtime.Input]int{}
	for port, in := range stage.Ops[p.opOf[n.ID]].Inputs {
		for _, i := range inputs(in) {
			if other, ok := by[i]; ok && other != port && !n.Spec.Unordered(port) {
				return fmt.Errorf("%s: ports %d and %d hang on %v", n.Name, other, port, i)
			}
			by[i] = port
		}
	}
	return nil
}

// TestRandomGraphs plans random graphs both ways: rows that must meet do, and both plans sink the same rows.
func TestRandomGraphs(t *testing.T) {
	edges := [2]int{}
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		var sunk [2][]string
		var all [2]bool
		tasks := rapid.IntRange(1, 5).Draw(t, "tasks")
		for i, fuse := range []bool{true, false} {
			p, err := Build(g, Options{Tasks: tasks, Fuse: fuse})
			if err != nil {
				t.Fatal(err)
			}
			if err := wellFormed(p); err != nil {
				t.Fatalf("%v\n%s", err, p.Explain())
			}
			if sunk[i], all[i], err = run(p); err != nil {
				t.Fatalf("fuse %t: %v\n%s", fuse, err, p.Explain())
			}
			again, err := Build(g, Options{Tasks: tasks, Fuse: fuse})
			if err != nil {
				t.Fatal(err)
			}
			if Fingerprint(p) != Fingerprint(again) {
				t.Fatal("the same graph has two fingerprints")
			}
			edges[i] += len(p.Runtime.Edges)
		}
		if all[0] && all[1] && !slices.Equal(sunk[0], sunk[1]) {
			t.Fatalf("sinks got %d rows, without fusion %d, or others", len(sunk[0]), len(sunk[1]))
		}
	})
	if edges[0] >= edges[1] {
		t.Errorf("%d edges with fusion, %d without: nothing was fused", edges[0], edges[1])
	}
}

// TestOracleFindsFaults misroutes an edge and expects the oracle to notice.
func TestOracleFindsFaults(t *testing.T) {
	found := false
	rapid.Check(t, func(t *rapid.T) {
		p, err := Build(drawGraph(t), Options{Tasks: 3, Fuse: true})
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Runtime.Edges {
			e := &p.Runtime.Edges[i]
			if len(e.Keys) > 0 {
				e.Keys = []int{(e.Keys[0] + 1) % len(e.Schema.Fields)}
			}
		}
		if _, _, err := run(p); err != nil {
			found = true
		}
	})
	if !found {
		t.Error("no wrong edge was noticed")
	}
}
