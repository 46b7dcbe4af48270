package plane

import (
	"context"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// run is a repetition of b.N milliseconds: for profiles, `go test -bench Local -benchtime 3000x -cpuprofile cpu.out`.
func run(b *testing.B, f measure.Func) {
	s, err := f(context.Background(), time.Duration(b.N)*time.Millisecond)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(s.Value/1e6, "Mrows/s")
	for name, v := range s.Ratios {
		b.ReportMetric(v, name)
	}
}

func BenchmarkLog(b *testing.B)   { run(b, measureLog) }
func BenchmarkLocal(b *testing.B) { run(b, measureLocal(localShape(false))) }

func BenchmarkLocalOrdered(b *testing.B) { run(b, measureLocal(localShape(true))) }

func BenchmarkTCP(b *testing.B) {
	run(b, (&tcp{start: inProcess, shape: tcpShape(false)}).measure)
}

func BenchmarkLocal1024(b *testing.B) { run(b, measureLocal(manyShape())) }

func BenchmarkCount(b *testing.B) { run(b, measureLoad(localShape(false), newCounting)) }

func BenchmarkStrings(b *testing.B) { run(b, measureStrings) }
