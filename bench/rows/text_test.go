package rows

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/shuffle/batch"
)

func TestClosedFormIsTheSumOfTheStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Stream(rapid.Uint64().Draw(t, "stream"))
		b := batch.NewBuilder(TextSchema)
		var got TextSums
		n := uint64(0)
		for _, part := range rapid.SliceOf(rapid.IntRange(0, 40)).Draw(t, "parts") {
			s.GenerateText(b, n, part)
			if err := b.Check(); err != nil {
				t.Fatal(err)
			}
			v := b.View()
			if cut := part / 3; cut > 0 { // slices of strings are absolute within their batch
				head, tail := v.Slice(0, cut), v.Slice(cut, v.N)
				got.Add(&head)
				got.Add(&tail)
			} else {
				got.Add(v)
			}
			n += uint64(part)
		}
		if err := got.Check(s.WantText(n)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRowsOfTextHaveTheirSize(t *testing.T) {
	if got := Stream(1).WantText(120 * textPeriod); got.Bytes != got.Rows*TextBytes {
		t.Errorf("got %d bytes in %d rows, want %d each", got.Bytes, got.Rows, TextBytes)
	}
}

func TestADamagedStringIsSeen(t *testing.T) {
	s, want := Stream(1), Stream(1).WantText(100)
	for name, damage := range map[string]func(b *batch.Builder){
		"a byte":               func(b *batch.Builder) { b.Cols[1].Data[77] ^= 4 },
		"a string that is cut": func(b *batch.Builder) { b.Cols[0].Offs[50] += 8 },
		"two rows in one":      func(b *batch.Builder) { b.Cols[1].Offs[50] = b.Cols[1].Offs[51] },
	} {
		b := batch.NewBuilder(TextSchema)
		s.GenerateText(b, 0, 100)
		damage(b)
		var got TextSums
		got.Add(b.View())
		if got.Check(want) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}
