package runtime

import (
	"errors"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// Twin has a stage executed twice: it adds a stage of second instances, and the edges that lead to them and away from them, behind those that
// there are. Either instance reads and writes all that the one would have, by edges of its own; who reads them takes each tick of a task from one of
// the two (shuffle.Instances). The stage must have neither source nor sink, and no second instances yet.
//
// What leads away from the stage is ordered from now on: unordered rows do not say which task they are of.
func (p *Plan) Twin(stage int) {
	last, second := &p.Stages[len(p.Stages)-1], len(p.Stages)
	st := p.Stages[stage]
	st.Name += "#2"
	st.FirstTask = last.FirstTask + frame.TaskID(last.Tasks)
	st.Second, st.First, st.Strategy = true, stage, Replica
	p.Stages[stage].Strategy = Replica
	copies := map[frame.EdgeID]frame.EdgeID{}
	for i := range len(p.Edges) {
		c := p.Edges[i]
		c.ID = frame.EdgeID(len(p.Edges))
		switch stage {
		case c.To:
			c.To = second
			p.Edges[i].Instances.Twice, p.Edges[i].Instances.Other = true, c.ID
			c.Instances.First = copies[c.Instances.First]
		case c.From:
			p.Edges[i].Unordered = false
			c.From, c.Unordered = second, false
			c.Instances.Second, c.Instances.First = true, frame.EdgeID(i)
		default:
			continue
		}
		if c.Policy.Keep == shuffle.Persist {
			c.Policy.Keep = shuffle.Retain // once is enough
		}
		copies[frame.EdgeID(i)] = c.ID
		p.Edges = append(p.Edges, c)
	}
	for _, c := range copies {
		if in := &p.Edges[c].Instances; in.Twice {
			in.Other = copies[in.Other] // its readers had second instances before
		}
	}
	st.Ops = slices.Clone(st.Ops)
	for i := range st.Ops {
		st.Ops[i].Inputs = slices.Clone(st.Ops[i].Inputs)
		for j := range st.Ops[i].Inputs {
			if in := &st.Ops[i].Inputs[j]; in.Kind == FromEdge {
				in.Index = int(copies[frame.EdgeID(in.Index)])
			}
		}
	}
	p.Stages = append(p.Stages, st)
}

// read is the edge as which tasks read this one.
func (e *Edge) read() frame.EdgeID {
	if e.Instances.Second {
		return e.Instances.First
	}
	return e.ID
}

// Images name stage, edges and tasks as the first instances do, so that those of either instance serve both.

func (p *Plan) imageStage(stage int) int {
	if st := &p.Stages[stage]; st.Second {
		return st.First
	}
	return stage
}

// ownEdges are the in-edges of second instances by those of the first.
func (p *Plan) ownEdges(stage int) map[frame.EdgeID]frame.EdgeID {
	own := map[frame.EdgeID]frame.EdgeID{}
	for i := range p.Edges {
		if e := &p.Edges[i]; e.Instances.Twice && p.Edges[e.Instances.Other].To == stage {
			own[e.ID] = e.Instances.Other
		}
	}
	return own
}

func (p *Plan) imageEdge(in frame.EdgeID) frame.EdgeID {
	for first, own := range p.ownEdges(p.Edges[in].To) {
		if own == in {
			return first
		}
	}
	return in
}

// imageShift is by how much a stage's tasks are numbered above those in its images.
func (p *Plan) imageShift(stage int) frame.TaskID {
	return p.Stages[stage].FirstTask - p.Stages[p.imageStage(stage)].FirstTask
}

// Other is the stage of the other instances of a stage's tasks; false: it has none.
func (p *Plan) Other(stage int) (int, bool) {
	if st := &p.Stages[stage]; st.Second {
		return st.First, true
	}
	i := slices.IndexFunc(p.Stages, func(s Stage) bool { return s.Second && s.First == stage })
	return i, i >= 0
}

// OtherOn is where the other instances of a stage's tasks on a node are.
func (p *Plan) OtherOn(stage int, n frame.NodeID, nodes int) (frame.NodeID, bool) {
	if _, twice := p.Other(stage); !twice {
		return 0, false
	}
	if p.Stages[stage].Second {
		return (n + frame.NodeID(nodes) - 1) % frame.NodeID(nodes), true
	}
	return (n + 1) % frame.NodeID(nodes), true
}

// order lists the stages so that edges lead forward: second instances come with the first.
func (p *Plan) order() []int {
	var order []int
	for i := range p.Stages {
		if p.Stages[i].Second {
			continue
		}
		order = append(order, i)
		for j := range p.Stages {
			if p.Stages[j].Second && p.Stages[j].First == i {
				order = append(order, j)
			}
		}
	}
	return order
}

// on are a stage's tasks r on a node: nearly equal parts. Second instances lie a node further than the first.
func (s *Stage) on(r shuffle.TaskRange, n frame.NodeID, nodes int) shuffle.TaskRange {
	i := int(n)
	if s.Second {
		i = (i + nodes - 1) % nodes
	}
	return r.Part(i, nodes)
}

// placed is Stage.on for whoever knows no stages; nil if no task is there twice.
func (p *Plan) placed(nodes int) func(shuffle.TaskRange, frame.NodeID) shuffle.TaskRange {
	if !p.twice() {
		return nil
	}
	return func(r shuffle.TaskRange, n frame.NodeID) shuffle.TaskRange { return p.stageOf(r).on(r, n, nodes) }
}

// stageOf is the stage of some tasks.
func (p *Plan) stageOf(r shuffle.TaskRange) *Stage {
	for i := range p.Stages {
		if st := &p.Stages[i]; (shuffle.TaskRange{First: st.FirstTask, Count: st.Tasks}).Contains(r.First) {
			return st
		}
	}
	return nil
}

var errAlone = errors.New("second instances of tasks need another node than the first, and there is one node")

// checkInstances reports second instances that would lie with the first.
func (p *Plan) checkInstances(nodes int) error {
	if nodes == 1 && p.twice() {
		return errAlone
	}
	return nil
}

func (p *Plan) twice() bool {
	return slices.ContainsFunc(p.Stages, func(s Stage) bool { return s.Second })
}
