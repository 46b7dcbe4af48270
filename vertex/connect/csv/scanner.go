package csv

import (
	"bytes"
	"errors"
	"io"
)

const (
	readBytes   = 256 << 10
	rowMaxBytes = 4 << 20
)

// span is a cell of the row: bytes [from, to) of the buffer. Quoted ones are without their quotes; escaped ones still have doubled quotes inside.
type span struct {
	from, to        int
	quoted, escaped bool
}

// scanner cuts input into rows and rows into cells.
//
// Invariant: 0 <= start <= at <= end <= len(buf); [start, at) is the row returned last, [at, end) is read but not yet cut.
type scanner struct {
	r              io.Reader
	comma          byte
	stops          [256]bool // comma, line feed, quote: what ends a bare cell
	keep           int       // spans that are stored; further cells are counted only
	beforeRead     func() bool
	buf            []byte
	start, at, end int
	eof            bool
	err            error // of reading, reported when all before it is cut
	line           int   // of the row returned last, from 1
	next           int   // of the row to come
	cells          []span
	n              int // cells in the row
}

func newScanner(r io.Reader, comma byte) *scanner {
	s := &scanner{r: r, comma: comma, buf: make([]byte, readBytes), next: 1, keep: columnsMax + 1, beforeRead: func() bool { return true }}
	s.stops[comma], s.stops['\n'], s.stops['"'] = true, true, true
	return s
}

// errStopped says that nobody reads the rows any more.
var errStopped = errors.New("stopped")

// What can be wrong with the form of a row.
const (
	badQuote    = `a quote inside a bare cell`
	badTail     = `text behind a closing quote`
	badOpen     = `a quote that is never closed`
	badLong     = `a row of more than 4 MiB`
	incomplete  = "incomplete"
	noComplaint = ""
)

// wants says what to do about each complaint.
var wants = map[string]string{
	badQuote: "the cell in quotes and the quote doubled",
	badTail:  "a comma or the line's end",
	badOpen:  "a closing quote",
	badLong:  "a shorter row",
}

// row cuts the next row and returns its bytes without the line end, borrowed until the next call, and what is wrong with its form. Of a malformed row it
// returns the first line. The error is io.EOF at the end, errStopped if beforeRead said so, or that of reading.
func (s *scanner) row() (raw []byte, bad string, err error) {
	s.start, s.line = s.at, s.next
	for {
		if s.start < s.end || s.eof {
			if s.start == s.end {
				return nil, "", s.final()
			}
			if bad = s.cut(); bad != incomplete {
				break
			}
			if s.end-s.start >= rowMaxBytes {
				bad = badLong
				break
			}
		}
		if err := s.more(); err != nil {
			return nil, "", err
		}
	}
	if bad != noComplaint {
		return s.firstLine(bad)
	}
	raw = s.buf[s.start:s.at]
	s.next++
	for i := range s.cells {
		if s.cells[i].quoted {
			s.next += bytes.Count(raw[:len(raw)-1], newline)
			break
		}
	}
	return trimEnd(raw), "", nil
}

var newline = []byte{'\n'}

func (s *scanner) final() error {
	if s.err != nil {
		return s.err
	}
	return io.EOF
}

// cut finds the cells of the row at start and moves at behind it.
func (s *scanner) cut() string {
	s.cells, s.n = s.cells[:0], 0
	p := s.start
	for {
		var c span
		if p < s.end && s.buf[p] == '"' {
			bad := s.quoted(p, &c)
			if bad != noComplaint {
				return bad
			}
			p = c.to + 1
		} else {
			c.from = p
			buf := s.buf[:s.end]
			for p < len(buf) && !s.stops[buf[p]] {
				p++
			}
			c.to = p
		}
		if s.n++; s.n <= s.keep {
			s.cells = append(s.cells, c)
		}
		switch {
		case p == s.end:
			if !s.eof {
				return incomplete
			}
			s.at = p
			s.trimCell()
			return noComplaint
		case s.buf[p] == s.comma:
			p++
		case s.buf[p] == '\n':
			s.at = p + 1
			s.trimCell()
			return noComplaint
		case s.buf[p] == '\r' && c.quoted: // quoted has seen that a line feed or the end follows
			p++
			if p < s.end {
				p++
			}
			s.at = p
			return noComplaint
		default:
			return badQuote
		}
	}
}

