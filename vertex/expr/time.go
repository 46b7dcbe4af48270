package expr

const (
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
)

// ParseTime reads a time in microseconds since 1970 UTC: YYYY-MM-DD, then nothing (midnight) or T or a space and HH:MM[:SS[.fraction]], then
// nothing (UTC), Z, or an offset (+HH, +HHMM, +HH:MM). Years are 0000 to 9999. Digits below a microsecond are dropped. Impossible dates are
// none. It is the grammar of casts as of the text that sources read; s is only read, and nothing of it kept.
func ParseTime[T string | []byte](s T) (us int64, ok bool) {
	days, ok := parseDate(s)
	if !ok {
		return 0, false
	}
	var clock int64
	if s = s[len("2006-01-02"):]; len(s) > 0 && (s[0] == 'T' || s[0] == ' ') {
		if clock, s, ok = parseClock(s[1:]); !ok {
			return 0, false
		}
	}
	offset, ok := parseOffset(s)
	return (days*secondsPerDay-offset)*microsPerSecond + clock, ok
}

// two reads two digits; what is none makes the result at least 100.
func two[T string | []byte](s T) int {
	hi, lo := s[0]-'0', s[1]-'0'
	if hi > 9 || lo > 9 {
		return 100
	}
	return int(hi)*10 + int(lo)
}

var monthDays = [13]uint8{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// parseDate reads the first ten bytes as YYYY-MM-DD and returns days since 1970-01-01.
func parseDate[T string | []byte](s T) (days int64, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	century, rest, m, d := two(s), two(s[2:]), two(s[5:]), two(s[8:])
	y := century*100 + rest
	if century > 99 || rest > 99 || m < 1 || m > 12 || d < 1 {
		return 0, false
	}
	last := int(monthDays[m])
	if m == 2 && y%4 == 0 && (y%100 != 0 || y%400 == 0) {
		last = 29
	}
	return daysFromCivil(y, m, d), d <= last
}

// daysFromCivil counts days since 1970-01-01 in the Gregorian calendar, with years that begin in March so that the leap day comes last, and
// 400 of them more, so that none is negative.
func daysFromCivil(y, m, d int) int64 {
	const daysIn400Years = 146097
	y += 400
	if m <= 2 {
		y--
		m += 12
	}
	dayOfYear := (153*(m-3)+2)/5 + d - 1
	return int64(365*y+y/4-y/100+y/400+dayOfYear) - 719468 - daysIn400Years
}

// parseClock reads HH:MM[:SS[.fraction]] and returns microseconds since midnight, and what follows.
func parseClock[T string | []byte](s T) (us int64, rest T, ok bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, s, false
	}
	hour, minute, second := two(s), two(s[3:]), 0
	s = s[5:]
	var fraction int64
	if len(s) >= 3 && s[0] == ':' {
		second = two(s[1:])
		s = s[3:]
		if len(s) > 0 && s[0] == '.' {
			if fraction, s, ok = parseFraction(s[1:]); !ok {
				return 0, s, false
			}
		}
	}
	return int64(hour*3600+minute*60+second)*microsPerSecond + fraction, s, hour <= 23 && minute <= 59 && second <= 59
}

// parseFraction reads the digits behind the point and returns microseconds and what follows them.
func parseFraction[T string | []byte](s T) (us int64, rest T, ok bool) {
	unit := int64(microsPerSecond / 10)
	i := 0
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		us += int64(s[i]-'0') * unit
		unit /= 10
	}
	return us, s[i:], i > 0
}

// parseOffset reads nothing, Z, or an offset from UTC, and returns seconds east.
func parseOffset[T string | []byte](s T) (seconds int64, ok bool) {
	if len(s) == 0 || (len(s) == 1 && s[0] == 'Z') {
		return 0, true
	}
	if len(s) < 3 || (s[0] != '+' && s[0] != '-') {
		return 0, false
	}
	hour, minute := two(s[1:]), 0
	switch {
	case len(s) == 5:
		minute = two(s[3:])
	case len(s) == 6 && s[3] == ':':
		minute = two(s[4:])
	case len(s) != 3:
		return 0, false
	}
	seconds = int64(hour*3600 + minute*60)
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, hour <= 23 && minute <= 59
}
