package runtime

import (
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// Plan is the physical plan of a job: stages of identical tasks, joined by edges. Every worker builds the same plan from the same job
// definition; Fingerprint of package control/plan compares them. A plan is immutable once a worker runs it.
type Plan struct {
	Job    string
	Stages []Stage
	Edges  []Edge // Edge.ID is the index
}

// TasksOn are a stage's tasks on one of a number of nodes.
func (p *Plan) TasksOn(stage int, node frame.NodeID, nodes int) shuffle.TaskRange {
	st := &p.Stages[stage]
	return st.on(shuffle.TaskRange{First: st.FirstTask, Count: st.Tasks}, node, nodes)
}

// Stage is a graph of operators, fused: each task of the stage executes all of them, passing rows by call.
type Stage struct {
	Name      string
	Tasks     int
	FirstTask frame.TaskID // tasks of a stage are FirstTask .. FirstTask+Tasks-1, dense over the job
	// Source, if set, feeds the operators that have an input FromSource. Splits are dealt to the tasks round robin.
	Source vertex.Source
	// SourceName is the name under which the source's rows are counted.
	SourceName string
	// Sink, if set, takes the output of the last operator. resume is nil for a new output, else the position to continue it from. wake may
	// be called from any goroutine.
	Sink func(resume []byte, wake func()) (vertex.Sink, error)
	// Ops in topological order: an operator's inputs come before it.
	Ops []Op
	// Strategy counts with Config.Recovery only.
	Strategy Strategy
	// Second: the tasks are second instances of those of stage First, see Plan.Twin.
	Second bool
	First  int
}

// Op is one operator of a stage.
type Op struct {
	Name   string        // of the logical stage, for statistics
	Schema *batch.Schema // of its output
	Inputs []Input       // by port
	New    func(env Env) (vertex.Vertex, error)
}

// Env is what an operator may use.
type Env struct {
	Pages state.Pages
	Task  frame.TaskID
}

// InputKind tells where a port's rows come from.
type InputKind uint8

// The kinds of input.
const (
	FromSource InputKind = 1 + iota // the stage's source
	FromEdge                        // Index is the edge
	FromOp                          // Index is the operator in the same stage
)

// Input names the origin of a port's rows. The same edge, source or operator may feed several ports.
type Input struct {
	Kind  InputKind
	Index int
}

// OpSource in Edge.FromOp says that the edge carries the rows of the stage's source itself.
const OpSource = -1

// Edge joins the output of an operator of one stage to another stage.
type Edge struct {
	ID     frame.EdgeID
	From   int // stage
	FromOp int // operator of the stage, or OpSource
	To     int // stage
	Schema *batch.Schema
	// Keys are the columns whose hash chooses the task. None: everything goes to the stage's first task.
	Keys []int
	// Unordered edges mix the rows of several source tasks; the consumers' results must not depend on order.
	Unordered bool
	// Policy is how what the edge carried from node to node can be had again; it counts with Config.Recovery only.
	Policy shuffle.Policy
	// Instances is set by Plan.Twin.
	Instances shuffle.Instances
}
