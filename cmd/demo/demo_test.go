package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const header = "hour,airport,state,departures,late_departures,pairs,late_pairs,max_arrival_delay\n"

const expectedWeek = "../../bench/flights/data/knock-on-2001-w1.csv"

// script writes a program that stands for the engine: it copies a file to --out and writes statistics.
func script(t *testing.T, copyOf string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "streamscope")
	text := "#!/bin/sh\ncp '" + copyOf + "' \"$4\" && echo '{\"events_in\":9,\"elapsed_s\":2,\"stages\":[{\"name\":\"pairs\",\"rows_out\":4000}]}' > \"$6\"\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDemoAcceptsTheExpectedResultAlone(t *testing.T) {
	if err := demo(script(t, expectedWeek), expectedWeek); err != nil {
		t.Errorf("the expected result is refused: %v", err)
	}
	text, err := os.ReadFile(expectedWeek)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-2] ^= 1
	other := filepath.Join(t.TempDir(), "other.csv")
	if err := os.WriteFile(other, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := demo(script(t, other), expectedWeek); err == nil || !strings.Contains(err.Error(), "differs") {
		t.Errorf("a changed byte is not told: %v", err)
	}
	if err := demo(script(t, filepath.Join(t.TempDir(), "absent")), expectedWeek); err == nil {
		t.Error("a run that failed is not told")
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct{ got, want, diff string }{
		{"", "", ""},
		{"a\nb\n", "a\nb\n", ""},
		{"a\nb\n", "a\nc\n", `line 2: got "b", want "c"`},
		{"a\n", "a\nc\n", `line 2: got "", want "c"`},
		{"a\nb\nc", "a\nb\n", `line 3: got "c", want ""`},
		{"a\nb", "a\nb\n", `after "b" in line 2: got 0 more bytes, want 1`},
		{"", "a", `line 1: got "", want "a"`},
	} {
		if got := compare([]byte(c.got), []byte(c.want)); got != c.diff {
			t.Errorf("compare(%q, %q): got %q, want %q", c.got, c.want, got, c.diff)
		}
	}
}

func TestWorstRows(t *testing.T) {
	rows, err := parse([]byte(header + "h1,A,,1,1,1,5,\nh1,B,,1,1,1,7,3\nh2,A,,1,1,1,5,\n"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := table(&out, worstRows(rows, 2)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "late_pairs") || !strings.Contains(lines[1], " B ") || !strings.Contains(lines[2], "h1") {
		t.Errorf("got\n%s", out.String())
	}
	for _, bad := range []string{"", "a,b\n1,2\n", header + "h1,A,,1,1,1,x,\n"} {
		if _, err := parse([]byte(bad)); err == nil {
			t.Errorf("parse(%q): no error", bad)
		}
	}
}
