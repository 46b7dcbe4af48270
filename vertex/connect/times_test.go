package connect

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"2001-01-31":                          "2001-01-31T00:00:00Z",
		"2001-01-31T23:59":                    "2001-01-31T23:59:00Z",
		"2001-01-31 23:59":                    "2001-01-31T23:59:00Z",
		"2001-01-31T23:59:58":                 "2001-01-31T23:59:58Z",
		"2001-01-31T23:59:58Z":                "2001-01-31T23:59:58Z",
		"2001-01-31T23:59Z":                   "2001-01-31T23:59:00Z",
		"2001-01-31T23:59:58.5":               "2001-01-31T23:59:58.5Z",
		"2001-01-31T23:59:58.000001Z":         "2001-01-31T23:59:58.000001Z",
		"2001-01-31T23:59:58.0000019Z":        "2001-01-31T23:59:58.000001Z",
		"2001-01-31T23:59:58.120Z":            "2001-01-31T23:59:58.12Z",
		"2001-01-31T23:59:58.12345678901234Z": "2001-01-31T23:59:58.123456Z",
		"2001-01-31T23:59:58+01:00":           "2001-01-31T22:59:58Z",
		"2001-01-31T23:59-0130":               "2001-02-01T01:29:00Z",
		"2001-01-31 23:59:58.25+02":           "2001-01-31T21:59:58.25Z",
		"2000-02-29":                          "2000-02-29T00:00:00Z",
		"2001-01-31Z":                         "2001-01-31T00:00:00Z",
		"2001-01-31+01:00":                    "2001-01-30T23:00:00Z",
		"0000-12-31T23:59-00:01":              "0001-01-01T00:00:00Z",
		"1969-12-31T23:59:59.999999":          "1969-12-31T23:59:59.999999Z",
		"0001-01-01":                          "0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999Z":         "9999-12-31T23:59:59.999999Z",
	} {
		got, ok := ParseTime([]byte(in))
		if !ok || string(AppendTime(nil, got)) != want {
			t.Errorf("%s: got %s, %v, want %s", in, AppendTime(nil, got), ok, want)
		}
	}
}

func TestParseTimeRefuses(t *testing.T) {
	for _, in := range []string{
		"", "x", "2001", "2001-01", "2001-1-01", "2001-01-32", "2001-02-29", "1900-02-29", "2001-13-01", "2001-00-01", "2001-01-00", "0000-01-01",
		"2001-01-01T", "2001-01-01T1:00", "2001-01-01T24:00", "2001-01-01T23:60", "2001-01-01T23:59:60", "2001-01-01T23", "2001-01-01T23:5",
		"2001-01-01T23:59:", "2001-01-01T23:59:5", "2001-01-01T23:59:58.", "2001-01-01T23:59.5", "2001-01-01t23:59", "2001-01-01T23:59z",
		"2001-01-01T23:59 Z", "2001-01-01T23:59Z ", " 2001-01-01", "0000-02-29", "2001-01-01Z1", "2001-01-01T23:59+1", "2001-01-01T23:59+24:00",
		"2001-01-01T23:59+01:60", "2001-01-01T23:59+01:0", "0001-01-01T00:00+00:01", "9999-12-31T23:59:59-00:01", "2001/01/01", "٢٠٠١-01-01", "NA",
	} {
		if v, ok := ParseTime([]byte(in)); ok {
			t.Errorf("%q: got %s, want that it is none", in, AppendTime(nil, v))
		}
	}
}

// Package time is the oracle over all microseconds of the years 1 to 9999.
func TestAppendTimeAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(MinTime, MaxTime).Draw(t, "us")
		if rapid.Bool().Draw(t, "whole") {
			us -= us % microsPerSecond
		}
		text := string(AppendTime(nil, us))
		if want := time.UnixMicro(us).UTC().Format(time.RFC3339Nano); text != want {
			t.Fatalf("got %s, want %s", text, want)
		}
		if back, ok := ParseTime([]byte(text)); !ok || back != us {
			t.Fatalf("%s: got %d, %v, want %d", text, back, ok, us)
		}
	})
}

func TestAppendTimeBeyondTheCalendar(t *testing.T) {
	for us, want := range map[int64]string{
		MaxTime + 1:             "10000-01-01T00:00:00Z",
		MinTime - 1:             "0000-12-31T23:59:59.999999Z",
		1<<63 - 1:               "294247-01-10T04:00:54.775807Z",
		-1 << 63:                "-290308-12-21T19:59:05.224192Z",
		MinTime - 366*864e8:     "0000-01-01T00:00:00Z",
		MinTime - 366*864e8 - 1: "-1-12-31T23:59:59.999999Z",
	} {
		if got := string(AppendTime(nil, us)); got != want {
			t.Errorf("%d: got %s, want %s", us, got, want)
		}
	}
}

// timeShape is the grammar; package time also takes hours of one digit and offsets of a day.
var timeShape = regexp.MustCompile(`^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)?$`)

// FuzzParseTime compares what is accepted with package time, which knows each of the layouts.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2001-01-31", "2001-01-31T23:59:58.5Z", "2001-01-31 23:59+0130", "2001-02-30", "2001-01-01T23:59:60"} {
		f.Add(s)
	}
	var layouts []string
	for _, clock := range []string{"", "T15:04", "T15:04:05", " 15:04", " 15:04:05"} { // package time takes a fraction behind seconds by itself
		for _, zone := range []string{"", "Z07:00", "-07:00", "-0700", "-07"} {
			layouts = append(layouts, "2006-01-02"+clock+zone)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, taken := ParseTime([]byte(s))
		want, ok := int64(0), false
		for _, l := range layouts {
			if v, e := time.Parse(l, s); e == nil && !strings.Contains(s, ",") {
				want, ok = v.Truncate(time.Microsecond).UnixMicro(), true
			}
		}
		if ok && (want < MinTime || want > MaxTime) {
			ok = false
		}
		if ok && taken && got != want {
			t.Fatalf("%q: got %d, want %d", s, got, want)
		}
		if (ok && timeShape.MatchString(s)) != taken {
			t.Fatalf("%q: taken: %v, package time accepts: %v", s, taken, ok)
		}
	})
}
