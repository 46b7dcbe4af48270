package rows

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/shuffle/batch"
)

func TestClosedFormIsTheSumOfTheRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Stream(rapid.Uint64().Draw(t, "stream"))
		b := batch.NewBuilder(Schema)
		var got Sums
		n := uint64(0)
		for _, part := range rapid.SliceOf(rapid.IntRange(0, 70)).Draw(t, "parts") {
			s.Generate(b, n, part)
			if err := b.Check(); err != nil {
				t.Fatal(err)
			}
			got.Add(b.View())
			n += uint64(part)
		}
		if err := got.Check(s.Want(n)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestClosedFormAgreesWithAddition(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 1 << 33, 1<<33 + 1, 1<<63 + 5} {
		s := Stream(3)
		// One more row adds exactly that row, also where the products wrap.
		last := Sums{1, s.key(n), n * timeStep, n*timeStep + lifetime, s.value(n)}
		if got, want := s.Want(n).Plus(last), s.Want(n+1); got != want {
			t.Errorf("%d rows and one more: got %+v, want %+v", n, got, want)
		}
	}
}

func TestALostOrDoubledRowIsSeen(t *testing.T) {
	s := Stream(1)
	b := batch.NewBuilder(Schema)
	s.Generate(b, 0, 100)
	all := b.View()
	for name, b := range map[string]batch.Batch{"lost": all.Slice(0, 99), "first lost": all.Slice(1, 100)} {
		var got Sums
		got.Add(&b)
		if got.Check(s.Want(100)) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}
