package plan

import (
	"fmt"
	"strings"

	"github.com/streamscope/streamscope/vertex/runtime"
)

// Explain is the plan as text: stages with their tasks, operators and schemas, and the edges that lead into each.
func (p *Plan) Explain() string {
	var b strings.Builder
	for i, s := range p.Runtime.Stages {
		fmt.Fprintf(&b, "stage %d %s: %d %s", i, s.Name, s.Tasks, plural(s.Tasks, "task"))
		if s.Second {
			fmt.Fprintf(&b, ", second instances of those of stage %d", s.First)
		}
		b.WriteByte('\n')
		for _, e := range p.Runtime.Edges {
			if e.To == i {
				fmt.Fprintf(&b, "  edge %d from %s %s\n", e.ID, p.producer(e), route(e))
			}
		}
		for id, n := range p.Nodes {
			switch {
			case p.stageOf[id] != i:
			case n.Source != nil:
				fmt.Fprintf(&b, "  source %s: %d %s %v\n", n.Name, p.splits[id], plural(p.splits[id], "split"), n.Schema)
			default:
				fmt.Fprintf(&b, "  %s %s <- %s: %s\n    %v\n", n.Spec.Kind(), n.Name, p.origins(id), n.Spec.Text(), n.Schema)
			}
		}
	}
	return b.String()
}

func (p *Plan) producer(e runtime.Edge) string {
	from := p.Runtime.Stages[e.From]
	name := from.SourceName
	if e.FromOp != runtime.OpSource {
		name = from.Ops[e.FromOp].Name
	}
	return fmt.Sprintf("%d.%s", e.From, name)
}

func route(e runtime.Edge) string {
	var b strings.Builder
	b.WriteString("to one task")
	if len(e.Keys) > 0 {
		names := make([]string, len(e.Keys))
		for i, k := range e.Keys {
			names[i] = e.Schema.Fields[k].Name
		}
		b.Reset()
		fmt.Fprintf(&b, "by hash of %s", strings.Join(names, ", "))
	}
	if e.Unordered {
		b.WriteString(", unordered")
	}
	return b.String()
}

func (p *Plan) origins(id int) string {
	op := p.Runtime.Stages[p.stageOf[id]].Ops[p.opOf[id]]
	var from []string
	for port, in := range op.Inputs {
		switch in.Kind {
		case runtime.FromEdge:
			from = append(from, fmt.Sprintf("edge %d", in.Index))
		default:
			from = append(from, p.Nodes[p.Nodes[id].Inputs[port]].Name)
		}
	}
	return strings.Join(from, ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
