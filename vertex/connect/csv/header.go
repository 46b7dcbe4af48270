package csv

import (
	"bytes"
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// columnsMax bounds the columns of a file.
const columnsMax = batch.MaxFields

// target says what becomes of a cell of each row.
type target struct {
	name     string
	cell     int // in the row
	field    int // of the schema, or -1
	kind     batch.Kind
	nullable bool
	isTime   bool
}

// decoder decodes one file, as one lane.
type decoder struct {
	in      *connect.Input
	scan    *scanner
	columns int // in the header
	targets []target
	timed   bool // some target is the time
	scratch []byte
	rows    *batch.Builder // being filled; nil once nobody reads any more
	bytes   int            // of text in rows, at most
}

func open(in *connect.Input, want *connect.Wanted) (connect.Decoder, error) {
	d := &decoder{in: in, scan: newScanner(in, want.Comma)}
	if err := d.scan.more(); err != nil {
		return nil, err
	}
	d.scan.skipMark()
	_, bad, err := d.scan.row()
	switch {
	case d.scan.err != nil:
		return nil, in.IOError(d.scan.err)
	case err != nil:
		return nil, fmt.Errorf("%s: empty file, want a header line", in.Name)
	case bad != "":
		return nil, fmt.Errorf("%s:1: got %s, want %s", in.Name, bad, wants[bad])
	}
	if err := d.findTargets(want); err != nil {
		return nil, fmt.Errorf("%s:1: %w", in.Name, err)
	}
	return d, nil
}

// skipMark passes a byte order mark at the beginning.
func (s *scanner) skipMark() {
	if bytes.HasPrefix(s.buf[:s.end], byteOrderMark) {
		s.at += len(byteOrderMark)
	}
}

// findTargets finds the wanted columns in the header, which is the row just cut.
func (d *decoder) findTargets(want *connect.Wanted) error {
	d.columns = d.scan.n
	if d.columns > columnsMax {
		return fmt.Errorf("got %d columns, want at most %d", d.columns, columnsMax)
	}
	at := map[string]int{}
	var names []string
	for i, c := range d.scan.cells {
		name := string(d.scan.text(c, &d.scratch))
		names = append(names, name)
		if _, twice := at[name]; twice && (name == want.Time || want.Schema.Index(name) >= 0) {
			return fmt.Errorf("%s: this column is there twice", connect.Quote([]byte(name)))
		}
		at[name] = i
	}
	d.wantTargets(want)
	for i := range d.targets {
		t := &d.targets[i]
		var ok bool
		if t.cell, ok = at[t.name]; !ok {
			return fmt.Errorf("%s: no such column, the header has %s", t.name, connect.QuoteNames(names))
		}
	}
	d.scan.keep = d.columns
	return nil
}

// wantTargets lists the columns wanted: those of the schema and, if it is not among them, the time.
func (d *decoder) wantTargets(want *connect.Wanted) {
	for i, f := range want.Schema.Fields {
		t := target{name: f.Name, field: i, kind: f.Kind, nullable: f.Nullable}
		if f.Name == want.Time && f.Kind == batch.Timestamp {
			t.isTime, t.nullable, d.timed = true, false, true
		}
		d.targets = append(d.targets, t)
	}
	if want.Time != "" && !d.timed {
		d.targets = append(d.targets, target{name: want.Time, field: -1, kind: batch.Timestamp, isTime: true})
		d.timed = true
	}
}
