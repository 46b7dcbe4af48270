package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Reliability says how what is lost is had again. The zero value is the policy retain for all edges. Names are those of
// physical stages, as `streamscope job explain` prints them; one that several stages have stands for all of them.
type Reliability struct {
	// Policy is that of all edges that Edges does not name.
	Policy shuffle.Policy
	// Edges are exceptions; of several for an edge the last one counts.
	Edges []EdgePolicy `json:",omitempty"`
	// Stages are those whose strategy is not that of all others, checkpoint.
	Stages []StageStrategy `json:",omitempty"`
}

// StageStrategy is the strategy of a stage.
type StageStrategy struct {
	Stage    string
	Strategy runtime.Strategy
}

func (s StageStrategy) String() string { return fmt.Sprintf("%s=%v", s.Stage, s.Strategy) }

// ParseStageStrategy reads STAGE=STRATEGY.
func ParseStageStrategy(text string) (StageStrategy, error) {
	i := strings.LastIndexByte(text, '=')
	if i < 1 {
		return StageStrategy{}, fmt.Errorf("got %q, want STAGE=checkpoint, STAGE=replay or STAGE=replica", text)
	}
	s, err := runtime.ParseStrategy(text[i+1:])
	if err != nil {
		return StageStrategy{}, fmt.Errorf("%s: %w", text[:i], err)
	}
	return StageStrategy{text[:i], s}, nil
}

// EdgePolicy is the policy of all edges from one stage to another.
type EdgePolicy struct {
	From, To string
	Policy   shuffle.Policy
}

func (e EdgePolicy) String() string { return fmt.Sprintf("%s->%s=%v", e.From, e.To, e.Policy) }

// ParseEdgePolicy reads STAGE->STAGE=POLICY.
func ParseEdgePolicy(text string) (EdgePolicy, error) {
	from, rest, arrow := strings.Cut(text, "->")
	to, policy, equals := strings.Cut(rest, "=")
	if !arrow || !equals || from == "" || to == "" {
		return EdgePolicy{}, fmt.Errorf("got %q, want STAGE->STAGE=POLICY, such as flights->sink=recompute", text)
	}
	p, err := shuffle.ParsePolicy(policy)
	if err != nil {
		return EdgePolicy{}, fmt.Errorf("%s->%s: %w", from, to, err)
	}
	return EdgePolicy{from, to, p}, nil
}

// Apply gives the plan other policies and strategies than those that it was built with. Stages that were given replay before, and are not
// named now, keep it. After an error the plan must not be used.
func (p *Plan) Apply(r Reliability) error {
	p.Options.Reliability = r
	return r.apply(p)
}

// apply writes policies and strategies into a plan.
func (r Reliability) apply(pl *Plan) error {
	pl.untwin()
	if err := r.applyStrategies(pl); err != nil {
		return err
	}
	if err := r.applyPolicies(pl.Runtime); err != nil {
		return err
	}
	pl.twin()
	return nil
}

// applyPolicies writes the policies of edges.
func (r Reliability) applyPolicies(p *runtime.Plan) error {
	for i := range p.Edges {
		p.Edges[i].Policy = r.Policy
	}
	for _, want := range r.Edges {
		found := false
		for i := range p.Edges {
			e := &p.Edges[i]
			if p.Stages[e.From].Name == want.From && p.Stages[e.To].Name == want.To {
				e.Policy, found = want.Policy, true
			}
		}
		if !found {
			return fmt.Errorf("edge policy %v: there is no edge %s->%s, want one of: %s", want, want.From, want.To, strings.Join(edgeNames(p), ", "))
		}
	}
	return nil
}

func (r Reliability) applyStrategies(p *Plan) error {
	for _, want := range r.Stages {
		found := false
		for i := range p.Runtime.Stages {
			st := &p.Runtime.Stages[i]
			if st.Name != want.Stage {
				continue
			}
			found = true
			why := ""
			switch want.Strategy {
			case runtime.Replay:
				why = p.NotReplayed(i)
			case runtime.Replica:
				why = p.NotTwice(i)
			}
			if why != "" {
				return fmt.Errorf("stage strategy %v: %s; leave it at checkpoint", want, why)
			}
			st.Strategy = want.Strategy
		}
		if !found {
			return fmt.Errorf("stage strategy %v: there is no stage %s, want one of: %s", want, want.Stage, strings.Join(stageNames(p.Runtime), ", "))
		}
	}
	return nil
}

// NotReplayed says why a stage must not have the strategy replay, "" if it may: sources and sinks have positions, and the state of
// operators must follow from a recent window of ticks.
func (p *Plan) NotReplayed(stage int) string {
	st := &p.Runtime.Stages[stage]
	if st.Source != nil {
		return "it has a source, whose position is kept in images"
	}
	if st.Sink != nil {
		return "it has a sink, whose position is kept in images"
	}
	recent := ""
	for id, n := range p.Nodes {
		if p.stageOf[id] != stage {
			continue
		}
		switch job.MemoryOf(n.Spec) {
		case job.NoBound:
			return fmt.Sprintf("its operator %s (%s) may remember rows for ever", n.Name, n.Spec.Kind())
		case job.RecentMemory:
			if recent != "" {
				return fmt.Sprintf("its operators %s and %s both remember rows, and the window of the one would begin with what the other does not know yet", recent, n.Name)
			}
			recent = n.Name
		}
	}
	return ""
}

// NotTwice says why a stage must not have the strategy replica, "" if it may: what a source has cut, and what a sink has made visible, is there once.
func (p *Plan) NotTwice(stage int) string {
	st := &p.Runtime.Stages[stage]
	if st.Source != nil {
		return "it has a source, and what it reads is cut into ticks once"
	}
	if st.Sink != nil {
		return "it has a sink, and its output is written once"
	}
	return ""
}

// Stages counts the physical stages, those that are there twice once; second instances lie behind them.
func (p *Plan) Stages() (n int) {
	for i := range p.Runtime.Stages {
		if !p.Runtime.Stages[i].Second {
			n++
		}
	}
	return n
}

// twin adds second instances of the stages that have this strategy.
func (p *Plan) twin() {
	for i := range p.Runtime.Stages {
		if p.Runtime.Stages[i].Strategy == runtime.Replica {
			p.Runtime.Twin(i)
		}
	}
}

// untwin takes second instances out of the plan.
func (p *Plan) untwin() {
	r := p.Runtime
	second := func(i int) bool { return r.Stages[i].Second }
	r.Edges = slices.DeleteFunc(slices.Clone(r.Edges), func(e runtime.Edge) bool { return second(e.From) || second(e.To) })
	r.Stages = slices.DeleteFunc(slices.Clone(r.Stages), func(s runtime.Stage) bool { return s.Second })
	for i := range r.Edges {
		r.Edges[i].Instances, r.Edges[i].Unordered = shuffle.Instances{}, p.unordered[i]
	}
}

// stageNames lists the stages, each name once.
func stageNames(p *runtime.Plan) []string {
	var names []string
	for i := range p.Stages {
		if name := p.Stages[i].Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// edgeNames lists the edges by the names of their stages, each once.
func edgeNames(p *runtime.Plan) []string {
	var names []string
	for i := range p.Edges {
		e := &p.Edges[i]
		if name := p.Stages[e.From].Name + "->" + p.Stages[e.To].Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
