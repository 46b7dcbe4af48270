package expr

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/streamscope/streamscope/shuffle/batch"
)

type conversion struct{ from, to batch.Kind }

type runner func(in *inst, x *block, mask []uint8) error

// conversions are the casts there are, besides those of a kind to itself and of anything to text.
var conversions = map[conversion]runner{
	{batch.Bool, batch.Int64}:      runBoolToInt,
	{batch.Int64, batch.Bool}:      runIntToBool,
	{batch.Int64, batch.Float64}:   runIntToFloat,
	{batch.Float64, batch.Int64}:   runFloatToInt,
	{batch.Int64, batch.Timestamp}: runSame,
	{batch.Timestamp, batch.Int64}: runSame,
	{batch.String, batch.Bytes}:    runSame,
	{batch.Bytes, batch.String}:    runBytesToText,
	{batch.String, batch.Int64}:    runParse(parseInt, (*inst).ints, "is no integer"),
	{batch.String, batch.Timestamp}: runParse(ParseTime[string], (*inst).ints,
		"is no time (want 2006-01-02, then T or a space and 15:04[:05[.9]], then Z or an offset)"),
	{batch.String, batch.Float64}: runParse(parseFloat, (*inst).floats, "is no number"),
	{batch.String, batch.Bool}:    runParse(parseBool, (*inst).bools, "is neither true nor false"),
}

func checkCast(in *inst) (*inst, error) {
	a, to := in.args[0], in.expr.n.kind
	in.kind, in.nullable = to, a.nullable
	switch {
	case a.kind == to:
		return a, nil
	case conversions[conversion{a.kind, to}] != nil:
		in.run = conversions[conversion{a.kind, to}]
	case to == batch.String:
		in.run = runShow
	default:
		return nil, typeError(in.expr, "%v cannot be cast to %v", a.kind, to)
	}
	return in, nil
}

// argument evaluates the only argument and takes over its validity.
func (in *inst) argument(x *block, mask []uint8) (*inst, error) {
	a := in.args[0]
	if err := a.eval(x, mask); err != nil {
		return nil, err
	}
	in.valid = a.valid
	return a, nil
}

func runSame(in *inst, x *block, mask []uint8) error {
	a, err := in.argument(x, mask)
	if err == nil {
		in.vec = a.vec
	}
	return err
}

func runBoolToInt(in *inst, x *block, mask []uint8) error {
	a, err := in.argument(x, mask)
	if err != nil {
		return err
	}
	out := in.ints(x.n)
	for i := range out {
		out[i] = int64(a.b[i])
	}
	return nil
}

func runIntToBool(in *inst, x *block, mask []uint8) error {
	a, err := in.argument(x, mask)
	if err != nil {
		return err
	}
	out := in.bools(x.n)
	for i := range out {
		out[i] = bit(a.i64[i] != 0)
	}
	return nil
}

func runIntToFloat(in *inst, x *block, mask []uint8) error {
	a, err := in.argument(x, mask)
	if err != nil {
		return err
	}
	out := in.floats(x.n)
	for i, v := range a.i64[:x.n] {
		out[i] = float64(v)
	}
	return nil
}

// fitsInt reports whether f, once rounded, is an int64. NaN is not.
func fitsInt(f float64) bool { return f >= -1<<63 && f < 1<<63 }

func runFloatToInt(in *inst, x *block, mask []uint8) error {
	a, err := in.argument(x, mask)
	if err != nil {
		return err
	}
	out := in.ints(x.n)
	bad := uint8(0)
	for i, v := range a.f64[:x.n] {
		r := math.RoundToEven(v)
		ok := fitsInt(r)
		bad |= bit(!ok)
		out[i] = 0
		if ok {
			out[i] = int64(r)
		}
	}
	if bad == 0 {
		return nil
	}
	return in.fault(x, mask, func(i int) string {
		return when(!fitsInt(math.RoundToEven(a.f64[i])), a.shown(a.kind, i)+" is outside the integers")
	})
}

func runBytesToText(in *inst, x *block, mask []uint8) error {
	if err := runSame(in, x, mask); err != nil {
		return err
	}
	for i := range x.n {
		if !utf8.Valid(in.bytes(i)) { // in this row at least, if it counts
			return in.fault(x, mask, func(i int) string {
				return when(!utf8.Valid(in.bytes(i)), in.shown(in.kind, i)+" is not UTF-8")
			})
		}
	}
	return nil
}

// runShow writes values as text: what counts of them.
func runShow(in *inst, x *block, mask []uint8) error {
	a, err := in.argument(x, mask)
	if err != nil {
		return err
	}
	in.texts(x.n)
	for i := range x.n {
		in.line = in.line[:0]
		if counts(i, mask, a.valid) {
			in.line = appendValue(in.line, a, i)
		}
		in.putText(in.line)
	}
	in.textsDone()
	return nil
}

func appendValue(b []byte, v *inst, i int) []byte {
	switch v.kind {
	case batch.Bool:
		return strconv.AppendBool(b, v.b[i] != 0)
	case batch.Float64:
		return strconv.AppendFloat(b, v.f64[i], 'g', -1, 64)
	case batch.Timestamp:
		return appendTime(b, v.i64[i])
	default:
		return strconv.AppendInt(b, v.i64[i], 10)
	}
}

func counts(i int, mask, valid []uint8) bool {
	return (mask == nil || mask[i] != 0) && (valid == nil || valid[i] != 0)
}

// runParse reads values from texts, row by row: only where they count, since that is slow.
func runParse[T int64 | float64 | uint8](parse func(s string) (T, bool), room func(in *inst, n int) []T, complaint string) runner {
	return func(in *inst, x *block, mask []uint8) error {
		a, err := in.argument(x, mask)
		if err != nil {
			return err
		}
		out := room(in, x.n)
		for i := range out {
			out[i] = 0
			if !counts(i, mask, a.valid) {
				continue
			}
			v, ok := parse(borrow(a.bytes(i)))
			if !ok {
				return &RowError{Row: x.from + i, Vs: x.vs[i], Expr: in.expr.String(), Reason: fmt.Sprintf("%s %s", a.shown(a.kind, i), complaint)}
			}
			out[i] = v
		}
		return nil
	}
}

// borrow is b as a string that must not be kept.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func parseInt(s string) (int64, bool) {
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil
}

func parseFloat(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

func parseBool(s string) (uint8, bool) {
	switch s {
	case "true", "t", "1":
		return 1, true
	case "false", "f", "0":
		return 0, true
	}
	return 0, false
}
