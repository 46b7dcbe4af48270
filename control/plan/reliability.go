package plan

import (
	"fmt"
	"slices"
	"strings"

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

// apply writes the policies into the edges of a plan.
func (r Reliability) apply(p *runtime.Plan) error {
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
