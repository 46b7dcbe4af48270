package shuffle

import (
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// TaskRange is a run of consecutive tasks: those of one stage.
type TaskRange struct {
	First frame.TaskID
	Count int
}

// Contains reports whether t is one of them.
func (r TaskRange) Contains(t frame.TaskID) bool { return t >= r.First && int(t-r.First) < r.Count }

// Part returns the i-th of n nearly equal contiguous parts.
func (r TaskRange) Part(i, n int) TaskRange {
	from, to := (i*r.Count+n-1)/n, ((i+1)*r.Count+n-1)/n
	return TaskRange{r.First + frame.TaskID(from), to - from}
}

// Cluster is the shape of what an exchange spans: nodes of equally many cores each.
type Cluster struct {
	Nodes int
	Cores int
	// Placed says which tasks of a stage a node has: a contiguous part of r, perhaps empty; the parts of all nodes make up r. It must answer
	// the same on every node, at any time. nil: nearly equal parts.
	Placed func(r TaskRange, n frame.NodeID) TaskRange
	// OnCore says which of a node's tasks r of a stage one of its cores has: contiguous parts, perhaps empty, that make up r. nil: nearly
	// equal parts.
	OnCore func(r TaskRange, c frame.CoreID) TaskRange
}

// On returns the tasks of r that are placed on core c of node n: contiguous ranges, so that a node's tasks are one range.
func (k Cluster) On(r TaskRange, n frame.NodeID, c frame.CoreID) TaskRange {
	r = k.OnNode(r, n)
	if k.OnCore != nil {
		return k.OnCore(r, c)
	}
	return r.Part(int(c), k.Cores)
}

// OnNode returns the tasks of r that are placed on node n.
func (k Cluster) OnNode(r TaskRange, n frame.NodeID) TaskRange {
	if k.Placed != nil {
		return k.Placed(r, n)
	}
	return r.Part(int(n), k.Nodes)
}

// Node returns where task t of r is placed.
func (k Cluster) Node(r TaskRange, t frame.TaskID) frame.NodeID {
	n := frame.NodeID(0)
	for !k.OnNode(r, n).Contains(t) && int(n) < k.Nodes-1 {
		n++
	}
	return n
}

// Edge is what an exchange knows of an edge: one rStream per pair of a source and a destination task.
type Edge struct {
	ID          frame.EdgeID
	Schema      *batch.Schema
	Source      TaskRange
	Destination TaskRange
	// Keys are the columns whose hash chooses the destination task; none: all rows go to the first.
	Keys []int
	// Unordered edges mix the rows of all source tasks of a core: rows have no positions, only ticks.
	Unordered bool
	// Policy counts with ExchangeConfig.Retain only.
	Policy Policy
	// Instances is set where tasks are there twice.
	Instances Instances
}
