package jsonl

import (
	"unicode/utf8"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/text"
)

// store appends a value that begins with c to its column, or returns what was wanted in its place.
func (d *decoder) store(p *parser, t *connect.Target, c byte) (want string) {
	ok := false
	switch t.Kind {
	case batch.Int64:
		raw, integer, number := p.number()
		if number && integer {
			var v int64
			v, ok = text.Int(raw)
			d.Rows.Rows.Cols[t.Field].AppendInt64(v)
		}
	case batch.Float64:
		ok = d.storeFloat(p, t, c)
	case batch.Bool:
		if v := c == 't'; (v && p.word("true")) || (c == 'f' && p.word("false")) {
			d.Rows.Rows.Cols[t.Field].AppendBool(v)
			ok = true
		}
	default:
		return d.storeString(p, t, c)
	}
	if !ok {
		return connect.KindName(t.Kind)
	}
	d.Rows.Rows.Cols[t.Field].SetValid(true)
	return ""
}

// storeFloat takes a number, or one of the words for what JSON numbers lack.
func (d *decoder) storeFloat(p *parser, t *connect.Target, c byte) bool {
	var raw []byte
	var ok bool
	if c == '"' {
		raw, _, ok = p.string()
		switch string(raw) {
		case "inf", "-inf", "nan":
		default:
			return false
		}
	} else {
		raw, _, ok = p.number()
	}
	if !ok {
		return false
	}
	v, ok := text.Float(raw)
	d.Rows.Rows.Cols[t.Field].AppendFloat64(v)
	return ok
}

// storeString takes what stands in JSON as a string: text, times, bytes.
func (d *decoder) storeString(p *parser, t *connect.Target, c byte) (want string) {
	if c != '"' {
		return connect.KindName(t.Kind)
	}
	raw, escaped, ok := p.string()
	if !ok {
		return connect.KindName(t.Kind)
	}
	if escaped {
		if raw, ok = unescape(d.scratch[:0], raw); !ok {
			return "text in UTF-8"
		}
		d.scratch = raw
	}
	switch t.Kind {
	case batch.String:
		if !utf8.Valid(raw) {
			return "text in UTF-8"
		}
		d.Rows.Rows.Cols[t.Field].AppendBytes(raw)
	case batch.Bytes:
		ok = text.AppendBase64(&d.Rows.Rows.Cols[t.Field], raw)
	default:
		return d.storeTime(t, raw)
	}
	if !ok {
		return connect.KindName(t.Kind)
	}
	d.Rows.Rows.Cols[t.Field].SetValid(true)
	return ""
}

func (d *decoder) storeTime(t *connect.Target, raw []byte) (want string) {
	v, ok := connect.ParseTime(raw)
	if !ok {
		return connect.KindName(t.Kind)
	}
	if t.IsTime {
		d.Rows.Rows.Vs = append(d.Rows.Rows.Vs, v)
	}
	if t.Field >= 0 {
		c := &d.Rows.Rows.Cols[t.Field]
		c.AppendInt64(v)
		c.SetValid(true)
	}
	return ""
}
