package measure

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naiveP is twice the share of the ways to deal the values out again that are at least as uneven towards the same side, counted by pairs.
func naiveP(a, b []float64) float64 {
	all := slices.Concat(a, b)
	pairs := func(taken int) (sum float64) { // in which the first group, a set of bits, is greater; ties count half
		for i, x := range all {
			for j, y := range all {
				if taken>>i&1 == 1 && taken>>j&1 == 0 {
					if x > y {
						sum++
					} else if x == y {
						sum += 0.5
					}
				}
			}
		}
		return sum
	}
	got := pairs(1<<len(a) - 1)
	ways, below, above := 0., 0., 0.
	for taken := range 1 << len(all) {
		if bits.OnesCount(uint(taken)) != len(a) {
			continue
		}
		ways++
		if pairs(taken) <= got {
			below++
		}
		if pairs(taken) >= got {
			above++
		}
	}
	return min(1, 2*min(below, above)/ways)
}

func TestRankPAgainstEnumeration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := func(name string) (out []float64) {
			for _, v := range rapid.SliceOfN(rapid.IntRange(1, 9), 1, 6).Draw(t, name) {
				out = append(out, float64(v))
			}
			return out
		}
		a, b := values("a"), values("b")
		if got, want := RankP(a, b), naiveP(a, b); math.Abs(got-want) > 1e-9 {
			t.Fatalf("%v and %v: got p=%v, want %v", a, b, got, want)
		}
		if got, turned := RankP(a, b), RankP(b, a); math.Abs(got-turned) > 1e-9 {
			t.Fatalf("%v and %v: got p=%v, turned round %v", a, b, got, turned)
		}
	})
}

func TestLeastRankP(t *testing.T) {
	for n := 1; n <= 8; n++ {
		for m := 1; m <= 8; m++ {
			var low, high []float64
			for i := range n {
				low = append(low, float64(i))
			}
			for i := range m {
				high = append(high, float64(100+i))
			}
			if got, want := LeastRankP(n, m), RankP(low, high); math.Abs(got-want) > 1e-9 {
				t.Errorf("%d and %d: got %v, want %v", n, m, got, want)
			}
		}
	}
	if got := LeastRankP(1000, 1000); got != 0 {
		t.Errorf("1000 and 1000: got %v, want 0", got)
	}
}

// TestRankPOfLongSamples compares the approximation with the count where both are possible.
func TestRankPOfLongSamples(t *testing.T) {
	const seed = 3
	random := rand.New(rand.NewPCG(seed, 1))
	for _, shift := range []float64{0, 0.3, 1} {
		for _, grain := range []float64{1e-6, 0.5} { // many ties with the second
			var a, b []float64
			for range rankExact {
				a = append(a, math.Round(random.NormFloat64()/grain)*grain)
				b = append(b, math.Round((random.NormFloat64()+shift)/grain)*grain)
			}
			ranks, sum := doubledRanks(a, b)
			if got, want := rankNormalP(ranks, len(a), sum), rankExactP(ranks, len(a), sum); math.Abs(got-want) > 0.01 {
				t.Errorf("seed %d, shift %v, grain %v: got p=%v, want about %v", seed, shift, grain, got, want)
			}
		}
	}
	same := slices.Repeat([]float64{7}, rankExact+1)
	if got := RankP(same, same); got != 1 {
		t.Errorf("equal values: got p=%v, want 1", got)
	}
	if RankP(nil, same) != 1 || RankP(same, nil) != 1 {
		t.Error("an empty sample tells something apart")
	}
}
