package jobs

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/bench/flights"
	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/vertex/connect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const weekRows = 113_493

func TestRepeatShiftsEveryCopy(t *testing.T) {
	from, err := flights.Week()
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "twice.parquet")
	const shift = 7 * 24 * time.Hour
	n, err := Repeat(context.Background(), from, to, 2, shift)
	if err != nil || n != 2*weekRows {
		t.Fatalf("got %d rows, %v, want %d", n, err, 2*weekRows)
	}
	once, twice := dates(t, from), dates(t, to)
	if len(twice) != 2*len(once) {
		t.Fatalf("read %d rows back, want %d", len(twice), 2*len(once))
	}
	for i, want := range once {
		if twice[i] != want || twice[len(once)+i] != want+shift.Microseconds() {
			t.Fatalf("row %d: got %d and %d, want %d, and %v later", i, twice[i], twice[len(once)+i], want, shift)
		}
	}
	for i := 1; i < len(twice); i++ {
		if twice[i] < twice[i-1] {
			t.Fatalf("row %d: the dates fall", i)
		}
	}
}

// dates reads the dates of a file with a sink that keeps them.
func dates(t *testing.T, path string) []int64 {
	t.Helper()
	source, err := connect.NewSource(connect.Files{Paths: []string{path}, Format: "parquet", Schema: flightColumns, Time: "date"})
	if err != nil {
		t.Fatal(err)
	}
	var k keeper
	wakes := make(chan struct{}, 1)
	wake := func() {
		select {
		case wakes <- struct{}{}:
		default:
		}
	}
	if _, err := copyShifted(source, &k, 0, wake, func() error { <-wakes; return nil }); err != nil {
		t.Fatal(err)
	}
	return k.dates
}

func TestRepeatLeavesNothingBehindAnError(t *testing.T) {
	dir := t.TempDir()
	if _, err := Repeat(context.Background(), filepath.Join(dir, "none.parquet"), filepath.Join(dir, "out.parquet"), 2, time.Hour); err == nil {
		t.Error("no error for a file that is not there")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAFailedRunIsAnErrorWithItsWords(t *testing.T) {
	s, err := openOnce(measure.Env{Exe: "/bin/false", Say: func(string, ...any) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Measure(context.Background(), time.Millisecond); err == nil {
		t.Error("no error, though the program fails")
	}
	s.exe = "/bin/true" // writes no figures
	if _, err := s.Measure(context.Background(), time.Millisecond); err == nil {
		t.Error("no error, though the program wrote no figures")
	}
}
