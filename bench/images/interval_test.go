package images

import (
	"context"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// BenchmarkIntervalWithImage is an interval of the workload in a quarter of its state, while an image is written; it reports what was kept.
func BenchmarkIntervalWithImage(b *testing.B) {
	m, err := open(shape{joins: 2, joinBytes: 1 << 30, scattered: 1 << 20, turnover: 5, keys: 4096})(context.Background(), measure.Env{Say: b.Logf})
	if err != nil {
		b.Fatal(err)
	}
	s := m.(*session)
	var without, with, writing time.Duration
	for b.Loop() {
		w, err := s.interval()
		if err != nil {
			b.Fatal(err)
		}
		t, image, err := s.intervalWithImage()
		if err == nil {
			_, err = s.kept.take()
		}
		if err != nil {
			b.Fatal(err)
		}
		without, with, writing = without+w, with+t, writing+image.writing
	}
	b.ReportMetric(without.Seconds()/with.Seconds(), "kept")
	b.ReportMetric(writing.Seconds()/float64(b.N), "s-writing/op")
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
}
