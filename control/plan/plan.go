package plan

import (
	"fmt"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Options shape a physical plan.
type Options struct {
	// Tasks of every keyed stage. Sources have at most as many, and not more than splits.
	Tasks int
	// Fuse puts operators together where the distribution of rows allows it. Without it every operator is a stage of its own and every
	// connection an edge: slow, but the same result, which tests compare.
	Fuse bool
	// Reliability counts in runs with recovery.
	Reliability Reliability
}

// MaxTasks bounds Options.Tasks.
const MaxTasks = 1 << 16

func (o Options) validate() error {
	if o.Tasks < 1 || o.Tasks > MaxTasks {
		return fmt.Errorf("tasks: got %d, want 1 to %d", o.Tasks, MaxTasks)
	}
	return nil
}

// Plan is a physical plan with the logical graph it came from.
type Plan struct {
	Runtime *runtime.Plan
	// Nodes are the graph's nodes as planned: sources without the columns that nothing reads, schemas to match.
	Nodes   []*job.Node
	Options Options
	stageOf []int // by node, index into Runtime.Stages
	opOf    []int // by node, index into the stage's Ops, or runtime.OpSource
	splits  []int // by node, for sources
	// unordered is by edge what it is as long as nothing is there twice.
	unordered []bool
}

// Build plans the graph. Errors come from the sources' lists of splits, or are about names in the options, and name them.
func Build(g *job.Graph, o Options) (*Plan, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", g.Name, err)
	}
	nodes, err := prune(g.Nodes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.Name, err)
	}
	splits, err := countSplits(g.Name, nodes)
	if err != nil {
		return nil, err
	}
	d := newDivision(nodes)
	for _, n := range nodes {
		if o.Fuse {
			d.place(n)
		} else {
			d.isolate(n)
		}
	}
	p := &Plan{Nodes: nodes, Options: o, splits: splits}
	p.lower(g.Name, d)
	if err := o.Reliability.apply(p); err != nil {
		return nil, fmt.Errorf("%s: %w", g.Name, err)
	}
	return p, nil
}

func countSplits(jobName string, nodes []*job.Node) ([]int, error) {
	counts := make([]int, len(nodes))
	for i, n := range nodes {
		if n.Source == nil {
			continue
		}
		splits, err := n.Source.Splits()
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", jobName, n.Name, err)
		}
		counts[i] = len(splits)
	}
	return counts, nil
}

// Names lists the logical names in the order of the graph, each once: the stages that statistics report.
func (p *Plan) Names() []string {
	var names []string
	for _, n := range p.Nodes {
		if len(names) == 0 || !contains(names, n.Name) {
			names = append(names, n.Name)
		}
	}
	return names
}

// TasksOf returns how many tasks run the named operator, 0 if there is none of that name.
func (p *Plan) TasksOf(name string) int {
	for i, n := range p.Nodes {
		if n.Name == name {
			return p.Runtime.Stages[p.stageOf[i]].Tasks
		}
	}
	return 0
}