// quoted finds the end of the quoted cell at p.
func (s *scanner) quoted(p int, c *span) string {
	c.from, c.quoted = p+1, true
	q := p + 1
	for {
		i := bytes.IndexByte(s.buf[q:s.end], '"')
		if i < 0 {
			return s.unless(badOpen)
		}
		q += i
		if q+1 == s.end {
			if !s.eof {
				return incomplete
			}
			break
		}
		if s.buf[q+1] != '"' {
			break
		}
		c.escaped = true
		q += 2
	}
	c.to = q
	if q+1 == s.end || s.buf[q+1] == s.comma || s.buf[q+1] == '\n' {
		return noComplaint
	}
	if s.buf[q+1] != '\r' {
		return badTail
	}
	if q+2 == s.end {
		return s.unless(noComplaint)
	}
	if s.buf[q+2] != '\n' {
		return badTail
	}
	return noComplaint
}

// unless returns what holds if the input goes no further.
func (s *scanner) unless(bad string) string {
	if s.eof {
		return bad
	}
	return incomplete
}

// trimCell takes the carriage return of the line's end off a bare last cell.
func (s *scanner) trimCell() {
	if s.n > len(s.cells) {
		return
	}
	c := &s.cells[len(s.cells)-1]
	if !c.quoted && c.to > c.from && s.buf[c.to-1] == '\r' {
		c.to--
	}
}

func trimEnd(raw []byte) []byte {
	if n := len(raw); n > 0 && raw[n-1] == '\n' {
		raw = raw[:n-1]
	}
	if n := len(raw); n > 0 && raw[n-1] == '\r' {
		raw = raw[:n-1]
	}
	return raw
}

// firstLine passes the line that a malformed row begins on. Of one that is too long it returns the beginning.
func (s *scanner) firstLine(bad string) (raw []byte, complaint string, err error) {
	s.next++
	for {
		if i := bytes.IndexByte(s.buf[s.start:s.end], '\n'); i >= 0 {
			s.at = s.start + i + 1
			return trimEnd(s.buf[s.start:s.at]), bad, nil
		}
		s.at = s.end
		if s.eof {
			return trimEnd(s.buf[s.start:s.end]), bad, nil
		}
		if s.end-s.start >= rowMaxBytes {
			raw = bytes.Clone(s.buf[s.start:s.end])
			return raw, badLong, s.skipLine()
		}
		if err := s.more(); err != nil {
			return nil, "", err
		}
	}
}

// skipLine drops what is left of a line that is too long.
func (s *scanner) skipLine() error {
	for {
		s.start, s.at, s.end = 0, 0, 0
		if s.eof {
			return nil
		}
		if err := s.more(); err != nil {
			return err
		}
		if i := bytes.IndexByte(s.buf[:s.end], '\n'); i >= 0 {
			s.start, s.at = 0, i+1
			return nil
		}
	}
}

// more reads on behind end, moving the row to the front and growing the buffer as needed. It returns when a line end came in, the
// buffer is full, or the input ended.
func (s *scanner) more() error {
	if !s.beforeRead() {
		return errStopped
	}
	if s.start > 0 {
		copy(s.buf, s.buf[s.start:s.end])
		s.at -= s.start
		s.end -= s.start
		s.start = 0
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for s.end < len(s.buf) {
		n, err := s.r.Read(s.buf[s.end:])
		got := s.buf[s.end : s.end+n]
		s.end += n
		if err != nil {
			s.eof = true
			if err != io.EOF {
				s.err = err
			}
			return nil
		}
		if bytes.IndexByte(got, '\n') >= 0 {
			return nil
		}
	}
	return nil
}

// text returns the bytes of a cell, borrowed until the next call or row; scratch is used where quotes have to be undone.
func (s *scanner) text(c span, scratch *[]byte) []byte {
	raw := s.buf[c.from:c.to]
	if !c.escaped {
		return raw
	}
	out := (*scratch)[:0]
	for {
		i := bytes.IndexByte(raw, '"')
		if i < 0 {
			break
		}
		out = append(out, raw[:i+1]...)
		raw = raw[i+2:] // the second of the pair
	}
	out = append(out, raw...)
	*scratch = out
	return out
}
