package expr

import (
	"math"
	"math/bits"
)

// intKernel computes integers. run goes through all rows and says whether one of them may have failed; why tells for one row.
type intKernel struct {
	run func(out, a, b []int64) (suspect bool)
	why func(a, b int64) string
}

const (
	overflow  = "integer overflow"
	zeroDiv   = "division by zero"
	signBit   = math.MinInt64
	noFailure = ""
)

var intKernels = map[op]intKernel{
	opAdd:      {addInts, func(a, b int64) string { return when((a^(a+b))&(b^(a+b)) < 0, overflow) }},
	opSub:      {subInts, func(a, b int64) string { return when((a^b)&(a^(a-b)) < 0, overflow) }},
	opMul:      {mulInts, func(a, b int64) string { return when(mulExcess(a, b) != 0, overflow) }},
	opDiv:      {divInts, divFault},
	opFloorDiv: {floorDivInts, divFault},
	opMod:      {modInts, func(_, b int64) string { return when(b == 0, zeroDiv) }},
	opNeg:      {negInts, func(a, _ int64) string { return when(a == signBit, overflow) }},
	opLeast:    {run: leastInts},
	opGreatest: {run: greatestInts},
}

func when(failed bool, reason string) string {
	if failed {
		return reason
	}
	return noFailure
}

func divFault(a, b int64) string {
	if b == 0 {
		return zeroDiv
	}
	return when(a == signBit && b == -1, overflow)
}

// runInts computes in integers or timestamps; a unary operator sees its argument twice.
func runInts(in *inst, x *block, mask []uint8) error {
	a, b, err := in.operands(x, mask)
	if err != nil {
		return err
	}
	in.bothValid(&a.vec, &b.vec, x.n)
	out := in.ints(x.n)
	if !in.ints2.run(out, a.i64[:x.n], b.i64[:x.n]) {
		return nil
	}
	return in.fault(x, mask, func(i int) string {
		why := in.ints2.why(a.i64[i], b.i64[i])
		return in.withValues(why, a, b, i)
	})
}

// withValues adds the operands to a reason.
func (in *inst) withValues(why string, a, b *inst, i int) string {
	switch {
	case why == noFailure:
		return why
	case a == b:
		return why + ": " + symbol(in.expr.n.op) + "(" + a.shown(a.kind, i) + ")"
	default:
		return why + ": " + a.shown(a.kind, i) + symbol(in.expr.n.op) + b.shown(b.kind, i)
	}
}

// operands evaluates the one or two arguments; of one it returns it twice.
func (in *inst) operands(x *block, mask []uint8) (a, b *inst, err error) {
	for _, arg := range in.args {
		if err := arg.eval(x, mask); err != nil {
			return nil, nil, err
		}
	}
	return in.args[0], in.args[len(in.args)-1], nil
}

func addInts(out, a, b []int64) bool {
	a, b = a[:len(out)], b[:len(out)]
	bad := int64(0)
	for i := range out {
		r := a[i] + b[i]
		bad |= (a[i] ^ r) & (b[i] ^ r)
		out[i] = r
	}
	return bad < 0
}

func subInts(out, a, b []int64) bool {
	a, b = a[:len(out)], b[:len(out)]
	bad := int64(0)
	for i := range out {
		r := a[i] - b[i]
		bad |= (a[i] ^ b[i]) & (a[i] ^ r)
		out[i] = r
	}
	return bad < 0
}

// mulExcess is what does not fit of a product: 0 if nothing overflows.
func mulExcess(a, b int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	high := int64(hi) - a>>63&b - b>>63&a
	return high ^ int64(lo)>>63
}

func mulInts(out, a, b []int64) bool {
	a, b = a[:len(out)], b[:len(out)]
	bad := int64(0)
	for i := range out {
		bad |= mulExcess(a[i], b[i])
		out[i] = a[i] * b[i]
	}
	return bad != 0
}

func negInts(out, a, _ []int64) bool {
	a = a[:len(out)]
	bad := int64(0)
	for i := range out {
		r := -a[i]
		bad |= a[i] & r // negative before and after: the smallest integer
		out[i] = r
	}
	return bad < 0
}

func divInts(out, a, b []int64) bool {
	a, b = a[:len(out)], b[:len(out)]
	bad := false
	for i := range out {
		if d := b[i]; d > 0 || d < -1 {
			out[i] = a[i] / d
			continue
		}
		out[i] = -a[i] // by -1, or by 0 where it is nothing
		bad = bad || b[i] == 0 || a[i] == signBit
	}
	return bad
}

func floorDivInts(out, a, b []int64) bool {
	a, b = a[:len(out)], b[:len(out)]
	bad := false
	for i := range out {
		if d := b[i]; d > 0 || d < -1 {
			q := a[i] / d
			r := a[i] - q*d
			out[i] = q + (r^d)>>63&((r|-r)>>63) // one less where the remainder's sign is not the divisor's
			continue
		}
		out[i] = -a[i]
		bad = bad || b[i] == 0 || a[i] == signBit
	}
	return bad
}

func modInts(out, a, b []int64) bool {
	a, b = a[:len(out)], b[:len(out)]
	bad := false
	for i := range out {
		if d := b[i]; d > 0 || d < -1 {
			out[i] = a[i] % d
			continue
		}
		out[i] = 0
		bad = bad || b[i] == 0
	}
	return bad
}

func leastInts(out, a, b []int64) bool {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] = min(a[i], b[i])
	}
	return false
}

func greatestInts(out, a, b []int64) bool {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] = max(a[i], b[i])
	}
	return false
}

// floatKernels compute floats; they say whether a divisor was 0.
var floatKernels = map[op]func(out, a, b []float64) bool{
	opAdd: addFloats, opSub: subFloats, opMul: mulFloats, opDiv: divFloats, opNeg: negFloats,
}

func runFloats(in *inst, x *block, mask []uint8) error {
	a, b, err := in.operands(x, mask)
	if err != nil {
		return err
	}
	in.bothValid(&a.vec, &b.vec, x.n)
	out := in.floats(x.n)
	if !in.floats2(out, a.f64[:x.n], b.f64[:x.n]) {
		return nil
	}
	return in.fault(x, mask, func(i int) string {
		return in.withValues(when(b.f64[i] == 0, zeroDiv), a, b, i)
	})
}

func addFloats(out, a, b []float64) bool {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] = a[i] + b[i]
	}
	return false
}

func subFloats(out, a, b []float64) bool {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] = a[i] - b[i]
	}
	return false
}

func mulFloats(out, a, b []float64) bool {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] = a[i] * b[i]
	}
	return false
}

func negFloats(out, a, _ []float64) bool {
	a = a[:len(out)]
	for i := range out {
		out[i] = -a[i]
	}
	return false
}

func divFloats(out, a, b []float64) bool {
	a, b = a[:len(out)], b[:len(out)]
	bad := uint8(0)
	for i := range out {
		bad |= bit(b[i] == 0)
		out[i] = a[i] / b[i]
	}
	return bad != 0
}
