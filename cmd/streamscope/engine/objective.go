package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/objective"
	"github.com/streamscope/streamscope/control/plan"
)

// Objective is how soon what is lost must be back; the zero value asks for nothing.
type Objective struct {
	Gap time.Duration
	// IntervalGiven and PolicyGiven tell Recovery's SnapshotInterval and Reliability.Policy from defaults, which give way.
	IntervalGiven, PolicyGiven bool
}

// choose chooses policies, strategies and the snapshot interval for the objective, if there is one, and gives them to the plan and to the
// run. Nobody else must write the directory.
func (cfg *Config) choose(p *plan.Plan, d *data) (*objective.Choice, error) {
	r := *cfg.Recovery
	if r.Objective.Gap == 0 {
		return nil, nil
	}
	o := objective.Objective{Ns: int64(r.Objective.Gap), Given: r.Reliability, PolicyGiven: r.Objective.PolicyGiven}
	if r.Objective.IntervalGiven {
		o.IntervalNs = int64(r.SnapshotInterval)
	}
	before := cfg.statusBefore(d)
	nodes := max(1, cfg.Workers)
	c, err := cfg.chosenBefore(d, before, o)
	if err != nil {
		return nil, err
	}
	if c == nil {
		c = objective.Choose(o, control.ObjectiveStages(p, nodes), nodes, control.MeasuredOf(before))
	}
	if err := p.Apply(c.Reliability); err != nil {
		return nil, err
	}
	r.Reliability, r.SnapshotInterval = c.Reliability, time.Duration(c.IntervalNs)
	cfg.Recovery = &r
	if c.Met {
		cfg.Log.Info(c.String())
	} else {
		cfg.Log.Warn(c.String())
	}
	return c, nil
}

// statusBefore is what the run before said last; nil if there was none, or nobody can read it: then defaults have to do.
func (cfg *Config) statusBefore(d *data) *control.Status {
	if _, err := os.Lstat(filepath.Join(d.dir, statusName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, _, err := ReadStatus(d.dir)
	if err != nil {
		cfg.Log.Warn(fmt.Sprintf("--recovery-objective: what earlier lives have measured is not known: %v", err))
		return nil
	}
	return s
}

// chosenBefore is what the manager before chose, if workers of it live on: with another plan they could not. Nil: choose anew.
func (cfg *Config) chosenBefore(d *data, before *control.Status, o objective.Objective) (*objective.Choice, error) {
	if before == nil || before.Choice == nil || !reflect.DeepEqual(before.Choice.Objective, o) || !before.Choice.Possible(max(1, cfg.Workers)) {
		return nil, nil
	}
	living, err := whoLives(d.dir)
	if err != nil {
		return nil, fmt.Errorf("--data-dir %s: %w", d.dir, err)
	}
	if len(living) == 0 {
		return nil, nil
	}
	return before.Choice, nil
}
