package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/ops"
)

// JoinOption says how a join matches and what it gives.
type JoinOption func(*joinSides)

// joinSides is what all joins have.
type joinSides struct {
	left, right []string // key columns, pairwise
	columns     []JoinColumn
}

// On joins by equal values of columns that have the same names on both sides. A null equals nothing.
func On(columns ...string) JoinOption {
	return func(j *joinSides) {
		j.left = append(j.left, columns...)
		j.right = append(j.right, columns...)
	}
}

// OnEqual joins by a left column that equals a right one.
func OnEqual(left, right string) JoinOption {
	return func(j *joinSides) {
		j.left = append(j.left, left)
		j.right = append(j.right, right)
	}
}

// JoinColumn is a column of a join's result.
type JoinColumn struct {
	side ops.Side
	from string
	as   string
}

// Left is a column of the left stream.
func Left(column string) JoinColumn { return JoinColumn{ops.Left, column, column} }

// Right is a column of the right stream.
func Right(column string) JoinColumn { return JoinColumn{ops.Right, column, column} }

// As gives the column another name in the result.
func (c JoinColumn) As(name string) JoinColumn {
	c.as = name
	return c
}

// Take chooses the columns of the result. Without it they are those of the left stream, then those of the right one but for the keys that
// are called as on the left.
func Take(columns ...JoinColumn) JoinOption {
	return func(j *joinSides) { j.columns = append(j.columns, columns...) }
}

// Join joins events of equal keys, per instant: a pair lives where both do.
func (s Stream) Join(name string, right Stream, options ...JoinOption) Stream {
	return s.job.op(name, newJoin(ops.Inner, options), s, right)
}

// LeftJoin is Join that keeps what has no match: the pieces of a left event's lifetime in which nothing matches come out with nulls for the
// right columns.
func (s Stream) LeftJoin(name string, right Stream, options ...JoinOption) Stream {
	return s.job.op(name, newJoin(ops.LeftOuter, options), s, right)
}

func newJoin(kind ops.JoinKind, options []JoinOption) joinSpec {
	j := joinSpec{kind: kind}
	for _, o := range options {
		o(&j.joinSides)
	}
	return j
}

type joinSpec struct {
	joinSides
	kind ops.JoinKind
}

func (j joinSides) Need(port int) Need {
	if len(j.left) == 0 {
		return Need{AllInOne, nil}
	}
	if port == 0 {
		return Need{ByKey, j.left}
	}
	return Need{ByKey, j.right}
}

// Unordered: rows that arrive are joined at once, so the order of the result is that of the input.
func (j joinSides) Unordered(int) bool { return false }

// resolve turns names into positions.
func (j joinSides) resolve(in []*batch.Schema) (keys [2][]int, columns []ops.JoinColumn, err error) {
	if len(j.left) == 0 {
		return keys, nil, errors.New("no columns to join on")
	}
	for side, names := range [2][]string{j.left, j.right} {
		if err := checkColumns(in[side], names); err != nil {
			return keys, nil, fmt.Errorf("%v: %w", ops.Side(side), err)
		}
		for _, k := range names {
			keys[side] = append(keys[side], in[side].Index(k))
		}
	}
	for _, c := range j.taken(in) {
		at := in[c.side].Index(c.from)
		if at < 0 {
			return keys, nil, fmt.Errorf("%v: %w", c.side, noColumn(in[c.side], c.from))
		}
		columns = append(columns, ops.JoinColumn{Side: c.side, Column: at, Name: c.as})
	}
	return keys, columns, nil
}

// taken are the columns of the result.
func (j joinSides) taken(in []*batch.Schema) []JoinColumn {
	if j.columns != nil {
		return j.columns
	}
	var cs []JoinColumn
	for _, f := range in[0].Fields {
		cs = append(cs, Left(f.Name))
	}
	for _, f := range in[1].Fields {
		if i := slices.Index(j.right, f.Name); i < 0 || j.left[i] != f.Name {
			cs = append(cs, Right(f.Name))
		}
	}
	return cs
}

// copies lists columns of the result that are unchanged. Where every row is a pair, a key of one side is the other's, too.
func (j joinSides) copies(in []*batch.Schema, rightNull bool) []Copy {
	var cs []Copy
	for _, c := range j.taken(in) {
		if c.side == ops.Left || !rightNull {
			cs = append(cs, Copy{int(c.side), c.from, c.as})
		}
	}
	return cs
}

func (j joinSides) text() string {
	var on, take []string
	for i := range j.left {
		on = append(on, fmt.Sprintf("left.%s = right.%s", j.left[i], j.right[i]))
	}
	for _, c := range j.columns {
		take = append(take, fmt.Sprintf("%v.%s AS %s", c.side, c.from, c.as))
	}
	if take == nil {
		take = []string{"*"}
	}
	return fmt.Sprintf("%s on %s", strings.Join(take, ", "), strings.Join(on, " AND "))
}

func (j joinSpec) Kind() string {
	if j.kind == ops.LeftOuter {
		return "left-join"
	}
	return "join"
}

func (j joinSpec) config(in []*batch.Schema) (ops.JoinConfig, error) {
	keys, columns, err := j.resolve(in)
	return ops.JoinConfig{
		Kind: j.kind, Left: in[0], Right: in[1], LeftKeys: keys[0], RightKeys: keys[1], Columns: columns,
	}, err
}

func (j joinSpec) Output(in []*batch.Schema) (*batch.Schema, error) {
	cfg, err := j.config(in)
	if err != nil {
		return nil, err
	}
	return cfg.Output()
}

func (j joinSpec) New(in []*batch.Schema, env Env) (vertex.Vertex, error) {
	cfg, err := j.config(in)
	if err != nil {
		return nil, err
	}
	return ops.NewJoin(cfg, env.Pages)
}

func (j joinSpec) Copies(in []*batch.Schema) []Copy { return j.copies(in, j.kind == ops.LeftOuter) }
func (j joinSpec) Text() string                     { return j.text() }
