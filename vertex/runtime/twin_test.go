package runtime

import (
	"fmt"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// stagesInRow is a plan of stages in a row, the second also reading the first by another edge; the first is a source.
func stagesInRow(tasks ...int) *Plan {
	p := &Plan{Job: "line"}
	first := frame.TaskID(0)
	for i, n := range tasks {
		st := Stage{Name: fmt.Sprint("s", i), Tasks: n, FirstTask: first}
		first += frame.TaskID(n)
		for j := 0; i > 0 && j < 1+i%2; j++ {
			id := frame.EdgeID(len(p.Edges))
			p.Edges = append(p.Edges, Edge{ID: id, From: i - 1, FromOp: j, To: i, Unordered: true})
			st.Ops = append(st.Ops, Op{Name: fmt.Sprint("op", i, j), Inputs: []Input{{FromEdge, int(id)}}})
		}
		p.Stages = append(p.Stages, st)
	}
	return p
}

func TestTwinPairsEdges(t *testing.T) {
	for _, twins := range [][]int{{1}, {2}, {1, 2}, {2, 1}, {2, 1, 3}, {3, 1, 2}} {
		p := stagesInRow(2, 3, 4, 2, 1)
		plain := stagesInRow(2, 3, 4, 2, 1)
		for _, i := range twins {
			p.Twin(i)
		}
		if err := twinned(p, plain); err != nil {
			t.Errorf("twins of %v: %v", twins, err)
		}
	}
}

// twinned compares a plan with what it was before stages were there twice.
func twinned(p, plain *Plan) error {
	instances := func(i int) int {
		if p.Stages[i].Strategy == Replica {
			return 2
		}
		return 1
	}
	want := 0
	for _, e := range plain.Edges {
		want += instances(e.From) * instances(e.To)
	}
	if len(p.Edges) != want {
		return fmt.Errorf("%d edges, want %d", len(p.Edges), want)
	}
	for i, e := range p.Edges {
		from, to, in := &p.Stages[e.From], &p.Stages[e.To], e.Instances
		switch {
		case int(e.ID) != i:
			return fmt.Errorf("edge %d has the id %d", i, e.ID)
		case from.Strategy == Replica && e.Unordered:
			return fmt.Errorf("edge %d from %s is unordered", i, from.Name)
		case in.Second != from.Second || in.Second && in.First >= e.ID:
			return fmt.Errorf("edge %d from %s: %+v", i, from.Name, in)
		case in.Twice != (to.Strategy == Replica && !to.Second):
			return fmt.Errorf("edge %d to %s: %+v", i, to.Name, in)
		}
		if in.Second {
			if f := p.Edges[in.First]; f.From != from.First || f.To != e.To || f.FromOp != e.FromOp || p.Stages[f.From].Second {
				return fmt.Errorf("edge %d is second to %+v", i, f)
			}
		}
		if in.Twice {
			if o := p.Edges[in.Other]; o.From != e.From || o.FromOp != e.FromOp || !p.Stages[o.To].Second || p.Stages[o.To].First != e.To {
				return fmt.Errorf("edge %d goes with %+v", i, o)
			}
		}
	}
	return sameInputs(p)
}

// sameInputs wants the operators of second instances to read what those of the first read.
func sameInputs(p *Plan) error {
	for i := range p.Stages {
		second := &p.Stages[i]
		if !second.Second {
			continue
		}
		for j, op := range second.Ops {
			for k, in := range op.Inputs {
				of := p.Edges[p.Stages[second.First].Ops[j].Inputs[k].Index].Instances
				if e := p.Edges[in.Index]; e.To != i || e.Instances.Second || !of.Twice || of.Other != e.ID {
					return fmt.Errorf("operator %d of %s reads edge %+v", j, second.Name, e)
				}
			}
		}
	}
	return nil
}

func TestTwinOrder(t *testing.T) {
	p := stagesInRow(1, 1, 1, 1)
	p.Twin(1)
	p.Twin(2)
	order := p.order()
	for _, e := range p.Edges {
		if slices.Index(order, e.From) >= slices.Index(order, e.To) {
			t.Errorf("edge %d leads from stage %d to %d, in the order %v", e.ID, e.From, e.To, order)
		}
	}
}

// TestTwinPlaces wants the two instances of a task on two nodes, and together what is together.
func TestTwinPlaces(t *testing.T) {
	for tasks := 1; tasks <= 7; tasks++ {
		p := stagesInRow(1, tasks, 1)
		p.Twin(1)
		for nodes := 2; nodes <= 5; nodes++ {
			seen := 0
			for n := range nodes {
				first, second := p.TasksOn(1, frame.NodeID(n), nodes), p.TasksOn(3, frame.NodeID((n+1)%nodes), nodes)
				if first.Count != second.Count || first.First-p.Stages[1].FirstTask != second.First-p.Stages[3].FirstTask {
					t.Fatalf("%d tasks on %d nodes: node %d has %v, the next one %v", tasks, nodes, n, first, second)
				}
				k := shuffle.Cluster{Nodes: nodes, Placed: p.placed(nodes)}
				if on := k.OnNode(shuffle.TaskRange{First: p.Stages[3].FirstTask, Count: tasks}, frame.NodeID((n+1)%nodes)); on != second {
					t.Fatalf("%d tasks on %d nodes: node %d has %v, and %v for the exchange", tasks, nodes, n+1, second, on)
				}
				seen += second.Count
			}
			if seen != tasks {
				t.Fatalf("%d tasks on %d nodes: %d second instances", tasks, nodes, seen)
			}
		}
		if err := p.checkInstances(1); err == nil {
			t.Fatal("second instances on one node")
		}
	}
}
