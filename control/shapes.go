package control

import (
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Shapes are the stages of a plan as they lie on a number of nodes.
func Shapes(p *runtime.Plan, nodes int) []StageShape {
	shapes := make([]StageShape, len(p.Stages))
	for i := range p.Stages {
		shapes[i] = StageShape{Name: p.Stages[i].Name, Source: p.Stages[i].Source != nil, Strategy: p.Stages[i].Strategy}
		for n := range nodes {
			id := frame.NodeID(n)
			if p.TasksOn(i, id, nodes).Count > 0 {
				shapes[i].Nodes = append(shapes[i].Nodes, id)
			}
			if other, twice := p.Other(i); twice {
				at, _ := p.OtherOn(i, id, nodes)
				shapes[i].Others = append(shapes[i].Others, Unit{StageID(other), at})
			}
		}
	}
	for _, e := range p.Edges {
		shapes[e.From].To = append(shapes[e.From].To, StageID(e.To))
		shapes[e.From].Edges = append(shapes[e.From].Edges, EdgeShape{e.ID, StageID(e.To), e.Policy})
	}
	return shapes
}
