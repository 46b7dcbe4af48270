package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/streamscope/streamscope/cmd/streamscope/options"
)

// textFlag keeps the last text that was given; package options reads it when all flags are known.
type textFlag struct {
	target **string
	meta   string
}

func (f textFlag) String() string { return "" }
func (f textFlag) Type() string   { return f.meta }
func (f textFlag) Set(s string) error {
	*f.target = &s
	return nil
}

// listFlag collects the texts of a flag that repeats.
type listFlag struct {
	target *[]string
	meta   string
}

func (f listFlag) String() string { return "" }
func (f listFlag) Type() string   { return f.meta }
func (f listFlag) Set(s string) error {
	*f.target = append(*f.target, s)
	return nil
}

// runFlags adds the flags of `run` to set; they fill raw.
func runFlags(set *pflag.FlagSet, raw *options.Raw) {
	set.SortFlags = false
	set.Var(listFlag{&raw.Input, "FILE"}, "input", "read events from this file (.parquet, .csv, .jsonl), from all files of a pattern, or from standard input as CSV (-), of which, with --data-dir, a repeated command gets what follows what the one before has taken; may be repeated (default: the embedded week)")
	for _, f := range options.Flags() {
		set.Var(textFlag{f.Target(raw), f.Meta}, f.Name, fmt.Sprintf("%s (default: %s)", f.Help, f.Default))
	}
	set.BoolVar(&raw.AcceptGap, "accept-gap", false, "go on although all workers that kept the journal of a source are lost: it reads again from its last image on, and what is written may differ from what was seen")
	set.BoolVar(&raw.InputAgain, "input-again", false, "with --input - and --data-dir: standard input is all of it once more, from its beginning; what was taken before is compared, and passed over")
	set.Var(listFlag{&raw.EdgePolicies, "STAGE->STAGE=POLICY"}, "edge-policy", "what logs keep of the edges from one stage to another, as --reliability says it of all; job explain prints the names; may be repeated")
	set.Var(listFlag{&raw.StageStrategies, "STAGE=STRATEGY"}, "stage-strategy", "how a stage has its state again: checkpoint (images), replay (from the inputs of its windows, without images of its state), or replica (executed twice, on a worker and the next one, of which others take what comes first); may be repeated")
}
