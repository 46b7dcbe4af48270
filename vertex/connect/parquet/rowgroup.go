package parquet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// group decodes one row group.
type group struct {
	d       *decoder
	windows []*window
	row     int64 // next row of the group
	rows    int64
	first   int64 // row of the file at which the group begins
}

// Decode decodes the row group with the lane's number, see connect.Decoder.
func (d *decoder) Decode(lane int, from connect.Place, out *connect.Lane) (err error) {
	switch {
	case from != connect.Place{}:
		return fmt.Errorf("%s: its position is byte %d of row group %d, want its beginning", d.name, from.Byte, lane+1)
	case lane >= len(d.first):
		return nil // a file without row groups
	}
	defer func() {
		if err != nil {
			err = placed(d.name, err)
		}
	}()
	defer recovered(&err)
	g, err := d.group(lane)
	if err != nil {
		return err
	}
	defer g.close()
	for g.row < g.rows {
		b := out.Take()
		if b == nil {
			return nil
		}
		for err == nil && g.row < g.rows && !connect.Full(b) {
			err = g.fill(b, out)
		}
		out.Put(b)
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) group(i int) (*group, error) {
	rg := d.file.RowGroup(i)
	g := &group{d: d, rows: rg.NumRows(), first: d.first[i]}
	for _, l := range d.leaves {
		meta, err := rg.MetaData().ColumnChunk(l.index)
		if err != nil {
			return nil, damaged(err)
		}
		if meta.NumValues() != g.rows {
			return nil, fmt.Errorf("%s: %w: %d values in a row group of %d rows", l.Name, errDamaged, meta.NumValues(), g.rows)
		}
		pages, err := chunkOf(meta, d.size)
		if err == nil {
			err = pages.check(d.pages)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.Name, damaged(err))
		}
		rdr, err := rg.Column(l.index)
		if err != nil {
			return nil, damaged(err)
		}
		g.windows = append(g.windows, newWindow(l, rdr, g.rows))
	}
	return g, nil
}

func (g *group) close() {
	for _, w := range g.windows {
		w.rdr.Close()
	}
}

// fill appends some rows to b, at least one or deals with one bad row.
func (g *group) fill(b *batch.Builder, out *connect.Lane) error {
	n := int(min(int64(connect.ChunkRows-b.Len()), g.rows-g.row))
	for _, w := range g.windows {
		if w.at == w.n {
			if err := w.load(); err != nil {
				return err
			}
		}
		n = min(n, w.n-w.at)
	}
	for _, w := range g.windows {
		n = w.firstBad(n)
	}
	if n == 0 {
		err := g.reject(out)
		g.advance(1)
		return err
	}
	n = g.fitting(n, connect.ChunkBytes)
	g.append(b, n)
	g.advance(n)
	return nil
}

func (g *group) advance(n int) {
	g.row += int64(n)
	for _, w := range g.windows {
		w.at += n
	}
}

// fitting returns how many of the next n rows have at most maxBytes of text, but at least one: a dictionary can make a small file large.
func (g *group) fitting(n, maxBytes int) int {
	total := 0
	for _, w := range g.windows {
		if w.leaf.Field >= 0 && w.leaf.Kind.VarLen() {
			for _, v := range w.bin[w.at : w.at+n] {
				total += len(v)
			}
		}
	}
	if total <= maxBytes {
		return n
	}
	total = 0
	for i := range n {
		for _, w := range g.windows {
			if w.leaf.Kind.VarLen() {
				total += len(w.bin[w.at+i])
			}
		}
		if total > maxBytes {
			return max(i, 1)
		}
	}
	return n
}

func (g *group) append(b *batch.Builder, n int) {
	timed := false
	for _, w := range g.windows {
		if w.leaf.IsTime {
			b.Vs = append(b.Vs, w.i64[w.at:w.at+n]...)
			timed = true
		}
		if w.leaf.Field >= 0 {
			w.appendTo(&b.Cols[w.leaf.Field], n)
		}
	}
	if !timed {
		for range n {
			b.Vs = append(b.Vs, 0)
		}
	}
}

func (w *window) appendTo(c *batch.ColumnBuilder, n int) {
	from, to := w.at, w.at+n
	switch w.leaf.Kind {
	case batch.Float64:
		c.F64 = append(c.F64, w.f64[from:to]...)
	case batch.Bool:
		for _, v := range w.bools[from:to] {
			c.AppendBool(v)
		}
	case batch.String, batch.Bytes:
		data, offs := c.Data, c.Offs
		for _, v := range w.bin[from:to] {
			data = append(data, v...)
			offs = append(offs, int32(len(data)))
		}
		c.Data, c.Offs = data, offs
	default:
		c.I64 = append(c.I64, w.i64[from:to]...)
	}
	if c.Nullable {
		for i := from; i < to; i++ {
			c.SetValid(!w.missing(i))
		}
	}
}

// reject deals with the next row, which is bad in some column.
func (g *group) reject(out *connect.Lane) error {
	for _, w := range g.windows {
		if w.firstBad(1) > 0 {
			continue
		}
		bad := w.bad[0]
		return out.Reject(&connect.RowError{
			Place:  g.d.name + ":row " + strconv.FormatInt(g.first+g.row+1, 10),
			Column: w.leaf.Name, Got: bad.got, Want: bad.want,
		}, g.text())
	}
	return nil
}

// text is the next row as a line of JSON: a Parquet file has no text of its own to divert.
func (g *group) text() []byte {
	line := []byte{'{'}
	for i, w := range g.windows {
		if i > 0 {
			line = append(line, ',')
		}
		name, _ := json.Marshal(w.leaf.Name)
		line = append(append(line, name...), ':')
		line = append(line, w.cell()...)
	}
	return append(line, '}')
}

func (w *window) cell() []byte {
	var v any
	switch {
	case w.missing(w.at):
	case w.leaf.Kind == batch.Float64:
		v = strconv.FormatFloat(w.f64[w.at], 'g', -1, 64) // as text: JSON has no NaN
	case w.leaf.Kind == batch.Bool:
		v = w.bools[w.at]
	case w.leaf.Kind == batch.String:
		v = string(w.bin[w.at])
	case w.leaf.Kind == batch.Bytes:
		v = []byte(w.bin[w.at])
	case w.leaf.Kind == batch.Timestamp:
		v = string(connect.AppendTime(nil, w.i64[w.at]))
	default:
		v = w.i64[w.at]
	}
	text, _ := json.Marshal(v)
	return text
}

func sortBad(bad []badRow) {
	slices.SortStableFunc(bad, func(a, b badRow) int { return cmp.Compare(a.row, b.row) })
}
