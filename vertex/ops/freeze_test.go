package ops

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// values is what a state writes by value.
type values struct{ buf []byte }

func (w *values) Uint64(v uint64) { w.buf = binary.LittleEndian.AppendUint64(w.buf, v) }
func (w *values) Bytes(b []byte) {
	w.Uint64(uint64(len(b)))
	w.buf = append(w.buf, b...)
}

func valuesOf(m *state.Multimap) []byte {
	var w values
	m.Snapshot(&w)
	return w.buf
}

// What joins write into rows that they keep does not show in an image that was frozen before.
func TestFrozenJoinStaysAsItWas(t *testing.T) {
	s := keyedSchema(true)
	c := JoinConfig{Kind: LeftOuter, Left: s, Right: s, LeftKeys: []int{0}, RightKeys: []int{0}, Columns: []JoinColumn{{Left, 2, "l"}, {Right, 2, "r"}}}
	j, err := NewJoin(c, state.NewHeapPages(0))
	if err != nil {
		t.Fatal(err)
	}
	out, _ := c.Output()
	box := vertex.NewOutbox(out, 1000, 1<<20, func(*batch.Builder) bool { return true })
	changed := 0
	for _, tick := range vertextest.Random(3, []*batch.Schema{s, s}, 20, 50, 100) {
		f, err := j.rows.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		want := valuesOf(j.rows)
		for port, rows := range tick.Rows {
			if n, err := j.Execute(port, rows, box); n != rows.N || err != nil {
				t.Fatalf("took %d of %d rows: %v", n, rows.N, err)
			}
		}
		if _, done, err := j.Close(tick.CTI, box); !done || err != nil {
			t.Fatalf("close: %v, %v", done, err)
		}
		image, err := state.NewMultimap(state.NewHeapPages(0), j.kept[Left].shape, j.kept[Right].shape)
		if err != nil {
			t.Fatal(err)
		}
		err = image.ThawPages(f.AppendHead(nil), func(pages [][]byte) error {
			var err error
			for no, dst := range pages {
				if dst != nil && err == nil {
					_, err = f.AppendPage(dst[:0], uint32(no))
				}
			}
			return err
		})
		if err != nil || !bytes.Equal(valuesOf(image), want) {
			t.Fatalf("the image of a tick changed with the tick after it: %v", err)
		}
		if !bytes.Equal(valuesOf(j.rows), want) {
			changed++
		}
		f.Release()
	}
	if changed < 10 {
		t.Fatalf("the state changed in %d ticks", changed)
	}
}
