package job

import (
	"fmt"
	"strings"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
	"github.com/streamscope/streamscope/vertex/ops"
)

// Windows cut event time into windows, aligned to 1970-01-01 UTC. Make them with Tumbling or Hopping.
type Windows struct{ size, hop time.Duration }

// Tumbling windows follow each other without gap or overlap.
func Tumbling(size time.Duration) Windows { return Windows{size, size} }

// Hopping windows of a size begin every hop; they overlap if hop is less than size.
func Hopping(size, hop time.Duration) Windows { return Windows{size, hop} }

// Windowed is a stream cut into windows, to be grouped and aggregated.
type Windowed struct {
	in   Stream
	name string
	w    Windows
	keys []string
}

// Window cuts the stream into windows by Vs. The name is that of the aggregate that follows.
func (s Stream) Window(name string, w Windows) Windowed { return Windowed{in: s, name: name, w: w} }

// GroupBy makes groups of equal keys within each window; nulls are one group. Without it a window is one group.
func (w Windowed) GroupBy(keys ...string) Windowed {
	w.keys = keys
	return w
}

// Aggregate emits one event per window and group with rows: its lifetime is the window, its columns are the keys and the aggregates.
// Results are final: they come once no more rows of the window can.
func (w Windowed) Aggregate(aggregates ...Aggregate) Stream {
	return w.in.job.op(w.name, windowSpec{w: w.w, keys: w.keys, aggs: aggregates}, w.in)
}

// Aggregate is an aggregate function over an expression. Nulls are passed over; over nulls alone it is null, counts are 0. All are
// exact: integer sums fail beyond their range, sums of floats are rounded once.
type Aggregate struct {
	name string
	fn   ops.AggregateFunc
	arg  expr.Expr // zero: rows are counted
}

// Count counts rows.
func Count(name string) Aggregate { return Aggregate{name: name, fn: ops.Count} }

// CountOf counts the values that are not null.
func CountOf(name string, e expr.Expr) Aggregate { return Aggregate{name, ops.Count, e} }

// CountIf counts the rows for which the condition is true.
func CountIf(name string, e expr.Expr) Aggregate { return Aggregate{name, ops.CountIf, e} }

// Sum is the sum of integers or floats.
func Sum(name string, e expr.Expr) Aggregate { return Aggregate{name, ops.Sum, e} }

// Min is the least value.
func Min(name string, e expr.Expr) Aggregate { return Aggregate{name, ops.Min, e} }

// Max is the greatest value.
func Max(name string, e expr.Expr) Aggregate { return Aggregate{name, ops.Max, e} }

// Avg is the average, a float.
func Avg(name string, e expr.Expr) Aggregate { return Aggregate{name, ops.Avg, e} }

type windowSpec struct {
	w    Windows
	keys []string
	aggs []Aggregate
}

func (s windowSpec) Kind() string { return "window" }

func (s windowSpec) Need(int) Need {
	if len(s.keys) == 0 {
		return Need{AllInOne, nil}
	}
	return Need{ByKey, s.keys}
}

func (s windowSpec) Unordered(int) bool { return true }

// Memory implements Remembering: rows of windows that have ended are forgotten.
func (s windowSpec) Memory() Memory { return RecentMemory }

func (s windowSpec) Copies([]*batch.Schema) []Copy {
	var cs []Copy
	for _, k := range s.keys {
		cs = append(cs, Copy{0, k, k})
	}
	return cs
}

func (s windowSpec) Output(in []*batch.Schema) (*batch.Schema, error) {
	cfg, _, err := s.config(in[0])
	if err != nil {
		return nil, err
	}
	return cfg.Output()
}

// config resolves columns and expressions. Arguments that are no plain columns are computed behind the input's columns.
func (s windowSpec) config(in *batch.Schema) (ops.WindowConfig, *extension, error) {
	ext := newExtension(in)
	cfg := ops.WindowConfig{SizeUs: s.w.size.Microseconds(), HopUs: s.w.hop.Microseconds()}
	if err := checkColumns(in, s.keys); err != nil {
		return cfg, nil, err
	}
	if s.w.hop < time.Microsecond {
		return cfg, nil, fmt.Errorf("windows of %v every %v: want at least 1µs", s.w.size, s.w.hop)
	}
	for _, k := range s.keys {
		cfg.Keys = append(cfg.Keys, in.Index(k))
	}
	for _, a := range s.aggs {
		col := ops.AllRows
		if !a.arg.IsZero() {
			var err error
			if col, err = ext.column(a.arg); err != nil {
				return cfg, nil, fmt.Errorf("%v %q: %w", a.fn, a.name, err)
			}
		} else if a.fn != ops.Count {
			return cfg, nil, fmt.Errorf("%v %q: no expression", a.fn, a.name)
		}
		cfg.Aggregates = append(cfg.Aggregates, ops.Aggregate{Func: a.fn, Column: col, Name: a.name})
	}
	cfg.Input = ext.schema
	return cfg, ext, nil
}

func (s windowSpec) New(in []*batch.Schema, env Env) (vertex.Vertex, error) {
	cfg, ext, err := s.config(in[0])
	if err != nil {
		return nil, err
	}
	w, err := ops.NewWindow(cfg, env.Pages)
	if err != nil {
		return nil, err
	}
	return ext.wrap(w), nil
}

func (s windowSpec) Text() string {
	var parts []string
	for _, a := range s.aggs {
		arg := "*"
		if !a.arg.IsZero() {
			arg = a.arg.String()
		}
		parts = append(parts, fmt.Sprintf("%v(%s) AS %s", a.fn, arg, a.name))
	}
	return fmt.Sprintf("%s by (%s) in windows of %v every %v", strings.Join(parts, ", "), strings.Join(s.keys, ", "), s.w.size, s.w.hop)
}
