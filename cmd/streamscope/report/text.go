package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Count writes a number with its thousands apart: 1,234,567.
func Count(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var out strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(d)
	}
	return out.String()
}

// Rate writes a number per second with three digits: 2.13 M/s.
func Rate(perS float64) string {
	switch {
	case perS >= 1e9:
		return fmt.Sprintf("%.3g G/s", perS/1e9)
	case perS >= 1e6:
		return fmt.Sprintf("%.3g M/s", perS/1e6)
	case perS >= 1e3:
		return fmt.Sprintf("%.3g k/s", perS/1e3)
	}
	return fmt.Sprintf("%.3g /s", perS)
}

// Bytes writes a size with three digits: 84.1 MiB.
func Bytes(n uint64) string {
	f, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for len(units) > 1 && f >= 1000 {
		f, units = f/1024, units[1:]
	}
	return fmt.Sprintf("%.3g %s", f, units[0])
}

// Elapsed writes a duration with no more digits than anybody reads.
func Elapsed(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

// line is progress in one line of words.
func line(p Progress, elapsed time.Duration, perS float64) string {
	return fmt.Sprintf("%s events in (%s), %s out, %s ticks, %s", Count(p.EventsIn), Rate(perS), Count(p.EventsOut), Count(p.Ticks), Elapsed(elapsed))
}

// Summary is the last line of a run.
func Summary(s *Stats) string {
	return fmt.Sprintf("%s events in, %s out, %s late, %s skipped; %s, %s events in; %s ticks; peak memory %s",
		Count(s.EventsIn), Count(s.EventsOut), Count(s.Late), Count(s.Skipped),
		Elapsed(time.Duration(s.ElapsedS*float64(time.Second))), Rate(s.EventsPerS), Count(s.Ticks), Bytes(s.PeakBytes))
}
