package options

import (
	"fmt"
	"time"
)

// Objective is how soon what is lost must be back; Gap is 0 without one.
type Objective struct {
	Gap time.Duration
	// IntervalGiven and PolicyGiven tell whether --snapshot-interval and --reliability were given: what was given is not chosen.
	IntervalGiven, PolicyGiven bool
}

// Bounds of an objective.
const (
	objectiveMin = time.Millisecond
	objectiveMax = 24 * time.Hour
)

func (p *parser) objective(raw Raw, run *Run) {
	if raw.Objective == nil {
		return
	}
	run.Objective = Objective{
		Gap:           value(p, "--recovery-objective", raw.Objective, 0, parseObjective),
		IntervalGiven: raw.SnapshotInterval != nil, PolicyGiven: raw.Reliability != nil,
	}
	if run.DataDir == "" {
		p.complain("--recovery-objective %s: give a --data-dir; without one a lost worker ends the run", *raw.Objective)
	}
}

func parseObjective(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < objectiveMin || d > objectiveMax {
		return 0, fmt.Errorf("got %q, want a time from %v to %v, such as 2s", s, objectiveMin, objectiveMax)
	}
	return d, nil
}
