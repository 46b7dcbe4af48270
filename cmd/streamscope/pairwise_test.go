package main

import "testing"

// pairwise returns few combinations of values, one per dimension (each counted from 0), such that every pair of values of any two
// dimensions occurs in one of them. It is greedy and deterministic: each combination begins with the first pair that is still missing
// and takes in every other dimension the value that meets most of what is missing.
func pairwise(dims []int) [][]int {
	missing := allPairs(dims)
	var out [][]int
	for i := range dims {
		for j := i + 1; j < len(dims); j++ {
			for a := range dims[i] {
				for b := range dims[j] {
					if missing[pair{i, a, j, b}] {
						out = append(out, cover(dims, missing, i, a, j, b))
					}
				}
			}
		}
	}
	return out
}

// pair is a value of one dimension together with one of a later dimension.
type pair struct{ i, a, j, b int }

func allPairs(dims []int) map[pair]bool {
	pairs := map[pair]bool{}
	for i := range dims {
		for j := i + 1; j < len(dims); j++ {
			for a := range dims[i] {
				for b := range dims[j] {
					pairs[pair{i, a, j, b}] = true
				}
			}
		}
	}
	return pairs
}

// cover completes a combination from one pair, and strikes what it meets off the missing ones.
func cover(dims []int, missing map[pair]bool, i, a, j, b int) []int {
	row := make([]int, len(dims))
	for d := range row {
		row[d] = -1
	}
	row[i], row[j] = a, b
	for d := range dims {
		if row[d] >= 0 {
			continue
		}
		best := -1
		for v := range dims[d] {
			if n := gain(missing, row, d, v); n > best {
				best, row[d] = n, v
			}
		}
	}
	for d := range row {
		for e := d + 1; e < len(row); e++ {
			delete(missing, pair{d, row[d], e, row[e]})
		}
	}
	return row
}

// gain counts the missing pairs that value v of dimension d meets with the values already chosen in other dimensions.
func gain(missing map[pair]bool, row []int, d, v int) (n int) {
	for e, w := range row {
		switch {
		case e == d || w < 0:
		case e < d && missing[pair{e, w, d, v}], e > d && missing[pair{d, v, e, w}]:
			n++
		}
	}
	return n
}

func TestPairwiseCoversEveryPair(t *testing.T) {
	for _, dims := range [][]int{{1}, {2, 2}, {3, 3, 4, 2, 3, 2}, {5, 1, 4}, {2, 2, 2, 2, 2, 2, 2}} {
		rows := pairwise(dims)
		left := allPairs(dims)
		for _, row := range rows {
			for d := range row {
				if row[d] < 0 || row[d] >= dims[d] {
					t.Fatalf("%v: value %d of dimension %d", dims, row[d], d)
				}
				for e := d + 1; e < len(row); e++ {
					delete(left, pair{d, row[d], e, row[e]})
				}
			}
		}
		if len(left) > 0 {
			t.Errorf("%v: %d pairs are not covered", dims, len(left))
		}
		product := 1
		for _, n := range dims {
			product *= n
		}
		if len(rows) > product || len(dims) == 6 && len(rows) > 20 {
			t.Errorf("%v: %d combinations are too many", dims, len(rows))
		}
	}
}
