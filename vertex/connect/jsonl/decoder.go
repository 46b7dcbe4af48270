package jsonl

import (
	"fmt"
	"strconv"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/text"
)

// decoder decodes one file, as one lane.
type decoder struct {
	text.Rows
	text    text.Buffer
	line    int
	targets []connect.Target
	byName  map[string]int // index of the target
	keys    []key          // of the last row, by position: rows tend to have theirs in one order
	seen    []int          // per target the line it was seen in last
	timed   bool
	scratch []byte
}

// key is a member's name as it stands in the file, and its target or -1.
type key struct {
	raw    []byte
	target int
}

func open(in *connect.Input, want *connect.Wanted) (connect.Decoder, error) {
	d := &decoder{Rows: text.Rows{In: in}, text: text.NewBuffer(in), targets: want.Targets(), byName: map[string]int{}, timed: want.Time != ""}
	d.Lines = &d.line
	d.seen = make([]int, len(d.targets))
	for i, t := range d.targets {
		d.byName[t.Name] = i
	}
	if err := d.text.More(); err != nil {
		return nil, err
	}
	d.text.SkipMark()
	if d.text.At == d.text.End && d.text.EOF && (in.Tape == nil || !in.Tape.Begun()) {
		if d.text.Err != nil {
			return nil, in.IOError(d.text.Err)
		}
		return nil, fmt.Errorf("%s: empty file, want a JSON object on each line", in.Name)
	}
	return d, nil
}

// Decode decodes all rows, see connect.Decoder.
func (d *decoder) Decode(_ int, from connect.Place, out *connect.Lane) error {
	return d.Rows.Decode(&d.text, from, out, d.row)
}

// row decodes the next line.
func (d *decoder) row(out *connect.Lane) error {
	line, tooLong, err := d.text.Line()
	if err != nil {
		return err
	}
	d.line++
	d.Bytes += len(line)
	if tooLong {
		return out.Reject(&connect.RowError{Place: d.place(), Got: "a row of more than 4 MiB", Want: "a shorter row"}, line)
	}
	p := parser{b: line}
	if p.peek() == 0 && p.at == len(line) {
		return nil // an empty line
	}
	n := d.Rows.Rows.Len()
	if bad := d.object(&p); bad != nil {
		d.Rows.Rows.Truncate(n)
		bad.Place = d.place()
		return out.Reject(bad, line)
	}
	if !d.timed {
		d.Rows.Rows.Vs = append(d.Rows.Rows.Vs, 0)
	}
	return nil
}

func (d *decoder) place() string { return d.In.Name + ":" + strconv.Itoa(d.line) }

// object decodes the members of a row.
func (d *decoder) object(p *parser) *connect.RowError {
	if !p.byte('{') {
		return malformed(p, "a JSON object")
	}
	for i := 0; i > 0 || !p.byte('}'); i++ {
		name, escaped, ok := p.string()
		if !ok {
			return malformed(p, "a name in quotes")
		}
		target := d.find(i, name, escaped)
		if !p.byte(':') {
			return malformed(p, `":"`)
		}
		if target < 0 {
			if !p.skip(0) {
				return malformed(p, "a JSON value")
			}
		} else if bad := d.member(p, target); bad != nil {
			return bad
		}
		if p.byte('}') {
			break
		}
		if !p.byte(',') {
			return malformed(p, `"," or "}"`)
		}
	}
	if p.peek(); p.at != len(p.b) {
		return malformed(p, "the line's end")
	}
	return d.absent()
}

func malformed(p *parser, want string) *connect.RowError {
	p.space()
	got := "the line's end"
	if p.at < len(p.b) {
		got = connect.Quote(p.b[p.at:])
	}
	return &connect.RowError{Got: got, Want: want}
}

// find returns the target of the i-th member's name, -1 if it is not wanted.
func (d *decoder) find(i int, name []byte, escaped bool) int {
	if i < len(d.keys) && string(d.keys[i].raw) == string(name) {
		return d.keys[i].target
	}
	plain, ok := name, true
	if escaped {
		plain, ok = unescape(d.scratch[:0], name)
		d.scratch = plain
	}
	target, known := d.byName[string(plain)]
	if !known || !ok {
		target = -1
	}
	switch {
	case i < len(d.keys):
		d.keys[i] = key{append(d.keys[i].raw[:0], name...), target}
	case i == len(d.keys) && i < batch.MaxFields:
		d.keys = append(d.keys, key{append([]byte(nil), name...), target})
	}
	return target
}

// member decodes the value of a wanted member.
func (d *decoder) member(p *parser, target int) *connect.RowError {
	t := &d.targets[target]
	if d.seen[target] == d.line {
		return &connect.RowError{Column: t.Name, Got: "the name twice", Want: "it once"}
	}
	d.seen[target] = d.line
	c := p.peek()
	from := p.at
	if c == 'n' && p.word("null") {
		return d.null(t, "null")
	}
	if want := d.store(p, t, c); want != "" {
		p.at = from
		if !p.skip(0) {
			return malformed(p, "a JSON value")
		}
		return &connect.RowError{Column: t.Name, Got: shown(p.b[from:p.at]), Want: want}
	}
	return nil
}

// shown is a value in a message: short ones other than strings stand as they are.
func shown(v []byte) string {
	if len(v) < 40 && v[0] != '[' && v[0] != '{' {
		return string(v)
	}
	return connect.Quote(v)
}

// null appends a null, where the column takes one.
func (d *decoder) null(t *connect.Target, got string) *connect.RowError {
	if !t.Nullable {
		return &connect.RowError{Column: t.Name, Got: got, Want: connect.KindName(t.Kind)}
	}
	d.Rows.Rows.Cols[t.Field].AppendNull()
	return nil
}

// absent gives nulls to the columns that the row does not have.
func (d *decoder) absent() *connect.RowError {
	for i, line := range d.seen {
		if line == d.line {
			continue
		}
		if bad := d.null(&d.targets[i], "nothing"); bad != nil {
			return bad
		}
	}
	return nil
}
