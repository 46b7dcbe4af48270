package ops

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawFloat(t *rapid.T) float64 {
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, 0.1, 1 << 53, math.MaxFloat64, -math.MaxFloat64,
			math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 0x1p-1022, 0x1p-1022 - 0x1p-1074}).Draw(t, "edge")
	case 1:
		return math.Ldexp(1, rapid.IntRange(-1074, 1023).Draw(t, "power"))
	case 2:
		return -math.Ldexp(float64(rapid.IntRange(1, 1<<53-1).Draw(t, "mantissa")), rapid.IntRange(-1074, 970).Draw(t, "power"))
	case 3:
		return float64(rapid.IntRange(-100, 100).Draw(t, "n")) / 8
	}
	return rapid.Float64().Draw(t, "any")
}

func TestSumIsRoundedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(drawFloat), 0, 20).Draw(t, "values")
		exact := new(big.Rat)
		for _, v := range values {
			exact.Add(exact, new(big.Rat).SetFloat64(v))
		}
		want, _ := exact.Float64()
		if exact.Sign() == 0 {
			want = 0
		}
		cut := rapid.IntRange(0, len(values)).Draw(t, "cut")
		a, b := make([]uint64, sumCells), make([]uint64, sumCells)
		for _, v := range values[:cut] {
			sumAdd(a, v)
		}
		for _, v := range values[cut:] {
			sumAdd(b, v)
		}
		sumMerge(a, b)
		if got := sumValue(a); math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("sum of %v is %g (%016x), want %g (%016x)", values, got, math.Float64bits(got), want, math.Float64bits(want))
		}
		for _, v := range values {
			sumAdd(a, -v)
		}
		if i := slices.IndexFunc(a, func(w uint64) bool { return w != 0 }); i >= 0 {
			t.Fatalf("%v less itself leaves %x in word %d", values, a[i], i)
		}
	})
}

func TestSumOfSpecials(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{1, inf}, inf}, {[]float64{-inf, 5}, -inf}, {[]float64{inf, -inf}, nan}, {[]float64{nan, inf}, nan},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, inf}, {[]float64{-math.MaxFloat64, -math.MaxFloat64}, -inf},
		{[]float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64}, math.MaxFloat64},
	} {
		cells := make([]uint64, sumCells)
		for _, v := range c.values {
			sumAdd(cells, v)
		}
		if got := sumValue(cells); got != c.want && (got == got || c.want == c.want) {
			t.Errorf("sum of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

func TestRatioIsRoundedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo, hi := rapid.Uint64().Draw(t, "lo"), uint64(rapid.Int64().Draw(t, "hi"))
		if rapid.Bool().Draw(t, "small") {
			hi = uint64(int64(lo) >> 63)
		}
		n := rapid.Uint64Min(1).Draw(t, "n")
		want, _ := new(big.Rat).SetFrac(bigInt(lo, hi), new(big.Int).SetUint64(n)).Float64()
		if got := ratio(lo, hi, n); got != want {
			t.Fatalf("%v / %d is %v, want %v", bigInt(lo, hi), n, got, want)
		}
	})
}
