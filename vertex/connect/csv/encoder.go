package csv

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/text"
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
		dst = AppendText(dst, []byte(f.Name))
	}
	return append(dst, '\n')
}

func (e *encoder) AppendRows(dst []byte, n int, cols []batch.Column) []byte {
	for row := range n {
		for i := range cols {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendCell(dst, &cols[i], row)
		}
		dst = append(dst, '\n')
	}
	return dst
}

// AppendCell appends a cell as sinks write it: empty text as "", since a bare empty cell is null.
func AppendCell(dst []byte, c *batch.Column, row int) []byte {
	if c.Null(row) {
		return dst
	}
	switch c.Kind() {
	case batch.Int64:
		return strconv.AppendInt(dst, c.Int64s()[row], 10)
	case batch.Timestamp:
		return connect.AppendTime(dst, c.Int64s()[row])
	case batch.Float64:
		return appendFloat(dst, c.Float64s()[row])
	case batch.Bool:
		return strconv.AppendBool(dst, c.Bools().Get(row))
	}
	t := c.Bytes(row)
	switch {
	case len(t) == 0:
		return append(dst, `""`...)
	case c.Kind() == batch.Bytes:
		return base64.StdEncoding.AppendEncode(dst, t)
	}
	return AppendText(dst, t)
}

// appendFloat writes infinities and NaN as inf, -inf and nan.
func appendFloat(dst []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(dst, "inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-inf"...)
	case v != v:
		return append(dst, "nan"...)
	}
	return text.AppendFloat(dst, v)
}

// AppendText appends text as a cell, in quotes where it needs them.
func AppendText(dst, t []byte) []byte {
	if !needsQuotes(t) {
		return append(dst, t...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(t, '"')
		if i < 0 {
			break
		}
		dst = append(dst, t[:i+1]...)
		dst = append(dst, '"')
		t = t[i+1:]
	}
	dst = append(dst, t...)
	return append(dst, '"')
}

// needsQuotes reports whether a reader could take the bare text for something else: a byte order mark at the beginning would be skipped.
func needsQuotes(t []byte) bool {
	if bytes.HasPrefix(t, text.Mark) {
		return true
	}
	for _, b := range t {
		if b == ',' || b == '"' || b == '\n' || b == '\r' {
			return true
		}
	}
	return false
}
