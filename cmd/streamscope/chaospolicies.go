package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/streamscope/streamscope/cmd/streamscope/options"
)

// chaosPolicies are the flags of `run` that chaos hands on to the runs that it hurts.
type chaosPolicies struct{ raw options.Raw }

var chaosPolicyFlags = []string{"reliability", "source-durability", "snapshot-store"}

// register adds the flags, with the words that `run` has for them.
func (p *chaosPolicies) register(set *pflag.FlagSet) {
	for _, f := range options.Flags() {
		for _, name := range chaosPolicyFlags {
			if f.Name == name {
				set.Var(textFlag{f.Target(&p.raw), f.Meta}, f.Name, fmt.Sprintf("as of run: %s (default: %s)", f.Help, f.Default))
			}
		}
	}
	set.Var(listFlag{&p.raw.EdgePolicies, "STAGE->STAGE=POLICY"}, "edge-policy", "as of run; may be repeated")
	set.Var(listFlag{&p.raw.StageStrategies, "STAGE=STRATEGY"}, "stage-strategy", "as of run; may be repeated")
}

// args are the flags as they are handed on, and what `run` would say against them.
func (p *chaosPolicies) args(workers int, m options.Machine) (args []string, complaints []error) {
	raw := p.raw
	count, dir := fmt.Sprint(workers), "data"
	raw.Workers, raw.DataDir = &count, &dir
	_, complaints = options.Parse(raw, m)
	for _, f := range options.Flags() {
		for _, name := range chaosPolicyFlags {
			if given := *f.Target(&p.raw); f.Name == name && given != nil {
				args = append(args, "--"+name+"="+*given)
			}
		}
	}
	for _, given := range p.raw.EdgePolicies {
		args = append(args, "--edge-policy="+given)
	}
	for _, given := range p.raw.StageStrategies {
		args = append(args, "--stage-strategy="+given)
	}
	return args, complaints
}
