package csv

import (
	"strconv"
	"unicode/utf8"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/text"
)

// Decode decodes all rows, see connect.Decoder.
func (d *decoder) Decode(_ int, from connect.Place, out *connect.Lane) error {
	return d.Rows.Decode(&d.scan.Buffer, from, out, d.row)
}

// row decodes the next row.
func (d *decoder) row(out *connect.Lane) error {
	raw, bad, err := d.scan.row()
	if err != nil {
		return err
	}
	d.Bytes += len(raw)
	switch {
	case bad != "":
		return out.Reject(&connect.RowError{Place: d.place(), Got: bad, Want: wants[bad]}, raw)
	case d.scan.n != d.columns && len(raw) == 0:
		return nil // an empty line
	case d.scan.n != d.columns:
		return out.Reject(&connect.RowError{
			Place: d.place(), Got: strconv.Itoa(d.scan.n) + " cells", Want: strconv.Itoa(d.columns),
		}, raw)
	}
	n := d.Rows.Rows.Len()
	for i := range d.targets {
		t := &d.targets[i]
		c := d.scan.cells[t.cell]
		if want := d.store(t, c); want != "" {
			d.Rows.Rows.Truncate(n)
			return out.Reject(&connect.RowError{
				Place: d.place(), Column: t.Name, Got: connect.Quote(d.scan.value(c, &d.scratch)), Want: want,
			}, raw)
		}
	}
	if !d.timed {
		d.Rows.Rows.Vs = append(d.Rows.Rows.Vs, 0)
	}
	return nil
}

func (d *decoder) place() string { return d.In.Name + ":" + strconv.Itoa(d.scan.line) }

// store appends a cell to its column, or returns what was wanted in its place.
func (d *decoder) store(t *target, c span) (want string) {
	raw := d.scan.value(c, &d.scratch)
	if len(raw) == 0 && !c.quoted {
		if !t.Nullable {
			return connect.KindName(t.Kind)
		}
		d.Rows.Rows.Cols[t.Field].AppendNull()
		return ""
	}
	ok := true
	switch t.Kind {
	case batch.Timestamp:
		if !d.storeTime(t, raw) {
			return connect.KindName(t.Kind)
		}
		return ""
	case batch.Int64:
		var v int64
		v, ok = text.Int(raw)
		d.Rows.Rows.Cols[t.Field].AppendInt64(v)
	case batch.Float64:
		var v float64
		v, ok = text.Float(raw)
		d.Rows.Rows.Cols[t.Field].AppendFloat64(v)
	case batch.Bool:
		var v bool
		v, ok = text.Bool(raw)
		d.Rows.Rows.Cols[t.Field].AppendBool(v)
	case batch.String:
		if !utf8.Valid(raw) {
			return "text in UTF-8"
		}
		d.Rows.Rows.Cols[t.Field].AppendBytes(raw)
	case batch.Bytes:
		ok = text.AppendBase64(&d.Rows.Rows.Cols[t.Field], raw)
	}
	if !ok {
		return connect.KindName(t.Kind)
	}
	if t.Nullable {
		d.Rows.Rows.Cols[t.Field].SetValid(true)
	}
	return ""
}

func (d *decoder) storeTime(t *target, raw []byte) bool {
	v, ok := connect.ParseTime(raw)
	if t.IsTime {
		d.Rows.Rows.Vs = append(d.Rows.Rows.Vs, v)
	}
	if t.Field >= 0 {
		c := &d.Rows.Rows.Cols[t.Field]
		c.AppendInt64(v)
		c.SetValid(true)
	}
	return ok
}
