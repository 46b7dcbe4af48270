package expr

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(-62135596800_000000, 253402300799_999999).Draw(t, "us") // years 1 to 9999
		text := string(appendTime(nil, us))
		if got, ok := ParseTime(text); !ok || got != us {
			t.Fatalf("%s: got %d %v, want %d", text, got, ok, us)
		}
		offset := rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "minutes")
		there := time.UnixMicro(us).In(time.FixedZone("", 60*offset))
		if there.Year() < 1 || there.Year() > 9999 {
			return
		}
		for _, layout := range []string{"2006-01-02T15:04:05.999999-07:00", "2006-01-02 15:04:05.000000-0700"} {
			if got, ok := ParseTime(there.Format(layout)); !ok || got != us {
				t.Fatalf("%s: got %d %v, want %d", there.Format(layout), got, ok, us)
			}
		}
	})
}

func TestTimesThatAreRead(t *testing.T) {
	want := time.Date(2001, 2, 28, 0, 0, 0, 0, time.UTC)
	for text, after := range map[string]time.Duration{
		"2001-02-28":                       0,
		"2001-02-28T00:00":                 0,
		"2001-02-28 01:02":                 time.Hour + 2*time.Minute,
		"2001-02-28T00:00:07Z":             7 * time.Second,
		"2001-02-28T00:00:00.5":            time.Second / 2,
		"2001-02-28T00:00:00.1234567Z":     123456 * time.Microsecond,
		"2001-02-28T00:00+01":              -time.Hour,
		"2001-02-28T00:00:00-0130":         90 * time.Minute,
		"2001-02-28 00:00:00.000001+01:30": time.Microsecond - 90*time.Minute,
		"2001-02-28Z":                      0,
		"2001-02-28+01:30":                 -90 * time.Minute,
	} {
		if got, ok := ParseTime(text); !ok || got != want.Add(after).UnixMicro() {
			t.Errorf("%s: got %d %v, want %v later", text, got, ok, after)
		}
	}
	for _, text := range []string{
		"", "2001", "2001-02-29", "2001-13-01", "2001-00-01", "2001-01-00", "2001-02-28T24:00", "2001-02-28T00:60", "2001-02-28T00:00:60",
		"2001-02-28T", "2001-02-28T00", "2001-02-28T00:00:00.", "2001-02-28T00:00+24", "2001-02-28T00:00+1", "2001-02-28T00:00+01:60",
		"2001-02-28T00:00Zx", "2001-2-28", "01-02-28", " 2001-02-28", "2001-02-28 ", "2001/02/28", "2001-02-28T00:00:00,5",
		"2001-02-28Z01", "2001-02-28+1", "2001-02-28+01:", "2001-02-28x",
	} {
		if got, ok := ParseTime(text); ok {
			t.Errorf("%q is read as %s", text, appendTime(nil, got))
		}
	}
}

// FuzzParseTime: any text is refused, or a time that is read back from its own text, also by the standard library.
func FuzzParseTime(f *testing.F) {
	f.Add("2001-02-28T00:00:00.5+01:30")
	f.Add("0000-02-29")
	f.Add("9999-12-31 23:59:59.999999-23:59")
	f.Fuzz(func(t *testing.T, s string) {
		us, ok := ParseTime(s)
		if !ok {
			return
		}
		text := string(appendTime(nil, us))
		std, err := time.Parse(time.RFC3339Nano, text)
		if year := time.UnixMicro(us).UTC().Year(); year >= 0 && year <= 9999 && (err != nil || std.UnixMicro() != us) {
			t.Fatalf("%q is %s, read back as %v %v", s, text, std, err)
		}
	})
}
