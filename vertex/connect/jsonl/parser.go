package jsonl

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// depthMax bounds how deep values that are passed over may nest.
const depthMax = 64

// parser walks the JSON text of one line. Methods that find something else than they expect leave at there and return false.
type parser struct {
	b  []byte
	at int
}

func (p *parser) space() {
	for p.at < len(p.b) {
		switch p.b[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// byte passes spaces and then c.
func (p *parser) byte(c byte) bool {
	if p.at < len(p.b) && p.b[p.at] == c {
		p.at++
		return true
	}
	p.space()
	if p.at < len(p.b) && p.b[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) word(w string) bool {
	if bytes.HasPrefix(p.b[p.at:], []byte(w)) {
		p.at += len(w)
		return true
	}
	return false
}

// peek returns the next byte that is no space, 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.at == len(p.b) {
		return 0
	}
	return p.b[p.at]
}

// string passes a string and returns what stands between its quotes, escapes checked but not undone.
func (p *parser) string() (raw []byte, escaped, ok bool) {
	if !p.byte('"') {
		return nil, false, false
	}
	from := p.at
	for p.at < len(p.b) {
		switch c := p.b[p.at]; {
		case plain[c]:
			p.at++
		case c == '"':
			p.at++
			return p.b[from : p.at-1], escaped, true
		case c != '\\' || !p.escape():
			return nil, escaped, false
		default:
			escaped = true
		}
	}
	return nil, escaped, false
}

// escape passes a backslash and what it escapes.
func (p *parser) escape() bool {
	if p.at+1 >= len(p.b) {
		return false
	}
	switch p.b[p.at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		p.at += 2
		return true
	case 'u':
		if _, ok := hex4(p.b[p.at+2:]); ok {
			p.at += 6
			return true
		}
	}
	return false
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends the text of a string whose escapes were checked. ok is false if it has half a surrogate pair.
func unescape(dst, raw []byte) (out []byte, ok bool) {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...), true
		}
		dst = append(dst, raw[:i]...)
		if raw[i+1] != 'u' {
			dst = append(dst, single(raw[i+1]))
			raw = raw[i+2:]
			continue
		}
		r, _ := hex4(raw[i+2:])
		raw = raw[i+6:]
		if utf16.IsSurrogate(r) {
			if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
				return dst, false
			}
			low, _ := hex4(raw[2:])
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return dst, false
			}
			raw = raw[6:]
		}
		dst = utf8.AppendRune(dst, r)
	}
}

func single(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// number passes a number and tells whether it is written as an integer.
func (p *parser) number() (raw []byte, integer, ok bool) {
	p.space()
	from := p.at
	if integer, ok = p.numeral(); !ok {
		p.at = from
		return nil, false, false
	}
	return p.b[from:p.at], integer, true
}

func (p *parser) numeral() (integer, ok bool) {
	p.oneOf('-', '-')
	zero := p.at < len(p.b) && p.b[p.at] == '0'
	if n := p.digits(); n == 0 || (zero && n > 1) {
		return false, false
	}
	integer = true
	if p.oneOf('.', '.') {
		integer = false
		if p.digits() == 0 {
			return false, false
		}
	}
	if p.oneOf('e', 'E') {
		integer = false
		p.oneOf('+', '-')
		if p.digits() == 0 {
			return false, false
		}
	}
	return integer, true
}

// oneOf passes one byte that is a or b.
func (p *parser) oneOf(a, b byte) bool {
	if p.at < len(p.b) && (p.b[p.at] == a || p.b[p.at] == b) {
		p.at++
		return true
	}
	return false
}

func (p *parser) digits() int {
	from := p.at
	for p.at < len(p.b) && p.b[p.at]-'0' <= 9 {
		p.at++
	}
	return p.at - from
}

// skip passes any value.
func (p *parser) skip(depth int) bool {
	if depth > depthMax {
		return false
	}
	switch c := p.peek(); c {
	case '"':
		_, _, ok := p.string()
		return ok
	case '{':
		return p.skipAll('}', func() bool {
			_, _, ok := p.string()
			return ok && p.byte(':') && p.skip(depth+1)
		})
	case '[':
		return p.skipAll(']', func() bool { return p.skip(depth + 1) })
	case 't':
		return p.word("true")
	case 'f':
		return p.word("false")
	case 'n':
		return p.word("null")
	default:
		_, _, ok := p.number()
		return ok
	}
}

// skipAll passes an object or array: a bracket, elements with commas between, and the closing bracket.
func (p *parser) skipAll(end byte, element func() bool) bool {
	p.at++
	if p.byte(end) {
		return true
	}
	for element() {
		if p.byte(end) {
			return true
		}
		if !p.byte(',') {
			return false
		}
	}
	return false
}
