package csv

import (
	"bytes"
	"io"

	"github.com/streamscope/streamscope/vertex/connect/internal/text"
)

// span is a cell of the row: bytes [from, to) of the buffer. Quoted ones are without their quotes; escaped ones still have doubled quotes inside.
type span struct {
	from, to        int
	quoted, escaped bool
}

// scanner cuts input into rows and rows into cells.
type scanner struct {
	text.Buffer
	comma byte
	stops [256]bool // comma, line feed, quote: what ends a bare cell
	keep  int       // spans that are stored; further cells are counted only
	line  int       // of the row returned last, from 1
	next  int       // of the row to come
	cells []span
	n     int // cells in the row
}

func newScanner(r io.Reader, comma byte) *scanner {
	s := &scanner{Buffer: text.NewBuffer(r), comma: comma, next: 1, keep: columnsMax + 1}
	s.stops[comma], s.stops['\n'], s.stops['"'] = true, true, true
	return s
}

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
// returns the first line. The error is io.EOF at the end, text.ErrStopped, or that of reading.
func (s *scanner) row() (raw []byte, bad string, err error) {
	s.Start, s.line = s.At, s.next
	for {
		if s.Start < s.End || s.EOF {
			if s.Start == s.End {
				return nil, "", s.Final()
			}
			if bad = s.cut(); bad != incomplete {
				break
			}
			if s.End-s.Start >= text.RowMaxBytes {
				bad = badLong
				break
			}
		}
		if err := s.More(); err != nil {
			return nil, "", err
		}
	}
	if bad != noComplaint {
		return s.firstLine(bad)
	}
	raw = s.B[s.Start:s.At]
	s.next++
	for i := range s.cells {
		if s.cells[i].quoted {
			s.next += bytes.Count(raw[:len(raw)-1], newline)
			break
		}
	}
	return text.TrimEnd(raw), "", nil
}

var newline = []byte{'\n'}

// cut finds the cells of the row at start and moves at behind it.
func (s *scanner) cut() string {
	s.cells, s.n = s.cells[:0], 0
	p := s.Start
	for {
		var c span
		if p < s.End && s.B[p] == '"' {
			bad := s.quoted(p, &c)
			if bad != noComplaint {
				return bad
			}
			p = c.to + 1
		} else {
			c.from = p
			buf := s.B[:s.End]
			for p < len(buf) && !s.stops[buf[p]] {
				p++
			}
			c.to = p
		}
		if s.n++; s.n <= s.keep {
			s.cells = append(s.cells, c)
		}
		switch {
		case p == s.End:
			if !s.EOF {
				return incomplete
			}
			s.At = p
			s.trimCell()
			return noComplaint
		case s.B[p] == s.comma:
			p++
		case s.B[p] == '\n':
			s.At = p + 1
			s.trimCell()
			return noComplaint
		case s.B[p] == '\r' && c.quoted: // quoted has seen that a line feed or the end follows
			p++
			if p < s.End {
				p++
			}
			s.At = p
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
		i := bytes.IndexByte(s.B[q:s.End], '"')
		if i < 0 {
			return s.unless(badOpen)
		}
		q += i
		if q+1 == s.End {
			if !s.EOF {
				return incomplete
			}
			break
		}
		if s.B[q+1] != '"' {
			break
		}
		c.escaped = true
		q += 2
	}
	c.to = q
	if q+1 == s.End || s.B[q+1] == s.comma || s.B[q+1] == '\n' {
		return noComplaint
	}
	if s.B[q+1] != '\r' {
		return badTail
	}
	if q+2 == s.End {
		return s.unless(noComplaint)
	}
	if s.B[q+2] != '\n' {
		return badTail
	}
	return noComplaint
}

// unless returns what holds if the input goes no further.
func (s *scanner) unless(bad string) string {
	if s.EOF {
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
	if !c.quoted && c.to > c.from && s.B[c.to-1] == '\r' {
		c.to--
	}
}

// firstLine goes back to the line that a malformed row begins on and passes that alone.
func (s *scanner) firstLine(bad string) (raw []byte, complaint string, err error) {
	s.next++
	s.At = s.Start
	raw, tooLong, err := s.Line()
	if tooLong {
		bad = badLong
	}
	return raw, bad, err
}

// value returns the bytes of a cell, borrowed until the next call or row; scratch is used where quotes have to be undone.
func (s *scanner) value(c span, scratch *[]byte) []byte {
	raw := s.B[c.from:c.to]
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
