package connect

import (
	"strconv"

	"github.com/streamscope/streamscope/vertex/expr"
)

// Times that sources accept, in microseconds since 1970 UTC: from 0001-01-01T00:00:00Z to the last microsecond of year 9999.
const (
	MinTime int64 = -62135596800 * microsPerSecond
	MaxTime int64 = 253402300800*microsPerSecond - 1

	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
)

// ParseTime reads a time as casts of expressions do (expr.ParseTime), of those that sources accept.
func ParseTime(b []byte) (micros int64, ok bool) {
	t, ok := expr.ParseTime(b)
	return t, ok && t >= MinTime && t <= MaxTime
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

// appendDate appends YYYY-MM-DD of a count of days since 1970-01-01.
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
