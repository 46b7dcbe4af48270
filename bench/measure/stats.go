package measure

import (
	"math"
	"slices"
)

// Median is the middle value, or the mean of the two in the middle; 0 of nothing.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(n-1)/2] + v[n/2]) / 2
}

// Quantile is the least value that so large a fraction of the values does not exceed; 0 of nothing.
func Quantile(values []float64, q float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(values))[max(0, min(n, int(math.Ceil(q*float64(n))))-1)]
}

// Spread is the distance from the least to the greatest value, as a fraction of the median: 0 for one value.
func Spread(values []float64) float64 {
	m := Median(values)
	if m == 0 {
		return 0
	}
	return (slices.Max(values) - slices.Min(values)) / m
}

// MedianRatios is the median of each ratio over the samples that have it.
func MedianRatios(samples []Sample) Ratios {
	all := map[string][]float64{}
	for _, s := range samples {
		for name, v := range s.Ratios {
			all[name] = append(all[name], v)
		}
	}
	out := Ratios{}
	for name, v := range all {
		out[name] = Median(v)
	}
	return out
}
