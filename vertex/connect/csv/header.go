package csv

import (
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/text"
)

// columnsMax bounds the columns of a file.
const columnsMax = batch.MaxFields

// target says what becomes of a cell of each row.
type target struct {
	connect.Target
	cell int // in the row
}

// decoder decodes one file, as one lane.
type decoder struct {
	text.Rows
	scan    *scanner
	columns int // in the header
	targets []target
	timed   bool // some target is the time
	scratch []byte
}

func open(in *connect.Input, want *connect.Wanted) (connect.Decoder, error) {
	d := &decoder{Rows: text.Rows{In: in}, scan: newScanner(in, want.Comma)}
	d.Lines = &d.scan.next
	d.scan.NoSkip = true
	if err := d.scan.More(); err != nil {
		return nil, err
	}
	d.scan.SkipMark()
	_, bad, err := d.scan.row()
	switch {
	case d.scan.Err != nil:
		return nil, in.IOError(d.scan.Err)
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

// findTargets finds the wanted columns in the header, which is the row just cut.
func (d *decoder) findTargets(want *connect.Wanted) error {
	d.columns = d.scan.n
	if d.columns > columnsMax {
		return fmt.Errorf("got %d columns, want at most %d", d.columns, columnsMax)
	}
	at := map[string]int{}
	var names []string
	for i, c := range d.scan.cells {
		name := string(d.scan.value(c, &d.scratch))
		names = append(names, name)
		if _, twice := at[name]; twice && (name == want.Time || want.Schema.Index(name) >= 0) {
			return fmt.Errorf("%s: this column is there twice", connect.Quote([]byte(name)))
		}
		at[name] = i
	}
	d.timed = want.Time != ""
	for _, t := range want.Targets() {
		i, ok := at[t.Name]
		if !ok {
			return fmt.Errorf("%s: no such column, the header has %s", t.Name, connect.QuoteNames(names))
		}
		d.targets = append(d.targets, target{t, i})
	}
	d.scan.keep = d.columns
	return nil
}
