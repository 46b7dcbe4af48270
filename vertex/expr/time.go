package expr

import "time"

// parseTime reads 2006-01-02, then nothing or T or a space and 15:04[:05[.fraction]], then nothing, Z, +07, +0700 or +07:00. It is UTC
// where no offset stands. The fraction is cut to microseconds.
func parseTime(s string) (us int64, ok bool) {
	p := timeParser{s: s, ok: true}
	year, month, day := p.number(4), p.after('-', 2), p.after('-', 2)
	var hour, minute, second, fraction int
	if p.next('T') || p.next(' ') {
		hour, minute = p.number(2), p.after(':', 2)
		if p.next(':') {
			second = p.number(2)
			if p.next('.') {
				fraction = p.fraction()
			}
		}
	}
	offset := p.offset()
	if !p.ok || p.s != "" || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if day < 1 || t.Day() != day { // 30 February came out as a day in March
		return 0, false
	}
	return t.UnixMicro() + int64(fraction) - int64(offset)*60_000_000, true
}

// timeParser eats a text from the left; ok is false once something was not as wanted.
type timeParser struct {
	s  string
	ok bool
}

func (p *timeParser) next(c byte) bool {
	if p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

func (p *timeParser) digit() (int, bool) {
	if p.s == "" || p.s[0] < '0' || p.s[0] > '9' {
		return 0, false
	}
	d := int(p.s[0] - '0')
	p.s = p.s[1:]
	return d, true
}

func (p *timeParser) number(digits int) int {
	v := 0
	for range digits {
		d, ok := p.digit()
		p.ok = p.ok && ok
		v = 10*v + d
	}
	return v
}

func (p *timeParser) after(c byte, digits int) int {
	p.ok = p.next(c) && p.ok
	return p.number(digits)
}

// fraction is that of a second in microseconds; at least one digit.
func (p *timeParser) fraction() int {
	v, scale := 0, 100_000
	d, ok := p.digit()
	p.ok = p.ok && ok
	for ; ok; d, ok = p.digit() {
		v += d * scale
		scale /= 10
	}
	return v
}

// offset is the distance from UTC in minutes.
func (p *timeParser) offset() int {
	sign := 1
	switch {
	case p.s == "" || p.next('Z'):
		return 0
	case p.next('-'):
		sign = -1
	case !p.next('+'):
		p.ok = false
		return 0
	}
	hours, minutes := p.number(2), 0
	if p.next(':') || p.s != "" {
		minutes = p.number(2)
	}
	p.ok = p.ok && hours < 24 && minutes < 60
	return sign * (60*hours + minutes)
}
