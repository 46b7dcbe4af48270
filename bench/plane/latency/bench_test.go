package latency

import (
	"context"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// run is a repetition of b.N milliseconds, as in package plane.
func run(b *testing.B, f measure.Func) {
	s, err := f(context.Background(), time.Duration(b.N)*time.Millisecond)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	for name, v := range s.Ratios {
		b.ReportMetric(v, name)
	}
}

func Benchmark5ms(b *testing.B) { run(b, Measure(5*time.Millisecond)) }
func Benchmark1ms(b *testing.B) { run(b, Measure(time.Millisecond)) }
