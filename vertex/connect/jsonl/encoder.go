package jsonl

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/text"
)

// encoder writes rows as lines of JSON.
type encoder struct {
	keys [][]byte // per column what stands before its value: `{"name":` or `,"name":`
}

func newEncoder(fields []batch.Field) *encoder {
	e := &encoder{}
	for i, f := range fields {
		key := []byte{','}
		if i == 0 {
			key[0] = '{'
		}
		e.keys = append(e.keys, append(appendString(key, []byte(f.Name)), ':'))
	}
	return e
}

func (e *encoder) AppendHeader(dst []byte) []byte { return dst }

func (e *encoder) AppendRows(dst []byte, n int, cols []batch.Column) []byte {
	for row := range n {
		for i := range cols {
			dst = append(dst, e.keys[i]...)
			dst = appendValue(dst, &cols[i], row)
		}
		dst = append(dst, "}\n"...)
	}
	return dst
}

func appendValue(dst []byte, c *batch.Column, row int) []byte {
	if c.Null(row) {
		return append(dst, "null"...)
	}
	switch c.Kind() {
	case batch.Int64:
		return strconv.AppendInt(dst, c.Int64s()[row], 10)
	case batch.Float64:
		return appendFloat(dst, c.Float64s()[row])
	case batch.Bool:
		return strconv.AppendBool(dst, c.Bools().Get(row))
	case batch.Timestamp:
		dst = connect.AppendTime(append(dst, '"'), c.Int64s()[row])
		return append(dst, '"')
	case batch.Bytes:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), c.Bytes(row))
		return append(dst, '"')
	}
	return appendString(dst, c.Bytes(row))
}

func appendFloat(dst []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(dst, `"inf"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-inf"`...)
	case v != v:
		return append(dst, `"nan"`...)
	}
	return text.AppendFloat(dst, v)
}

const hex = "0123456789abcdef"

// appendString quotes text; what is not UTF-8 becomes the replacement character, since JSON has no other bytes.
func appendString(dst, t []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(t); {
		if t[i] < utf8.RuneSelf {
			if plain[t[i]] {
				i++
				continue
			}
			dst = appendEscape(append(dst, t[from:i]...), t[i])
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRune(t[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, t[from:i]...), `\ufffd`...)
			from = i + 1
		}
		i += size
	}
	dst = append(dst, t[from:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// plain holds the bytes that stand for themselves in a string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c != '"' && c != '\\'
	}
	return t
}()
