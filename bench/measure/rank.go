package measure

import (
	"math"
	"slices"
)

// rankExact is the greatest number of values in a sample for which RankP counts all ways to deal them.
const rankExact = 30

// RankP is the probability that two samples of one distribution, whatever it is, are ranked as unevenly as a and b, towards either side: Mann and
// Whitney, "On a test of whether one of two random variables is stochastically larger than the other", Annals of Mathematical Statistics 18
// (1947). Equal values share their ranks, and samples of up to 30 are counted out as ties leave them; beyond, the normal distribution stands
// in. It is 1 if a sample is empty.
func RankP(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 1
	}
	ranks, sum := doubledRanks(a, b)
	if len(a) <= rankExact && len(b) <= rankExact {
		return rankExactP(ranks, len(a), sum)
	}
	return rankNormalP(ranks, len(a), sum)
}

// LeastRankP is what RankP says of n and m values that do not mix: it cannot say less.
func LeastRankP(n, m int) float64 {
	ways := 1.
	for i := 1; i <= n; i++ {
		ways *= float64(m+i) / float64(i)
	}
	return min(1, 2/ways)
}

// doubledRanks are twice the ranks of all values, so that shared ones are whole numbers, and the sum of those of a.
func doubledRanks(a, b []float64) (ranks []int, sum int) {
	all := slices.Sorted(slices.Values(slices.Concat(a, b)))
	doubled := func(v float64) int {
		first, _ := slices.BinarySearch(all, v)
		last, _ := slices.BinarySearchFunc(all, v, func(x, v float64) int {
			if x <= v {
				return -1
			}
			return 1
		})
		return first + 1 + last
	}
	for _, v := range all {
		ranks = append(ranks, doubled(v))
	}
	for _, v := range a {
		sum += doubled(v)
	}
	return ranks, sum
}

// rankExactP counts the ways to take n of the ranks by their sum.
func rankExactP(ranks []int, n, sum int) float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([][]float64, n+1) // by how many were taken, and their sum
	for k := range ways {
		ways[k] = make([]float64, total+1)
	}
	ways[0][0] = 1
	for _, r := range ranks {
		for k := n; k > 0; k-- {
			for s := total; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	all, below, above := 0., 0., 0.
	for s, w := range ways[n] {
		all += w
		if s <= sum {
			below += w
		}
		if s >= sum {
			above += w
		}
	}
	return min(1, 2*min(below, above)/all)
}

// rankNormalP is the approximation, with corrections for ties and for whole numbers.
func rankNormalP(ranks []int, n int, sum int) float64 {
	count, m, all := float64(n), float64(len(ranks)-n), float64(len(ranks))
	ties := 0.
	for i := 0; i < len(ranks); {
		j := i
		for j < len(ranks) && ranks[j] == ranks[i] {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	deviation := math.Sqrt(count * m / 12 * (all + 1 - ties/(all*(all-1))))
	if deviation == 0 {
		return 1
	}
	z := max(0, math.Abs(float64(sum)/2-count*(all+1)/2)-0.5) / deviation
	return math.Erfc(z / math.Sqrt2)
}
