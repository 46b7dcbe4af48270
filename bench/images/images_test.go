package images

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/bench/measure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMeasuresSmallStates: the repetition holds together in a few megabytes: time orders what changes, chance does not.
func TestMeasuresSmallStates(t *testing.T) {
	s, err := open(shape{joins: 2, joinBytes: 8 << 20, scattered: 4 << 20, turnover: 5, keys: 64})(context.Background(), measure.Env{Say: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	sample, err := s.Measure(context.Background(), time.Millisecond)
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	r := sample.Ratios
	if sample.Value <= 0 || r["kept"] <= 0 || r["pause_ms"] <= 0 || r["restored_bytes"] < 4<<20 || r["first_touch_bytes_per_s"] <= 0 || r["written_of_dirty"] > 1.2 {
		t.Errorf("got %+v", sample)
	}
	if r["dirty_share"] > 0.5 || r["random_dirty_share"] < 0.7 {
		t.Errorf("%v of the pages changed in time's order, %v at random", r["dirty_share"], r["random_dirty_share"])
	}
}

// BenchmarkRestore restores a state of 256 MiB.
func BenchmarkRestore(b *testing.B) {
	m, err := open(shape{joins: 1, joinBytes: 1 << 20, scattered: 256 << 20, turnover: 5, keys: 4096})(context.Background(), measure.Env{Say: b.Logf})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		bytes, _, err := m.(*session).restore()
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(bytes))
	}
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
}
