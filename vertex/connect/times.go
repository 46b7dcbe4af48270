package connect

import "strconv"

// Times that sources accept, in microseconds since 1970 UTC: from 0001-01-01T00:00:00Z to the last microsecond of year 9999.
const (
	MinTime int64 = -62135596800 * microsPerSecond
	MaxTime int64 = 253402300800*microsPerSecond - 1

	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
)

// ParseTime reads a time in microseconds UTC: YYYY-MM-DD, then T or a space, HH:MM[:SS[.fraction]], then an optional Z or offset
// (+HH, +HHMM, +HH:MM), else UTC. A date alone is its midnight. Digits below a microsecond are dropped. Impossible dates are none.
func ParseTime(b []byte) (micros int64, ok bool) {
	days, ok := parseDate(b)
	if !ok {
		return 0, false
	}
	if len(b) == 10 {
		return days * secondsPerDay * microsPerSecond, true
	}
	clock, ok := parseClock(b[10:])
	t := days*secondsPerDay*microsPerSecond + clock
	return t, ok && t >= MinTime && t <= MaxTime
}

// two reads two digits; what is none makes the result at least 100.
func two(b []byte) int {
	hi, lo := b[0]-'0', b[1]-'0'
	if hi > 9 || lo > 9 {
		return 100
	}
	return int(hi)*10 + int(lo)
}

var monthDays = [13]uint8{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// parseDate reads the first ten bytes as YYYY-MM-DD and returns days since 1970-01-01.
func parseDate(b []byte) (days int64, ok bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	century, rest, m, d := two(b), two(b[2:]), two(b[5:]), two(b[8:])
	y := century*100 + rest
	if century > 99 || rest > 99 || y == 0 || m < 1 || m > 12 || d < 1 {
		return 0, false
	}
	last := int(monthDays[m])
	if m == 2 && y%4 == 0 && (y%100 != 0 || y%400 == 0) {
		last = 29
	}
	return daysFromCivil(y, m, d), d <= last
}

// daysFromCivil counts days since 1970-01-01 in the Gregorian calendar, with years that begin in March so that the leap day comes last.
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	dayOfYear := (153*(m-3)+2)/5 + d - 1
	return int64(365*y+y/4-y/100+y/400+dayOfYear) - 719468
}

// parseClock reads what follows the date: a T or space, the clock, and an offset; the result is relative to midnight UTC.
func parseClock(b []byte) (micros int64, ok bool) {
	if len(b) < 6 || (b[0] != 'T' && b[0] != ' ') || b[3] != ':' {
		return 0, false
	}
	hour, minute, second := two(b[1:]), two(b[4:]), 0
	b = b[6:]
	var fraction int64
	if len(b) >= 3 && b[0] == ':' {
		second = two(b[1:])
		b = b[3:]
		if len(b) > 0 && b[0] == '.' {
			if fraction, b, ok = parseFraction(b[1:]); !ok {
				return 0, false
			}
		}
	}
	offset, ok := parseOffset(b)
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return (int64(hour*3600+minute*60+second)-offset)*microsPerSecond + fraction, true
}

// parseFraction reads the digits behind the point and returns microseconds and what follows them.
func parseFraction(b []byte) (micros int64, rest []byte, ok bool) {
	unit := int64(microsPerSecond / 10)
	i := 0
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		micros += int64(b[i]-'0') * unit
		unit /= 10
	}
	return micros, b[i:], i > 0
}

// parseOffset reads nothing, Z, or an offset from UTC, and returns seconds east.
func parseOffset(b []byte) (seconds int64, ok bool) {
	if len(b) == 0 || (len(b) == 1 && b[0] == 'Z') {
		return 0, true
	}
	if len(b) < 3 || (b[0] != '+' && b[0] != '-') {
		return 0, false
	}
	hour, minute := two(b[1:]), 0
	switch {
	case len(b) == 5:
		minute = two(b[3:])
	case len(b) == 6 && b[3] == ':':
		minute = two(b[4:])
	case len(b) != 3:
		return 0, false
	}
	seconds = int64(hour*3600 + minute*60)
	if b[0] == '-' {
		seconds = -seconds
	}
	return seconds, hour <= 23 && minute <= 59
}

// AppendTime appends a time as 2006-01-02T15:04:05Z, with a fraction only if it is not 0.
func AppendTime(dst []byte, micros int64) []byte {
	const perDay = secondsPerDay * microsPerSecond
	days := micros / perDay
	inDay := micros % perDay
	if inDay < 0 {
		days--
		inDay += perDay
	}
	dst = appendDate(dst, days)
	second := int(inDay / microsPerSecond)
	dst = append(dst, 'T')
	dst = appendTwo(dst, second/3600)
	dst = append(dst, ':')
	dst = appendTwo(dst, second/60%60)
	dst = append(dst, ':')
	dst = appendTwo(dst, second%60)
	if fraction := int(inDay % microsPerSecond); fraction != 0 {
		dst = appendFraction(dst, fraction)
	}
	return append(dst, 'Z')
}

func appendTwo(dst []byte, v int) []byte {
	return append(dst, byte('0'+v/10), byte('0'+v%10))
}

func appendFraction(dst []byte, micros int) []byte {
	dst = append(dst, '.')
	for unit := microsPerSecond / 10; micros != 0; unit /= 10 {
		dst = append(dst, byte('0'+micros/unit))
		micros %= unit
	}
	return dst
}

// appendDate is the inverse of daysFromCivil.
func appendDate(dst []byte, days int64) []byte {
	const perEra = 146097 // days in 400 years
	days += 719468
	era := days / perEra
	if days < 0 {
		era = (days - perEra + 1) / perEra
	}
	day := int(days - era*perEra)
	year := (day - day/1460 + day/36524 - day/146096) / 365
	day -= 365*year + year/4 - year/100
	month := (5*day + 2) / 153
	day -= (153*month+2)/5 - 1
	month += 3
	y := era*400 + int64(year)
	if month > 12 {
		month -= 12
		y++
	}
	if y < 0 || y > 9999 {
		dst = strconv.AppendInt(dst, y, 10)
	} else {
		dst = appendTwo(appendTwo(dst, int(y/100)), int(y%100))
	}
	dst = appendTwo(append(dst, '-'), month)
	return appendTwo(append(dst, '-'), day)
}
