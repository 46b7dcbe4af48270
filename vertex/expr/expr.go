package expr

import (
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// Expr is an immutable expression. The zero Expr is none: Compile refuses it.
type Expr struct{ n *node }

type op uint8

const (
	opCol op = iota
	opVs
	opVe
	opLit // kind tells the type
	opNull
	opAdd
	opSub
	opMul
	opDiv
	opFloorDiv
	opMod
	opNeg
	opLeast
	opGreatest
	opEq
	opNe
	opLt
	opLe
	opGt
	opGe
	opAnd
	opOr
	opNot
	opIf
	opIsNull
	opCoalesce
	opCast
)

// node is a vertex of the tree, shared freely between expressions.
//
// Invariant: never written to after its constructor returned.
type node struct {
	op   op
	kind batch.Kind // of literals, nulls and casts
	i    int64      // Bool (0, 1), Int64, Timestamp literals
	f    float64    // Float64 literals
	s    string     // String literals; names of columns
	args []Expr
}

func make1(o op, args ...Expr) Expr { return Expr{&node{op: o, args: args}} }

// IsZero reports the zero Expr, which stands for "not given".
func (e Expr) IsZero() bool { return e.n == nil }

// Col is the payload column of that name.
func Col(name string) Expr { return Expr{&node{op: opCol, s: name}} }

// Vs is the beginning of the event's lifetime, a timestamp.
func Vs() Expr { return Expr{&node{op: opVs}} }

// Ve is the end of the event's lifetime, a timestamp; 1 µs after Vs in streams of points.
func Ve() Expr { return Expr{&node{op: opVe}} }

// Int is an integer.
func Int(v int64) Expr { return Expr{&node{op: opLit, kind: batch.Int64, i: v}} }

// Float is a float.
func Float(v float64) Expr { return Expr{&node{op: opLit, kind: batch.Float64, f: v}} }

// Str is a text.
func Str(v string) Expr { return Expr{&node{op: opLit, kind: batch.String, s: v}} }

// Bool is true or false.
func Bool(v bool) Expr {
	n := &node{op: opLit, kind: batch.Bool}
	if v {
		n.i = 1
	}
	return Expr{n}
}

// Time is a timestamp; t is cut to microseconds.
func Time(t time.Time) Expr { return Expr{&node{op: opLit, kind: batch.Timestamp, i: t.UnixMicro()}} }

// Duration is an integer of microseconds.
func Duration(d time.Duration) Expr { return Int(d.Microseconds()) }

// Null is the null of a kind.
func Null(k batch.Kind) Expr { return Expr{&node{op: opNull, kind: k}} }

// Add is e + o.
func (e Expr) Add(o Expr) Expr { return make1(opAdd, e, o) }

// Sub is e - o.
func (e Expr) Sub(o Expr) Expr { return make1(opSub, e, o) }

// Mul is e * o.
func (e Expr) Mul(o Expr) Expr { return make1(opMul, e, o) }

// Div is e / o; of integers the quotient rounded towards zero.
func (e Expr) Div(o Expr) Expr { return make1(opDiv, e, o) }

// FloorDiv is the integer quotient rounded down: -1 // 8 is -1.
func (e Expr) FloorDiv(o Expr) Expr { return make1(opFloorDiv, e, o) }

// Mod is the remainder that Div leaves, with the sign of e.
func (e Expr) Mod(o Expr) Expr { return make1(opMod, e, o) }

// Neg is -e.
func (e Expr) Neg() Expr { return make1(opNeg, e) }

// Eq is e = o.
func (e Expr) Eq(o Expr) Expr { return make1(opEq, e, o) }

// Ne is e <> o.
func (e Expr) Ne(o Expr) Expr { return make1(opNe, e, o) }

// Lt is e < o.
func (e Expr) Lt(o Expr) Expr { return make1(opLt, e, o) }

// Le is e <= o.
func (e Expr) Le(o Expr) Expr { return make1(opLe, e, o) }

// Gt is e > o.
func (e Expr) Gt(o Expr) Expr { return make1(opGt, e, o) }

// Ge is e >= o.
func (e Expr) Ge(o Expr) Expr { return make1(opGe, e, o) }

// And is e AND o; where e is false, o is not looked at.
func (e Expr) And(o Expr) Expr { return make1(opAnd, e, o) }

// Or is e OR o; where e is true, o is not looked at.
func (e Expr) Or(o Expr) Expr { return make1(opOr, e, o) }

// Not is NOT e.
func (e Expr) Not() Expr { return make1(opNot, e) }

// IsNull is true where e is null, and never null itself.
func (e Expr) IsNull() Expr { return make1(opIsNull, e) }

// Cast converts e. Floats round to the nearest even integer; texts are parsed; timestamps are microseconds as integers.
func (e Expr) Cast(k batch.Kind) Expr { return Expr{&node{op: opCast, kind: k, args: []Expr{e}}} }

// AsColumn returns the name of the column if e is nothing but a column.
func AsColumn(e Expr) (name string, ok bool) {
	if e.n == nil || e.n.op != opCol {
		return "", false
	}
	return e.n.s, true
}

// If is then where cond is true, else otherwise: where cond is false or null. The other one is not looked at.
func If(cond, then, otherwise Expr) Expr { return make1(opIf, cond, then, otherwise) }

// Least is the smallest argument that is not null.
func Least(first Expr, more ...Expr) Expr { return fold(opLeast, first, more) }

// Greatest is the greatest argument that is not null.
func Greatest(first Expr, more ...Expr) Expr { return fold(opGreatest, first, more) }

// Coalesce is the first argument that is not null; the ones after it are not looked at.
func Coalesce(first Expr, more ...Expr) Expr { return fold(opCoalesce, first, more) }

func fold(o op, first Expr, more []Expr) Expr {
	return Expr{&node{op: o, args: append([]Expr{first}, more...)}}
}
