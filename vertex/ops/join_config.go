package ops

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// Side is an input of a join; its port has the same number.
type Side uint8

// The sides.
const (
	Left Side = iota
	Right
)

func (s Side) String() string {
	if s == Left {
		return "left"
	}
	return "right"
}

func (s Side) other() Side { return 1 - s }

// JoinColumn is a column of a join's output: a column of one of its inputs.
type JoinColumn struct {
	Side   Side
	Column int
	Name   string // "": as in the input
}

// JoinKind says what becomes of events without a match.
type JoinKind uint8

// The kinds of join.
const (
	Inner     JoinKind = iota // nothing
	LeftOuter                 // the pieces of a left event's lifetime in which nothing matches come out with nulls on the right
)

// JoinConfig joins events with equal keys, per instant: the output lives where both do. A null in a key matches nothing.
type JoinConfig struct {
	Kind        JoinKind
	Left, Right *batch.Schema
	LeftKeys    []int // as many as RightKeys, of the same kinds
	RightKeys   []int
	Columns     []JoinColumn
}

// Output is the schema of the rows: lifetimes, unless the output can only be points, and the chosen columns; those of the right may be null
// in a left outer join. Errors wrap ErrConfig.
func (c *JoinConfig) Output() (*batch.Schema, error) {
	if c.Kind > LeftOuter {
		return nil, fmt.Errorf("%w: join of kind %d", ErrConfig, c.Kind)
	}
	sides := c.sides()
	if err := sides.check("join"); err != nil {
		return nil, err
	}
	out := &batch.Schema{HasVe: c.Left.HasVe && (c.Right.HasVe || c.Kind == LeftOuter)}
	return out, sides.fields(out, c.Kind == LeftOuter)
}

func (c *JoinConfig) sides() *joinSides {
	return &joinSides{in: [2]*batch.Schema{c.Left, c.Right}, keys: [2][]int{c.LeftKeys, c.RightKeys}, columns: c.Columns}
}

// joinSides is what all joins are configured by.
type joinSides struct {
	in      [2]*batch.Schema
	keys    [2][]int
	columns []JoinColumn
}

func (j *joinSides) check(op string) error {
	var fields [2][]batch.Field
	for s, in := range j.in {
		if err := appendOnly(op, in); err != nil {
			return err
		}
		f, err := keyColumns(op, in, j.keys[s])
		if err != nil {
			return err
		}
		fields[s] = f
	}
	if len(fields[Left]) != len(fields[Right]) {
		return fmt.Errorf("%w: %s: %d key columns on the left, %d on the right", ErrConfig, op, len(fields[Left]), len(fields[Right]))
	}
	for i, l := range fields[Left] {
		if r := fields[Right][i]; l.Kind != r.Kind {
			return fmt.Errorf("%w: %s: key %q is %v on the left, %q is %v on the right", ErrConfig, op, l.Name, l.Kind, r.Name, r.Kind)
		}
	}
	return nil
}

// fields fills in the output's fields and checks it.
func (j *joinSides) fields(out *batch.Schema, rightNull bool) error {
	for _, c := range j.columns {
		if c.Side > Right || c.Column < 0 || c.Column >= len(j.in[c.Side].Fields) {
			return fmt.Errorf("%w: join: output column %d of side %d", ErrConfig, c.Column, c.Side)
		}
		f := j.in[c.Side].Fields[c.Column]
		if c.Name != "" {
			f.Name = c.Name
		}
		f.Nullable = f.Nullable || (rightNull && c.Side == Right)
		out.Fields = append(out.Fields, f)
	}
	if err := out.Valid(); err != nil {
		return fmt.Errorf("%w: join: %w", ErrConfig, err)
	}
	return nil
}

// keyTwin returns the key column of the other side that equals a key column in every pair. Keys of floats do not: -0.0 joins 0.0.
func (j *joinSides) keyTwin(s Side, col int) (twin int, ok bool) {
	i := slices.Index(j.keys[s], col)
	if i < 0 || j.in[s].Fields[col].Kind == batch.Float64 {
		return 0, false
	}
	return j.keys[s.other()][i], true
}
