package job

import (
	"fmt"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/ops"
)

// Interval bounds right.Vs - left.Vs, both ends included.
type Interval struct{ lower, upper time.Duration }

// Between is the interval from lower to upper; either may be negative.
func Between(lower, upper time.Duration) Interval { return Interval{lower, upper} }

// IntervalJoin pairs events of equal keys whose beginnings are near each other. Ends are not looked at; a pair is a point at the later of
// the two beginnings.
func (s Stream) IntervalJoin(name string, right Stream, within Interval, options ...JoinOption) Stream {
	j := intervalSpec{within: within}
	for _, o := range options {
		o(&j.joinSides)
	}
	return s.job.op(name, j, s, right)
}

type intervalSpec struct {
	joinSides
	within Interval
}

func (j intervalSpec) config(in []*batch.Schema) (ops.IntervalJoinConfig, error) {
	keys, columns, err := j.resolve(in)
	return ops.IntervalJoinConfig{
		Left: in[0], Right: in[1], LeftKeys: keys[0], RightKeys: keys[1], Columns: columns,
		LowerUs: j.within.lower.Microseconds(), UpperUs: j.within.upper.Microseconds(),
	}, err
}

func (j intervalSpec) Output(in []*batch.Schema) (*batch.Schema, error) {
	cfg, err := j.config(in)
	if err != nil {
		return nil, err
	}
	return cfg.Output()
}

func (j intervalSpec) New(in []*batch.Schema, env Env) (vertex.Vertex, error) {
	cfg, err := j.config(in)
	if err != nil {
		return nil, err
	}
	return ops.NewIntervalJoin(cfg, env.Pages)
}

func (j intervalSpec) Kind() string                     { return "interval-join" }
func (j intervalSpec) Copies(in []*batch.Schema) []Copy { return j.copies(in, false) }

func (j intervalSpec) Text() string {
	return fmt.Sprintf("%s within %v to %v", j.text(), j.within.lower, j.within.upper)
}
