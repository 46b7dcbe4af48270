package job

import (
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Graph is a job that was checked: what Build returns and package plan takes.
type Graph struct {
	Name  string
	Nodes []*Node // Node.ID is the index
}

// Sinks returns the nodes that end the job, in the order of their definition.
func (g *Graph) Sinks() []*Node {
	var sinks []*Node
	for _, n := range g.Nodes {
		if n.Sink != nil {
			sinks = append(sinks, n)
		}
	}
	return sinks
}

// Node is one logical operator, a source or a sink.
type Node struct {
	ID     int
	Name   string
	Inputs []int // node ids, by port
	At     Place // where the user wrote it
	// Schema is of the node's output; of a sink, of what it writes.
	Schema *batch.Schema
	// Source is set for a source, which has no Spec.
	Source vertex.Source
	// Spec is set for every node but a source.
	Spec Spec
	// Sink is set for a sink; its Spec puts the rows into order.
	Sink Sink
}

// Spec is what a node computes, as far as a planner must know. Implementations are immutable and pure.
type Spec interface {
	// Kind is one word for explain: "project", "join".
	Kind() string
	// Output checks the inputs and returns the schema of the result. Errors name columns and both types.
	Output(in []*batch.Schema) (*batch.Schema, error)
	// New makes one task's instance. The inputs passed Output before.
	New(in []*batch.Schema, env runtime.Env) (vertex.Vertex, error)
	// Need tells which rows of a port must meet in one task.
	Need(port int) Need
	// Copies lists the output columns that are unchanged copies of input columns, in every row.
	Copies(in []*batch.Schema) []Copy
	// Unordered reports whether the result does not depend on the order of a port's rows within a tick, and comes at its close.
	Unordered(port int) bool
	// Text says everything that shapes the result, stably over processes and releases: plans are compared by it.
	Text() string
}

// Memory is how much of its input an operator's state depends on.
type Memory uint8

// The kinds of memory. What a Spec does not tell of has no bound.
const (
	NoBound      Memory = iota
	RecentMemory        // its instances are vertex.Horizons
	NoMemory            // its instances have no state
)

// Remembering is a Spec that tells.
type Remembering interface {
	Spec
	Memory() Memory
}

// MemoryOf is that of a Spec.
func MemoryOf(s Spec) Memory {
	if r, ok := s.(Remembering); ok {
		return r.Memory()
	}
	return NoBound
}

// Need is the distribution that a port asks for.
type Need struct {
	Kind NeedKind
	// Keys are the columns by which rows meet (ByKey only). Ports of one node have as many, and the i-th ones are compared.
	Keys []string
}

// NeedKind tells which rows must meet in one task.
type NeedKind uint8

// The kinds of distribution.
const (
	Anywhere NeedKind = iota // each row stands for itself
	ByKey                    // rows of one key
	AllInOne                 // all rows of the stream
)

// Copy says that output column To is input column From of a port, unchanged in every row.
type Copy struct {
	Port     int
	From, To string
}

// Sink is where a job's rows end. It is part of the job's definition: every process builds the same one, one worker opens it,
// and the process that holds the manager commits or drops what was written.
type Sink interface {
	// Check tells early what must fail later: a schema that cannot be written, a directory that does not exist.
	Check(s *batch.Schema) error
	// Open begins the output in the worker that runs the sink's task, under a temporary name: a new one if resume is nil, in place of any
	// that an earlier life of the run left behind; else the earlier one is cut back to resume, a position that Checkpoint reported, and
	// continued. An output that is missing, shorter than the position, or not the one that the position is of, is an error that says so. wake
	// may be called from any goroutine.
	Open(s *batch.Schema, resume []byte, wake func()) (vertex.Sink, error)
	Committer
}

// Committer has output to be made visible at the end of a run. Sinks have; a source may, for the rows that it diverts.
type Committer interface {
	// Commit makes the finished output visible under its final name. It is called once, after every task has finished.
	Commit() error
	// Abort removes whatever was left behind. It may be called when nothing was written, and after a worker died.
	Abort() error
}

// Committers returns all output of the job: of sources first, since what sinks write is the result.
func (g *Graph) Committers() []Committer {
	var cs []Committer
	for _, n := range g.Nodes {
		if c, ok := n.Source.(Committer); ok {
			cs = append(cs, c)
		}
	}
	for _, n := range g.Sinks() {
		cs = append(cs, n.Sink)
	}
	return cs
}

// Pruner is a Source that can leave out columns: it returns a source of the named columns alone, in its own order.
type Pruner interface {
	vertex.Source
	Prune(columns []string) (vertex.Source, error)
}
