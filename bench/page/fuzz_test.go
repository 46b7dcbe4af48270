package page

import (
	"testing"

	"github.com/streamscope/streamscope/bench"
)

// FuzzWrite shows whatever can be read as a report.
func FuzzWrite(f *testing.F) {
	// Small seeds: the fuzzer spends its time on making large ones smaller.
	f.Add([]byte(`{"runs":[{"name":"a","unit":"rows/s","median":2,"spread":1,"samples":[1,2,3]},{"name":"b","unit":"rows/s","median":1,"samples":[1],"peer_of":"a"}]}`))
	f.Add([]byte(`{"runs":[{"name":"x","unit":"s","median":1e18,"samples":[1e18],"ratios":{"a":5e-324},
		"requirements":[{"of":"","must":1e308,"verdict":"missed"}],"points":[{"by":"percentile","at":100,"of":"a"},{"by":"cores","at":1e-12}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := bench.ParseReport(b)
		if err != nil {
			return
		}
		checkDrawn(t, r)
		other := sample()
		other.Comparison = bench.Compare(r, other, "fuzz")
		checkDrawn(t, other)
	})
}
