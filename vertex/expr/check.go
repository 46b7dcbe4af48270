package expr

import (
	"fmt"
	"strings"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// maxDepth bounds the recursion over expressions that come from outside.
const maxDepth = 10_000

// compiler turns nodes into operators, arguments first.
type compiler struct{ schema *batch.Schema }

func typeError(e Expr, format string, args ...any) error {
	return fmt.Errorf("%w: %v: %s", ErrType, e, fmt.Sprintf(format, args...))
}

func (c *compiler) compile(e Expr, depth int) (*inst, error) {
	switch {
	case e.n == nil:
		return nil, fmt.Errorf("%w: none given", ErrType)
	case depth > maxDepth:
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrType, maxDepth)
	}
	in := &inst{expr: e}
	for _, a := range e.n.args {
		arg, err := c.compile(a, depth+1)
		if err != nil {
			return nil, err
		}
		in.args = append(in.args, arg)
	}
	switch e.n.op {
	case opCol:
		return in, c.column(in)
	case opVs:
		in.kind, in.run = batch.Timestamp, runVs
		return in, nil
	case opVe:
		in.kind, in.run = batch.Timestamp, runVe
		return in, nil
	case opLit:
		in.kind, in.run = e.n.kind, runLit
		return in, nil
	case opNull:
		if e.n.kind < batch.Bool || e.n.kind > batch.Bytes {
			return nil, typeError(e, "%v is no kind", e.n.kind)
		}
		in.kind, in.nullable, in.run = e.n.kind, true, runLit
		return in, nil
	case opAnd, opOr, opNot, opIsNull, opIf, opCoalesce:
		return checkLogic(in)
	case opLeast, opGreatest:
		return checkExtreme(in)
	case opEq, opNe, opLt, opLe, opGt, opGe:
		return in, checkCompare(in)
	case opCast:
		return checkCast(in)
	default:
		return in, checkArith(in)
	}
}

func (c *compiler) column(in *inst) error {
	in.col = c.schema.Index(in.expr.n.s)
	if in.col < 0 {
		return fmt.Errorf("%w: no column %q; have %s", ErrType, in.expr.n.s, names(c.schema))
	}
	f := c.schema.Fields[in.col]
	in.kind, in.nullable, in.run = f.Kind, f.Nullable, runCol
	return nil
}

// names lists the columns of s for a message.
func names(s *batch.Schema) string {
	const most = 20
	if len(s.Fields) == 0 {
		return "no columns"
	}
	var b strings.Builder
	for i, f := range s.Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		if i == most {
			fmt.Fprintf(&b, "… (%d in all)", len(s.Fields))
			break
		}
		b.WriteString(f.Name)
	}
	return b.String()
}

func numeric(k batch.Kind) bool { return k == batch.Int64 || k == batch.Float64 }

// promote makes integers floats where they meet floats, and reports whether all arguments are of one kind then.
func promote(args []*inst) bool {
	float := false
	for _, a := range args {
		float = float || a.kind == batch.Float64
	}
	for i, a := range args {
		if float && a.kind == batch.Int64 {
			args[i] = &inst{expr: a.expr, kind: batch.Float64, nullable: a.nullable, args: []*inst{a}, run: runIntToFloat}
		}
	}
	for _, a := range args {
		if a.kind != args[0].kind {
			return false
		}
	}
	return true
}

func anyNullable(args []*inst) bool {
	for _, a := range args {
		if a.nullable {
			return true
		}
	}
	return false
}

// kinds is the list of the arguments' kinds for a message.
func kinds(args []*inst) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = a.kind.String()
	}
	return strings.Join(parts, " and ")
}

