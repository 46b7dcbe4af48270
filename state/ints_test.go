package state

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

func intKey(lead byte, key int64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{lead}, uint64(key))
}

// TestPutIntsIsPut compares with a table that is given one key at a time, over hashes that spread or collide, and with images alive.
func TestPutIntsIsPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		many, _ := NewTable(NewHeapPages(0), 2)
		one, _ := NewTable(NewHeapPages(0), 2)
		keep := rapid.Uint64().Draw(t, "hash bits") | 1<<63
		distinct := rapid.Int64Range(1, 3000).Draw(t, "distinct")
		step := rapid.Int64().Draw(t, "step") | 1
		for round := range rapid.IntRange(1, 12).Draw(t, "rounds") {
			n := rapid.IntRange(0, 500).Draw(t, "keys")
			from := rapid.Int64Range(0, distinct).Draw(t, "from")
			keys, hashes, groups := make([]int64, n), make([]uint64, n), make([]Group, n)
			for i := range keys {
				keys[i] = (from + int64(i)) % distinct * step
				hashes[i] = uint64(keys[i]) * 0x9e3779b97f4a7c15 & keep
			}
			var image *Frozen
			if rapid.Bool().Draw(t, "freeze") {
				var err error
				if image, err = many.Freeze(); err != nil {
					t.Fatal(err)
				}
			}
			moves := many.Moves()
			if err := many.PutInts(1, keys, hashes, groups); err != nil {
				t.Fatal(err)
			}
			if many.Moves() != moves { // the second time, nothing is new
				moves = many.Moves()
				if err := many.PutInts(1, keys, hashes, groups); err != nil || many.Moves() != moves {
					t.Fatalf("round %d: again: %v, entries moved: %v", round, err, many.Moves() != moves)
				}
			}
			for i := range keys {
				*groups[i].Cell(0)++
				*groups[i].Cell(1) += uint64(i)
				c, _, err := one.Put(hashes[i], intKey(1, keys[i]))
				if err != nil {
					t.Fatal(err)
				}
				c[0]++
				c[1] += uint64(i)
			}
			if image != nil {
				image.Release()
			}
		}
		var got, want tape
		many.Snapshot(&got)
		one.Snapshot(&want)
		if !bytes.Equal(got.buf, want.buf) {
			t.Fatalf("the tables differ: %d keys, want %d", many.Len(), one.Len())
		}
	})
}

func TestPutIntsKeepsWhatIsFrozen(t *testing.T) {
	tab, _ := NewTable(NewHeapPages(0), 1)
	keys, hashes, groups := []int64{7, -1, 7}, []uint64{1 << 60, 2 << 60, 1 << 60}, make([]Group, 3)
	if err := tab.PutInts(1, keys, hashes, groups); err != nil {
		t.Fatal(err)
	}
	var before, after tape
	tab.Snapshot(&before)
	image, err := tab.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	defer image.Release()
	if err := tab.PutInts(1, keys, hashes, groups); err != nil {
		t.Fatal(err)
	}
	*groups[0].Cell(0) = 99
	thawed, _ := NewTable(NewHeapPages(0), 1)
	if err := thawed.ThawPages(image.AppendHead(nil), from(pagesOf(t, image))); err != nil {
		t.Fatal(err)
	}
	thawed.Snapshot(&after)
	if !bytes.Equal(before.buf, after.buf) {
		t.Error("the image has changed with the table")
	}
	if got := tab.Get(1<<60, intKey(1, 7)); got == nil || got[0] != 99 {
		t.Errorf("got cells %v of key 7, want 99", got)
	}
}

func TestPutIntsRefusesBeyondBudget(t *testing.T) {
	tab, _ := NewTable(NewHeapPages(8<<10), 1)
	keys, hashes, groups := make([]int64, 5000), make([]uint64, 5000), make([]Group, 5000)
	for i := range keys {
		keys[i], hashes[i] = int64(i), uint64(i)*0x9e3779b97f4a7c15
	}
	if err := tab.PutInts(1, keys, hashes, groups); err != ErrFull {
		t.Fatalf("got %v, want that memory is used up", err)
	}
	for i := range tab.Len() {
		if tab.Get(hashes[i], intKey(1, keys[i])) == nil {
			t.Fatalf("key %d of %d is gone", i, tab.Len())
		}
	}
}

func TestPutIntsAllocatesNothing(t *testing.T) {
	tab, _ := NewTable(NewHeapPages(0), 1)
	keys, hashes, groups := make([]int64, 300), make([]uint64, 300), make([]Group, 300)
	for i := range keys {
		keys[i], hashes[i] = int64(i), uint64(i)*0x9e3779b97f4a7c15
	}
	if n := testing.AllocsPerRun(10, func() {
		if err := tab.PutInts(1, keys, hashes, groups); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkTablePutInts(b *testing.B) {
	const n = 65536
	tab, _ := NewTable(NewHeapPages(0), 2)
	keys, hashes, groups := make([]int64, 256), make([]uint64, 256), make([]Group, 256)
	at := uint64(0)
	for b.Loop() {
		for i := range keys {
			at++
			keys[i] = int64(at * 0x9e3779b97f4a7c15 % n)
			hashes[i] = uint64(keys[i]) * 0x9e3779b97f4a7c15
		}
		if err := tab.PutInts(1, keys, hashes, groups); err != nil {
			b.Fatal(err)
		}
		for _, g := range groups {
			*g.Cell(0)++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(256*b.N), "ns/key")
}
