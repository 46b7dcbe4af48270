package plane

import (
	"context"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/bench/measure"
)

func TestCollectorMeasures(t *testing.T) {
	env := measure.Env{Say: func(string, ...any) {}}
	s, err := openCollector(8<<20, 16<<20)(context.Background(), env)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Measure(context.Background(), 3*brief)
	if err != nil || got.Value <= 0 || got.Ratios["pauses"] < 1 || got.Ratios["stop_p99_ms"] <= 0 || got.Ratios["gc_share_of_cpu"] <= 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if held := got.Ratios["held_bytes"]; held < 20<<20 || held > 24<<20 {
		t.Errorf("got %v bytes held, want nearly 24 MiB", held)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestCollectorRefusesWhatIsNotThere(t *testing.T) {
	env := measure.Env{Say: func(string, ...any) {}}
	_, err := openCollector(1<<50, 1<<50)(context.Background(), env)
	if err == nil || !strings.Contains(err.Error(), "are available") {
		t.Errorf("got %v, want an error that says what is available", err)
	}
}

func TestBallastNoticesDamage(t *testing.T) {
	b, err := newBallast(1, 4<<20, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := b.check(); err != nil {
		t.Fatal(err)
	}
	b.tables[0].Get(hashOf(0), keyOf(0))[0]++
	if b.check() == nil {
		t.Error("a changed cell was not noticed")
	}
}

func TestPausePercentiles(t *testing.T) {
	at := func(counts ...uint64) *metrics.Float64Histogram {
		return &metrics.Float64Histogram{Counts: counts, Buckets: []float64{0, 1, 2, 3}}
	}
	for _, c := range []struct {
		before, after *metrics.Float64Histogram
		percentile    float64
		want          float64
	}{
		{at(5, 5, 5), at(5, 5, 5), 99, 0},
		{at(5, 5, 5), at(15, 5, 5), 99, 1},
		{at(0, 0, 0), at(98, 1, 1), 99, 2},
		{at(0, 0, 0), at(98, 0, 2), 99, 3},
		{at(0, 9, 0), at(1, 9, 1), 50, 1},
	} {
		if got := percentileOf(less(c.after, c.before), c.percentile); got != c.want {
			t.Errorf("%v since %v, percentile %v: got %v, want %v", c.after.Counts, c.before.Counts, c.percentile, got, c.want)
		}
	}
}
