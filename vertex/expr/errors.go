package expr

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// ErrType wraps every complaint of Compile: an unknown column, operands of kinds that an operator does not take.
var ErrType = errors.New("expression")

// RowError tells which row could not be computed, and why. The job fails, or its author guards the expression.
type RowError struct {
	Row    int    // in the batch given to Eval or Select; not in the text, since it depends on how the stream was cut
	Vs     int64  // of that row, microseconds
	Expr   string // the part that failed
	Reason string // what happened, with the values
}

func (e *RowError) Error() string {
	return fmt.Sprintf("event at %s: %s: %s", appendTime(nil, e.Vs), e.Expr, e.Reason)
}

// fault looks for the first row that is computed (active and not null) and for which why gives a reason. Kernels compute all rows and
// only collect the suspicion that one failed; what fails in rows that nobody looks at is forgotten here.
func (in *inst) fault(x *block, mask []uint8, why func(i int) string) error {
	for i := range x.n {
		if mask != nil && mask[i] == 0 || in.valid != nil && in.valid[i] == 0 {
			continue
		}
		if reason := why(i); reason != "" {
			return &RowError{Row: x.from + i, Vs: x.vs[i], Expr: in.expr.String(), Reason: reason}
		}
	}
	return nil
}

// shown is value i of v as it stands in messages.
func (v *vec) shown(k batch.Kind, i int) string {
	switch k {
	case batch.Bool:
		return strconv.FormatBool(v.b[i] != 0)
	case batch.Float64:
		return strconv.FormatFloat(v.f64[i], 'g', -1, 64)
	case batch.Timestamp:
		return string(appendTime(nil, v.i64[i]))
	case batch.Int64:
		return strconv.FormatInt(v.i64[i], 10)
	default:
		const longest = 60
		s := v.bytes(i)
		if len(s) > longest {
			return strconv.Quote(string(s[:longest])) + "…"
		}
		return strconv.Quote(string(s))
	}
}
