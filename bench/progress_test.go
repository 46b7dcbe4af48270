package bench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

func TestLeft(t *testing.T) {
	const s = time.Second
	for _, c := range []struct{ total, done, elapsed, want time.Duration }{
		{100 * s, 0, 0, 100 * s},
		{100 * s, 1 * s, 9 * s, 99 * s}, // too early to tell
		{100 * s, 50 * s, 50 * s, 50 * s},
		{100 * s, 50 * s, 100 * s, 100 * s},
		{100 * s, 100 * s, 130 * s, 0},
		{100 * s, 120 * s, 130 * s, 0},
		{0, 0, s, 0},
	} {
		if got := left(c.total, c.done, c.elapsed); got != c.want {
			t.Errorf("%v of %v done in %v: got %v, want %v", c.done, c.total, c.elapsed, got, c.want)
		}
	}
}

func TestProgressTellsEveryRepetition(t *testing.T) {
	var got []string
	o := Options{Duration: time.Millisecond, Runs: 2, Out: io.Discard, Env: measure.Env{Cores: 1, Say: func(string, ...any) {}}}
	o.Progress = func(p Progress) {
		got = append(got, fmt.Sprintf("%d/%d %s %d/%d", p.Index, p.Of, p.Name, p.Repetition, p.Runs))
		if p.Left < 0 {
			t.Errorf("%+v: less than nothing is left", p)
		}
	}
	workloads := []measure.Workload{find("sum"), find("fill")}
	if _, err := MeasureThese(context.Background(), o, workloads); err != nil {
		t.Fatal(err)
	}
	want := []string{"0/2  0/2", "1/2 sum 0/2", "1/2 sum 1/2", "1/2 sum 2/2", "2/2 fill 0/2", "2/2 fill 1/2", "2/2 fill 2/2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
