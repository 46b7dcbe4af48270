package rows

import (
	"encoding/binary"
	"fmt"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// TextBytes is the size of a row of TextSchema, on average: Vs, a number, a name of 16 to 32 bytes, a text of 48 to 72. Offsets are not counted.
const TextBytes = 100

// TextSchema is the layout of rows with two strings.
var TextSchema = &batch.Schema{Fields: []batch.Field{
	{Name: "name", Kind: batch.String}, {Name: "text", Kind: batch.String}, {Name: "number", Kind: batch.Int64},
}}

// A string consists of words of 8 bytes: word j of row r is the stream's key of r, plus j steps. How many there are repeats every textPeriod rows.
const (
	wordStep   = valueStep
	nameLeast  = 2
	nameSpread = 3
	textLeast  = 6
	textSpread = 4
	textPeriod = nameSpread * textSpread
)

func nameWords(row uint64) uint64 { return nameLeast + row%nameSpread }
func textWords(row uint64) uint64 { return textLeast + row%textSpread }

// GenerateText makes the builder, of TextSchema, hold rows first to first+n of a stream, and nothing else.
func (s Stream) GenerateText(b *batch.Builder, first uint64, n int) {
	b.Reset()
	s.AppendText(b, first, n)
}

// AppendText makes rows first to first+n of a stream behind those that the builder, of TextSchema, holds.
func (s Stream) AppendText(b *batch.Builder, first uint64, n int) {
	at := b.Len()
	b.Vs, b.Cols[2].I64 = longer(b.Vs, n), longer(b.Cols[2].I64, n)
	for i := range n {
		b.Vs[at+i] = int64(first + uint64(i))
		b.Cols[2].I64[at+i] = int64(s.value(first + uint64(i)))
	}
	s.words(&b.Cols[0], first, n, nameLeast, nameSpread)
	s.words(&b.Cols[1], first, n, textLeast, textSpread)
}

// words appends n strings of least to least+spread-1 words to a column.
func (s Stream) words(c *batch.ColumnBuilder, first uint64, n int, least, spread uint64) {
	at := len(c.Data)
	data := longer(c.Data, n*int(least+spread-1)*8)
	c.Offs = longer(c.Offs, n)
	ends := c.Offs[len(c.Offs)-n:]
	w, class := s.key(first), first%spread
	for i := range ends {
		v, end := w, at+int(least+class)*8
		for ; at < end; at += 8 {
			binary.LittleEndian.PutUint64(data[at:], v)
			v += wordStep
		}
		ends[i] = int32(at)
		w += keyStep
		if class++; class == spread {
			class = 0
		}
	}
	c.Data = data[:at]
}

// TextSums is what a consumer knows of the rows with strings it has read: sums of columns, and of each column of strings the words, the j-th of
// its string times j+1, so that it matters where a string ends.
type TextSums struct {
	Rows, Vs, Number, Bytes, Name, Text uint64
}

// WantText is the TextSums of rows 0 to n of the stream.
func (s Stream) WantText(n uint64) (t TextSums) {
	plain := s.Want(n)
	t.Rows, t.Vs, t.Number, t.Bytes = n, plain.Vs, plain.Value, 16*n
	for r := range min(n, textPeriod) {
		m := (n - r + textPeriod - 1) / textPeriod // rows r, r+period, …
		first := m*s.key(r) + triangle(m)*textPeriod*keyStep
		name, text := nameWords(r), textWords(r)
		t.Bytes += 8 * m * (name + text)
		t.Name += weighted(first, m, name)
		t.Text += weighted(first, m, text)
	}
	return t
}

// triangle is 0 + 1 + … + n-1.
func triangle(n uint64) uint64 {
	if n%2 == 1 {
		return (n - 1) / 2 * n
	}
	return n / 2 * (n - 1)
}

// weighted is the sum over m strings of so many words each, whose first words add up to first.
func weighted(first, m, words uint64) (sum uint64) {
	for j := range words {
		sum += (j + 1) * (first + m*j*wordStep)
	}
	return sum
}

// Add reads every column of a batch of TextSchema, every byte of its strings.
func (t *TextSums) Add(b *batch.Batch) {
	t.Rows += uint64(b.N)
	t.Vs += total(b.Vs)
	t.Number += total(b.Cols[2].Int64s())
	t.Bytes += 16 * uint64(b.N)
	t.Name += t.addWords(&b.Cols[0])
	t.Text += t.addWords(&b.Cols[1])
}

func (t *TextSums) addWords(c *batch.Column) (sum uint64) {
	offs, data := c.Var()
	if len(offs) == 0 {
		return 0
	}
	t.Bytes += uint64(offs[len(offs)-1] - offs[0])
	from := offs[0]
	for _, to := range offs[1:] {
		weight := uint64(1)
		for s := data[from:to]; len(s) >= 8; s = s[8:] {
			sum += binary.LittleEndian.Uint64(s) * weight
			weight++
		}
		from = to
	}
	return sum
}

// Plus adds the sums of other rows.
func (t TextSums) Plus(o TextSums) TextSums {
	return TextSums{t.Rows + o.Rows, t.Vs + o.Vs, t.Number + o.Number, t.Bytes + o.Bytes, t.Name + o.Name, t.Text + o.Text}
}

// Check compares with the closed form.
func (t TextSums) Check(want TextSums) error {
	if t != want {
		return fmt.Errorf("the strings that arrived are not those that were made: got sums %+v, want %+v", t, want)
	}
	return nil
}
