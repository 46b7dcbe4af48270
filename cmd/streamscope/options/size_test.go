package options

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSize(t *testing.T) {
	good := map[string]Size{
		"1": 1, "65536": 64 * KiB, "64KiB": 64 * KiB, "64kib": 64 * KiB, "4MiB": 4 * MiB, "1GiB": GiB, "1.5GiB": 3 * GiB / 2, "10MB": 1e7, "7B": 7,
		" 2 MiB ": 2 * MiB, "8191TiB": 8191 << 40, "0.5KiB": 512,
	}
	for text, want := range good {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q): got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "-4MiB", "MiB", "4 parsecs", "4Mi", "1e6", "0.3B", "1.0000001KiB", "9000000TiB", "99999999999999999999", "NaN", "Inf", "9223372036854775808.0", "1..5MiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q): got %d, want an error", text, got)
		}
	}
}

func TestSizeTextRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Size(rapid.Int64Range(1, math.MaxInt64/2).Draw(t, "bytes"))
		if rapid.Bool().Draw(t, "round") {
			want = Size(rapid.Int64Range(1, 1<<20).Draw(t, "n")) << rapid.IntRange(0, 30).Draw(t, "shift")
		}
		if got, err := ParseSize(want.String()); err != nil || got != want {
			t.Fatalf("%d is written %q and read %d, %v", want, want, got, err)
		}
	})
}

func TestParseTick(t *testing.T) {
	good := map[string]Tick{
		"5ms": {Length: 5 * time.Millisecond}, "1ms": {Length: time.Millisecond}, "0.5ms": {Length: 500 * time.Microsecond},
		"bytes:1MiB": {Bytes: MiB}, "bytes:1": {Bytes: 1}, "bytes:65536": {Bytes: 64 * KiB},
	}
	for text, want := range good {
		if got, err := ParseTick(text); err != nil || got != want {
			t.Errorf("ParseTick(%q): got %v, %v, want %v", text, got, err, want)
		}
		if again, err := ParseTick(want.String()); err != nil || again != want {
			t.Errorf("%v is written %q and read %v, %v", want, want, again, err)
		}
	}
	for _, text := range []string{"", "5", "5 ms", "0s", "-5ms", "1us", "2h", "bytes:", "bytes:0", "bytes:5ms", "Bytes:1MiB", "rows:5"} {
		if got, err := ParseTick(text); err == nil {
			t.Errorf("ParseTick(%q): got %v, want an error", text, got)
		}
	}
}

func TestParseRate(t *testing.T) {
	good := map[string]float64{"1": 1, "50000": 50000, "200k": 2e5, "1.5M": 1.5e6, "1e6": 1e6, "0.5": 0.5}
	for text, want := range good {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("ParseRate(%q): got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "k", "NaN", "Inf", "1e400", "10/s", "5G"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("ParseRate(%q): got %v, want an error", text, got)
		}
	}
}

func TestParseBadRow(t *testing.T) {
	good := map[string]BadRow{"fail": {}, "skip": {Policy: SkipBadRow}, "divert=a=b.csv": {DivertBadRow, "a=b.csv"}}
	for text, want := range good {
		got, err := ParseBadRow(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("ParseBadRow(%q): got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "Fail", "divert", "divert=", "drop"} {
		if got, err := ParseBadRow(text); err == nil {
			t.Errorf("ParseBadRow(%q): got %v, want an error", text, got)
		}
	}
}
