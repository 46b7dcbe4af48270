package plan

import (
	"slices"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// lower writes the division down as stages, operators and edges.
func (p *Plan) lower(jobName string, d *division) {
	order := d.order()
	p.Runtime = &runtime.Plan{Job: jobName}
	p.stageOf, p.opOf = make([]int, len(p.Nodes)), make([]int, len(p.Nodes))
	first := frame.TaskID(0)
	for i, root := range order {
		s := runtime.Stage{FirstTask: first}
		for _, n := range p.Nodes {
			if d.stageOf(n.ID) != root {
				continue
			}
			p.stageOf[n.ID] = i
			p.addNode(&s, n)
		}
		s.Tasks = p.tasks(d, root)
		first += frame.TaskID(s.Tasks)
		p.Runtime.Stages = append(p.Runtime.Stages, s)
	}
	p.addEdges(d)
	p.addInputs(d)
}

func (p *Plan) addNode(s *runtime.Stage, n *job.Node) {
	if s.Name == "" {
		s.Name = n.Name
	}
	if n.Source != nil {
		s.Source, s.SourceName = n.Source, n.Name
		p.opOf[n.ID] = runtime.OpSource
		return
	}
	in := make([]*batch.Schema, len(n.Inputs))
	for port, id := range n.Inputs {
		in[port] = p.Nodes[id].Schema
	}
	p.opOf[n.ID] = len(s.Ops)
	s.Ops = append(s.Ops, runtime.Op{
		Name:   n.Name,
		Schema: n.Schema,
		New:    func(env runtime.Env) (vertex.Vertex, error) { return n.Spec.New(in, env) },
	})
	if n.Sink != nil {
		s.Sink = func(resume []byte, wake func()) (vertex.Sink, error) { return n.Sink.Open(n.Schema, resume, wake) }
	}
}

func (p *Plan) tasks(d *division, root int) int {
	switch d.shapes[root] {
	case single:
		return 1
	case byTasks:
		return p.Options.Tasks
	}
	for _, n := range p.Nodes {
		if n.Source != nil && d.stageOf(n.ID) == root {
			return max(1, min(p.Options.Tasks, p.splits[n.ID]))
		}
	}
	return 1
}

func (p *Plan) addEdges(d *division) {
	for i, l := range d.links {
		from := p.Nodes[l.from]
		e := runtime.Edge{
			ID:        frame.EdgeID(i),
			From:      p.stageOf[l.from],
			FromOp:    p.opOf[l.from],
			Schema:    from.Schema,
			Unordered: true,
		}
		for _, k := range l.keys {
			e.Keys = append(e.Keys, from.Schema.Index(k))
		}
		for id, ports := range d.ports {
			for port, at := range ports {
				if at == i {
					e.To = p.stageOf[id]
					e.Unordered = e.Unordered && p.Nodes[id].Spec.Unordered(port)
				}
			}
		}
		p.Runtime.Edges = append(p.Runtime.Edges, e)
		p.unordered = append(p.unordered, e.Unordered)
	}
}

func (p *Plan) addInputs(d *division) {
	for id, ports := range d.ports {
		for port, at := range ports {
			in := runtime.Input{Kind: runtime.FromEdge, Index: at}
			if from := p.Nodes[id].Inputs[port]; at == direct {
				in = runtime.Input{Kind: runtime.FromOp, Index: p.opOf[from]}
				if p.Nodes[from].Source != nil {
					in = runtime.Input{Kind: runtime.FromSource}
				}
			}
			op := &p.Runtime.Stages[p.stageOf[id]].Ops[p.opOf[id]]
			op.Inputs = append(op.Inputs, in)
		}
	}
}

// order lists the stages so that links lead forward; of those that could come next, the one with the first node does.
func (d *division) order() []int {
	var order []int
	for range d.parent {
		for id := range d.nodes {
			at := d.stageOf(id)
			ready := !slices.ContainsFunc(d.links, func(l link) bool {
				return d.find(l.to) == at && !slices.Contains(order, d.stageOf(l.from))
			})
			if ready && !slices.Contains(order, at) {
				order = append(order, at)
				break
			}
		}
	}
	return order
}
