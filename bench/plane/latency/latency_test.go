package latency

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/bench/measure"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

func TestMeasures(t *testing.T) {
	for _, m := range []measure.Func{Measure(5 * time.Millisecond), Measure(time.Millisecond), MeasureAtPeer(5 * time.Millisecond)} {
		s, err := m(context.Background(), 100*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		r := s.Ratios
		if s.Value <= 0 || r["p50_ms"] <= 0 || r["p50_ms"] > r["p99_ms"] || r["p99_ms"] > r["p999_ms"] || r["p999_ms"] > r["max_ms"] ||
			r["bare_p50_ms"] <= 0 || r["bare_p50_ms"] > r["bare_p99_ms"] {
			t.Errorf("got %+v", s)
		}
	}
}

// TestMeasuresRetained: both turns are measured, and the one with reliability takes images.
func TestMeasuresRetained(t *testing.T) {
	s, err := MeasureRetained(5*time.Millisecond)(context.Background(), 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if r := s.Ratios; s.Value <= 0 || r["off_p99_ms"] <= 0 || r["p99_of_off"] <= 0 || r["rows_per_s"] <= 0 {
		t.Errorf("got %+v", s)
	}
}

func TestCancelledSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Measure(time.Millisecond)(ctx, 50*time.Millisecond); err == nil {
		t.Error("no error, though its context had ended")
	}
}

// TestRowsAreDueWhateverHappens: what a source was not asked for in time stays due when it was.
func TestRowsAreDueWhateverHappens(t *testing.T) {
	p := &plan{length: time.Second, nsPerRow: 1000}
	for _, c := range []struct {
		now  time.Duration
		due  uint64
		more bool
	}{
		{0, 0, true}, {999, 0, true}, {1000, 1, true}, {time.Millisecond, 1000, true}, {time.Second - 1, 999_999, true},
		{time.Second, 1_000_000, false}, {time.Hour, 1_000_000, false},
	} {
		if due, more := p.dueBy(c.now); due != c.due || more != c.more {
			t.Errorf("at %v: got %d rows due, more %v; want %d, %v", c.now, due, more, c.due, c.more)
		}
	}
	for n := range int64(100) { // a row is never counted before it is due, and never due later than it is made
		if due, _ := p.dueBy(time.Duration(p.due(n))); due < uint64(n) {
			t.Errorf("row %d is due at %v, when %d are", n, time.Duration(p.due(n)), due)
		}
	}
}
