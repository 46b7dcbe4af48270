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
	var without, with, writing, pause time.Duration
	var dirty float64
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
		without, with, writing, pause, dirty = without+w, with+t, writing+image.writing, pause+image.pause, dirty+image.dirty
	}
	b.ReportMetric(without.Seconds()/with.Seconds(), "kept")
	n := float64(b.N)
	b.ReportMetric(without.Seconds()/n, "s-without/op")
	b.ReportMetric(writing.Seconds()/n, "s-writing/op")
	b.ReportMetric(1e3*pause.Seconds()/n/2, "ms-pause/GiB")
	b.ReportMetric(dirty/n, "dirty/op")
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
}
