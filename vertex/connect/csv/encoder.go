package csv

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// encoder writes rows as CSV.
type encoder struct {
	fields []batch.Field
}

func (e *encoder) AppendHeader(dst []byte) []byte {
	for i, f := range e.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendText(dst, []byte(f.Name))
	}
	return append(dst, '\n')
}

func (e *encoder) AppendRows(dst []byte, n int, cols []batch.Column) []byte {
	for row := range n {
		for i := range cols {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendCell(dst, &cols[i], row, e.fields[i].Nullable || len(cols) == 1)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// appendCell writes empty text as "" where a bare empty cell would be read as null or, in a file of one column, as an empty line.
func appendCell(dst []byte, c *batch.Column, row int, quoteEmpty bool) []byte {
	if c.Null(row) {
		return dst
	}
	switch c.Kind() {
	case batch.Int64:
		return strconv.AppendInt(dst, c.Int64s()[row], 10)
	case batch.Timestamp:
		return connect.AppendTime(dst, c.Int64s()[row])
	case batch.Float64:
		return AppendFloat(dst, c.Float64s()[row])
	case batch.Bool:
		return strconv.AppendBool(dst, c.Bools().Get(row))
	}
	text := c.Bytes(row)
	switch {
	case len(text) == 0 && quoteEmpty:
		return append(dst, `""`...)
	case c.Kind() == batch.Bytes:
		return base64.StdEncoding.AppendEncode(dst, text)
	}
	return appendText(dst, text)
}

// AppendFloat appends the shortest text that reads back as v; infinities and NaN are inf, -inf and nan.
func AppendFloat(dst []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(dst, "inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-inf"...)
	case v != v:
		return append(dst, "nan"...)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

func appendText(dst, text []byte) []byte {
	if !needsQuotes(text) {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			break
		}
		dst = append(dst, text[:i+1]...)
		dst = append(dst, '"')
		text = text[i+1:]
	}
	dst = append(dst, text...)
	return append(dst, '"')
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// needsQuotes reports whether a reader could take the bare text for something else: a byte order mark at the beginning would be skipped.
func needsQuotes(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	if text[0] == byteOrderMark[0] && bytes.HasPrefix(text, byteOrderMark) {
		return true
	}
	for _, b := range text {
		if b == ',' || b == '"' || b == '\n' || b == '\r' {
			return true
		}
	}
	return false
}
