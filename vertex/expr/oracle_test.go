package expr

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// value is what the oracle computes with: one cell, the slow and obvious way.
type value struct {
	kind batch.Kind
	null bool
	i    int64 // also 0 and 1 of Bool
	f    float64
	s    string
}

func (v value) String() string {
	switch {
	case v.null:
		return "null"
	case v.kind == batch.Float64:
		return strconv.FormatFloat(v.f, 'g', -1, 64)
	case v.kind.VarLen():
		return strconv.Quote(v.s)
	}
	return strconv.FormatInt(v.i, 10)
}

// cell reads row i of c.
func cell(c *batch.Column, i int) value {
	v := value{kind: c.Kind(), null: c.Null(i)}
	switch {
	case v.null:
	case v.kind == batch.Bool:
		v.i = truth(c.Bools().Get(i))
	case v.kind == batch.Float64:
		v.f = c.Float64s()[i]
	case v.kind.VarLen():
		v.s = string(c.Bytes(i))
	default:
		v.i = c.Int64s()[i]
	}
	return v
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// oracle computes e for row i of b, one node at a time, looking at no argument that the semantics leave out.
func oracle(e Expr, b *batch.Batch, i int) (value, error) {
	n := e.n
	switch n.op {
	case opCol:
		return cell(&b.Cols[b.Schema.Index(n.s)], i), nil
	case opVs:
		return value{kind: batch.Timestamp, i: b.Vs[i]}, nil
	case opVe:
		return value{kind: batch.Timestamp, i: b.End(i)}, nil
	case opLit:
		return value{kind: n.kind, i: n.i, f: n.f, s: n.s}, nil
	case opNull:
		return value{kind: n.kind, null: true}, nil
	case opAnd, opOr:
		return oracleShort(n, b, i)
	case opIf:
		c, err := oracle(n.args[0], b, i)
		if err != nil {
			return c, err
		}
		at := 2
		if !c.null && c.i != 0 {
			at = 1
		}
		v, err := oracle(n.args[at], b, i)
		return widen(v, n.args[1:], b.Schema), err
	case opCoalesce:
		for _, a := range n.args {
			v, err := oracle(a, b, i)
			if err != nil || !v.null {
				return widen(v, n.args, b.Schema), err
			}
		}
		return value{null: true}, nil
	}
	var args []value
	for _, a := range n.args {
		v, err := oracle(a, b, i)
		if err != nil {
			return v, err
		}
		args = append(args, v)
	}
	return oracleStrict(n, args)
}

// widen makes an integer a float where the other arguments of its operator are floats.
func widen(v value, args []Expr, s *batch.Schema) value {
	for _, a := range args {
		p, err := Compile(a, s)
		if err == nil && p.Kind() == batch.Float64 && v.kind == batch.Int64 {
			v.kind, v.f = batch.Float64, float64(v.i)
		}
	}
	return v
}

func oracleShort(n *node, b *batch.Batch, i int) (value, error) {
	decides := truth(n.op == opOr)
	v, err := oracle(n.args[0], b, i)
	if err != nil || !v.null && v.i == decides {
		return v, err
	}
	w, err := oracle(n.args[1], b, i)
	if err != nil || v.null && !w.null && w.i == decides {
		return w, err
	}
	if v.null || w.null {
		return value{kind: batch.Bool, null: true}, nil
	}
	return w, nil
}

// oracleStrict computes operators that look at all their arguments.
func oracleStrict(n *node, args []value) (value, error) {
	if n.op == opIsNull {
		return value{kind: batch.Bool, i: truth(args[0].null)}, nil
	}
	float := false
	for _, a := range args {
		float = float || a.kind == batch.Float64
	}
	for k := range args {
		if float && args[k].kind == batch.Int64 && n.op != opCast {
			args[k].kind, args[k].f = batch.Float64, float64(args[k].i)
		}
	}
	if n.op == opLeast || n.op == opGreatest {
		best := value{null: true}
		for _, a := range args {
			if !a.null && (best.null || n.op == opLeast && order(a, best) < 0 || n.op == opGreatest && order(a, best) > 0) {
				best = a
			}
		}
		return best, nil
	}
	for _, a := range args {
		if a.null {
			return value{null: true}, nil
		}
	}
	switch n.op {
	case opNot:
		return value{kind: batch.Bool, i: 1 - args[0].i}, nil
	case opCast:
		return oracleCast(args[0], n.kind)
	case opEq, opNe, opLt, opLe, opGt, opGe:
		c := order(args[0], args[1])
		is := map[op]bool{opEq: c == 0, opNe: c != 0, opLt: c < 0, opLe: c <= 0, opGt: c > 0, opGe: c >= 0}[n.op]
		return value{kind: batch.Bool, i: truth(is)}, nil
	}
	if args[0].kind == batch.Float64 {
		return oracleFloat(n.op, args)
	}
	return oracleInt(n.op, args)
}

// order is -1, 0 or 1; NaN is the greatest float.
func order(a, b value) int {
	switch {
	case a.kind.VarLen():
		return bytes.Compare([]byte(a.s), []byte(b.s))
	case a.kind == batch.Float64:
		aNaN, bNaN := math.IsNaN(a.f), math.IsNaN(b.f)
		switch {
		case aNaN || bNaN:
			return int(truth(aNaN) - truth(bNaN))
		case a.f < b.f:
			return -1
		case a.f > b.f:
			return 1
		}
		return 0
	}
	return big.NewInt(a.i).Cmp(big.NewInt(b.i))
}

func oracleFloat(o op, args []value) (value, error) {
	v := value{kind: batch.Float64}
	a, b := args[0].f, args[len(args)-1].f
	switch o {
	case opAdd:
		v.f = a + b
	case opSub:
		v.f = a - b
	case opMul:
		v.f = a * b
	case opNeg:
		v.f = -a
	case opDiv:
		if b == 0 {
			return v, fmt.Errorf("zero")
		}
		v.f = a / b
	}
	return v, nil
}

func oracleInt(o op, args []value) (value, error) {
	a, b, r := big.NewInt(args[0].i), big.NewInt(args[len(args)-1].i), new(big.Int)
	if (o == opDiv || o == opFloorDiv || o == opMod) && b.Sign() == 0 {
		return value{}, fmt.Errorf("zero")
	}
	switch o {
	case opAdd:
		r.Add(a, b)
	case opSub:
		r.Sub(a, b)
	case opMul:
		r.Mul(a, b)
	case opNeg:
		r.Neg(a)
	case opDiv:
		r.Quo(a, b)
	case opMod:
		r.Rem(a, b)
	case opFloorDiv:
		m := new(big.Int)
		r.QuoRem(a, b, m)
		if m.Sign() != 0 && m.Sign() != b.Sign() {
			r.Sub(r, big.NewInt(1))
		}
	}
	if !r.IsInt64() {
		return value{}, fmt.Errorf("overflow")
	}
	v := value{kind: batch.Int64, i: r.Int64()}
	if (args[0].kind == batch.Timestamp) != (args[len(args)-1].kind == batch.Timestamp) {
		v.kind = batch.Timestamp // a time and a distance
	}
	return v, nil
}

func oracleCast(v value, to batch.Kind) (value, error) {
	from := v.kind
	if from == to {
		return v, nil
	}
	out := value{kind: to, i: v.i, s: v.s}
	if to.VarLen() {
		out.i = 0
	} else {
		out.s = ""
	}
	var err error
	switch {
	case to == batch.String && from == batch.Bool:
		out.s = strconv.FormatBool(v.i != 0)
	case to == batch.String && from == batch.Float64:
		out.s = strconv.FormatFloat(v.f, 'g', -1, 64)
	case to == batch.String && from == batch.Timestamp:
		out.s = time.UnixMicro(v.i).UTC().Format("2006-01-02T15:04:05.999999Z")
	case to == batch.String && from == batch.Int64:
		out.s = strconv.FormatInt(v.i, 10)
	case to == batch.Bool && from == batch.Int64:
		out.i = truth(v.i != 0)
	case to == batch.Float64 && from == batch.Int64:
		out.f = float64(v.i)
	case to == batch.Int64 && from == batch.Float64:
		if math.IsNaN(v.f) || math.IsInf(v.f, 0) {
			return out, fmt.Errorf("range")
		}
		whole, _ := new(big.Float).SetFloat64(math.RoundToEven(v.f)).Int(nil)
		if !whole.IsInt64() {
			return out, fmt.Errorf("range")
		}
		out.i = whole.Int64()
	case to == batch.Int64 && from == batch.String:
		out.i, err = strconv.ParseInt(v.s, 10, 64)
	case to == batch.Float64 && from == batch.String:
		out.f, err = strconv.ParseFloat(v.s, 64)
	}
	return out, err
}