func checkArith(in *inst) error {
	o := in.expr.n.op
	in.nullable = anyNullable(in.args)
	if in.kind = timeArith(o, in.args); in.kind == 0 {
		intsOnly := o == opFloorDiv || o == opMod
		for _, a := range in.args {
			if !numeric(a.kind) || intsOnly && a.kind != batch.Int64 {
				return typeError(in.expr, "%s cannot be computed with %s%s", strings.TrimSpace(symbol(o)), kinds(in.args), castHint(in.args))
			}
		}
		promote(in.args)
		in.kind = in.args[0].kind
	}
	if in.kind == batch.Float64 {
		in.floats2, in.run = floatKernels[o], runFloats
	} else {
		in.ints2, in.run = intKernels[o], runInts
	}
	return nil
}

// timeArith is the kind of a computation with timestamps, 0 if it is none that has a meaning.
func timeArith(o op, args []*inst) batch.Kind {
	if len(args) != 2 {
		return 0
	}
	a, b := args[0].kind, args[1].kind
	switch {
	case (o == opAdd || o == opSub) && a == batch.Timestamp && b == batch.Int64:
		return batch.Timestamp
	case o == opAdd && a == batch.Int64 && b == batch.Timestamp:
		return batch.Timestamp
	case o == opSub && a == batch.Timestamp && b == batch.Timestamp:
		return batch.Int64
	}
	return 0
}

func castHint(args []*inst) string {
	for _, a := range args {
		if a.kind == batch.Timestamp {
			return " (a timestamp can be cast to int64, microseconds)"
		}
	}
	return ""
}

func symbol(o op) string {
	if o == opNeg {
		return "-"
	}
	return infixes[o].text
}

func checkCompare(in *inst) error {
	if !promote(in.args) {
		return typeError(in.expr, "cannot compare %s%s", kinds(in.args), castHint(in.args))
	}
	in.kind, in.nullable, in.run = batch.Bool, anyNullable(in.args), runCompare
	in.cmp = comparisons[in.expr.n.op]
	return nil
}

// checkExtreme folds LEAST and GREATEST of many from the left.
func checkExtreme(in *inst) (*inst, error) {
	if !promote(in.args) {
		return nil, typeError(in.expr, "cannot compare %s%s", kinds(in.args), castHint(in.args))
	}
	acc := in.args[0]
	for _, b := range in.args[1:] {
		acc = &inst{
			expr: in.expr, kind: acc.kind, nullable: acc.nullable && b.nullable, args: []*inst{acc, b},
			run: runExtreme, ints2: intKernels[in.expr.n.op], cmp: comparisons[in.expr.n.op],
		}
	}
	return acc, nil
}

func checkLogic(in *inst) (*inst, error) {
	o := in.expr.n.op
	bools := in.args // the arguments that must be conditions
	switch o {
	case opIf:
		bools = in.args[:1]
	case opIsNull, opCoalesce:
		bools = nil
	}
	for _, a := range bools {
		if a.kind != batch.Bool {
			return nil, typeError(in.expr, "%v is %v, want bool", a.expr, a.kind)
		}
	}
	in.kind, in.nullable = batch.Bool, anyNullable(in.args)
	switch o {
	case opAnd:
		in.run = runAnd
	case opOr:
		in.run = runOr
	case opNot:
		in.run = runNot
	case opIsNull:
		in.run, in.nullable = runIsNull, false
	case opIf:
		if !promote(in.args[1:]) {
			return nil, typeError(in.expr, "cannot be %s at once", kinds(in.args[1:]))
		}
		in.run, in.kind, in.nullable = runIf, in.args[1].kind, anyNullable(in.args[1:])
	case opCoalesce:
		return checkCoalesce(in)
	}
	return in, nil
}

// checkCoalesce folds COALESCE of many from the right, so that later arguments are computed for ever fewer rows.
func checkCoalesce(in *inst) (*inst, error) {
	if !promote(in.args) {
		return nil, typeError(in.expr, "cannot be %s at once", kinds(in.args))
	}
	acc := in.args[len(in.args)-1]
	for i := len(in.args) - 2; i >= 0; i-- {
		a := in.args[i]
		acc = &inst{expr: in.expr, kind: a.kind, nullable: a.nullable && acc.nullable, args: []*inst{a, acc}, run: runCoalesce}
	}
	return acc, nil
}
