package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"
)

// tape is a snapshot in memory: every value with its kind, so that a reader out of step is noticed.
type tape struct {
	buf []byte
	err error
}

func (t *tape) Uint64(v uint64) { t.buf = binary.LittleEndian.AppendUint64(append(t.buf, 'u'), v) }
func (t *tape) Bytes(b []byte) {
	t.buf = binary.LittleEndian.AppendUint64(append(t.buf, 'b'), uint64(len(b)))
	t.buf = append(t.buf, b...)
}

type tapeReader struct{ tape }

func (t *tapeReader) value(kind byte) uint64 {
	if t.err == nil && (len(t.buf) < 9 || t.buf[0] != kind) {
		t.err = fmt.Errorf("tape: %d bytes left, want a %c", len(t.buf), kind)
	}
	if t.err != nil {
		return 0
	}
	v := binary.LittleEndian.Uint64(t.buf[1:])
	t.buf = t.buf[9:]
	return v
}

func (t *tapeReader) Uint64() uint64 { return t.value('u') }
func (t *tapeReader) Bytes() []byte {
	n := t.value('b')
	if t.err == nil && uint64(len(t.buf)) < n {
		t.err = fmt.Errorf("tape: %d bytes left, want %d", len(t.buf), n)
	}
	if t.err != nil {
		return nil
	}
	b := t.buf[:n]
	t.buf = t.buf[n:]
	return b
}
func (t *tapeReader) Err() error { return t.err }

// hashes gives keys hashes that are good, that lie in a narrow range as a task's do, or that collide in many bits.
var hashes = []struct {
	f func(key string) uint64
}{
	{xxhash.Sum64String},
	{func(k string) uint64 { return 0x7fff<<48 + xxhash.Sum64String(k)>>15 }}, // straddles a power of two
	{func(string) uint64 { return 42 }},
	{func(k string) uint64 { return xxhash.Sum64String(k)>>58<<58 | 7 }},
	{func(k string) uint64 { return xxhash.Sum64String(k) & 0xff }},
	{func(k string) uint64 { return xxhash.Sum64String(k) >> 63 << 63 >> (xxhash.Sum64String(k) & 63) }},
}

func key(i int) string {
	switch i % 4 {
	case 0:
		return fmt.Sprint(i)
	case 1:
		return fmt.Sprintf("key of %10d", i)
	case 2:
		return string(binary.LittleEndian.AppendUint64([]byte{1}, uint64(i)))
	}
	return fmt.Sprintf("%0*d", i%40, i)
}

func checkTable(t interface{ Fatalf(string, ...any) }, tab *Table, want map[string]uint64, hash func(string) uint64) {
	if tab.Len() != len(want) {
		t.Fatalf("%d keys, want %d", tab.Len(), len(want))
	}
	for k, v := range want {
		if c := tab.Get(hash(k), []byte(k)); c == nil || c[0] != v || c[1] != ^v {
			t.Fatalf("key %q has cells %v, want %d", k, c, v)
		}
	}
	var got []string
	for _, e := range tab.AppendByKey(nil) {
		got = append(got, string(tab.Key(e)))
	}
	if w := slices.Sorted(maps.Keys(want)); !slices.Equal(got, w) {
		t.Fatalf("keys in order %q, want %q", got, w)
	}
}

func TestTableAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := hashes[rapid.IntRange(0, len(hashes)-1).Draw(t, "hash")]
		pages := NewHeapPages(0)
		tab, err := NewTable(pages, 2)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]uint64{}
		keys := rapid.IntRange(1, 2000).Draw(t, "keys")
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			from := rapid.IntRange(0, keys).Draw(t, "from")
			n := rapid.IntRange(1, 500).Draw(t, "n")
			del := rapid.IntRange(0, 2).Draw(t, "op") == 0
			for i := from; i < from+n; i++ {
				k := key(i)
				if del {
					_, had := want[k]
					if tab.Delete(h.f(k), []byte(k)) != had {
						t.Fatalf("delete of %q: there %v", k, had)
					}
					delete(want, k)
					continue
				}
				c, fresh, err := tab.Put(h.f(k), []byte(k))
				if _, had := want[k]; err != nil || fresh == had || (fresh && (c[0] != 0 || c[1] != 0)) {
					t.Fatalf("put %q: fresh %v, cells %v, error %v", k, fresh, c, err)
				}
				c[0]++
				c[1] = ^c[0]
				want[k] = c[0]
			}
		}
		checkTable(t, tab, want, h.f)
		checkSnapshot(t, tab, want, h.f)
		for k := range want {
			tab.Delete(h.f(k), []byte(k))
		}
		if pages.Used() != 0 || tab.Bytes() != 0 || tab.Len() != 0 {
			t.Fatalf("an empty table has %d keys and holds %d bytes, pages %d", tab.Len(), tab.Bytes(), pages.Used())
		}
	})
}

// A table restored, and one that got the same keys in another order, write the same bytes.
func checkSnapshot(t *rapid.T, tab *Table, want map[string]uint64, hash func(string) uint64) {
	var w tape
	tab.Snapshot(&w)
	back, _ := NewTable(NewHeapPages(0), 2)
	if err := back.Restore(&tapeReader{tape{buf: w.buf}}); err != nil {
		t.Fatal(err)
	}
	checkTable(t, back, want, hash)
	other, _ := NewTable(NewHeapPages(0), 2)
	for _, k := range slices.Sorted(maps.Keys(want)) {
		c, _, _ := other.Put(hash(k), []byte(k))
		c[0], c[1] = want[k], ^want[k]
	}
	for _, same := range []*Table{back, other} {
		var again tape
		same.Snapshot(&again)
		if !bytes.Equal(again.buf, w.buf) {
			t.Fatalf("equal tables of %d keys wrote different snapshots of %d and %d bytes", len(want), len(w.buf), len(again.buf))
		}
	}
	if n := rapid.IntRange(0, len(w.buf)-1).Draw(t, "cut"); back.Restore(&tapeReader{tape{buf: w.buf[:n]}}) == nil {
		t.Fatalf("a snapshot of %d bytes cut to %d was taken", len(w.buf), n)
	}
}

func TestTableRefusesBeyondBudget(t *testing.T) {
	pages := NewHeapPages(64 << 10)
	tab, err := NewTable(pages, 4)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		k := fmt.Sprintf("a key that does not fit the slot: %d", n)
		_, _, err = tab.Put(xxhash.Sum64String(k), []byte(k))
	}
	if err != ErrFull || tab.Len() != n-1 {
		t.Fatalf("after %d keys of %d: %v, want %v", tab.Len(), n, err, ErrFull)
	}
	for i := range n - 1 {
		k := fmt.Sprintf("a key that does not fit the slot: %d", i)
		if tab.Get(xxhash.Sum64String(k), []byte(k)) == nil {
			t.Fatalf("key %d of %d is gone after a refused one", i, n)
		}
	}
	tab.Reset()
	if pages.Used() != 0 {
		t.Fatalf("%d bytes held after Reset", pages.Used())
	}
}

func TestTableSmallStaysSmall(t *testing.T) {
	pages := NewHeapPages(0)
	tab, _ := NewTable(pages, 2)
	for i := range 10 {
		if _, _, err := tab.Put(xxhash.Sum64String(key(i*4)), []byte(key(i*4))); err != nil {
			t.Fatal(err)
		}
	}
	if pages.Used() != PageSmall {
		t.Fatalf("ten keys take %d bytes, want %d", pages.Used(), PageSmall)
	}
	for i := range 100_000 {
		k := binary.LittleEndian.AppendUint64(nil, uint64(i))
		if _, _, err := tab.Put(xxhash.Sum64(k), k); err != nil {
			t.Fatal(err)
		}
	}
	if perKey := pages.Used() / tab.Len(); perKey > 90 {
		t.Fatalf("a key of 40 bytes with its hash takes %d bytes", perKey)
	}
}

func TestTableWideCells(t *testing.T) {
	for _, cells := range []int{0, 1, 62, 250, MaxCells} {
		tab, err := NewTable(NewHeapPages(0), cells)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			c, fresh, err := tab.Put(xxhash.Sum64String(key(i*4)), []byte(key(i*4)))
			if err != nil || !fresh || len(c) != cells {
				t.Fatalf("%d cells: put %d: %d cells, fresh %v, %v", cells, i, len(c), fresh, err)
			}
			for j := range c {
				c[j] = uint64(i)
			}
		}
		for i := range 300 {
			c := tab.Get(xxhash.Sum64String(key(i*4)), []byte(key(i*4)))
			for _, v := range c {
				if v != uint64(i) {
					t.Fatalf("%d cells: key %d has %v", cells, i, c)
				}
			}
		}
	}
	if _, err := NewTable(NewHeapPages(0), MaxCells+1); err == nil {
		t.Fatal("too many cells were taken")
	}
}

func TestTableAllocatesNothingPerPut(t *testing.T) {
	tab, _ := NewTable(NewHeapPages(0), 2)
	k := make([]byte, 9)
	put := func() {
		for i := range 1000 {
			binary.LittleEndian.PutUint64(k[1:], uint64(i))
			if _, _, err := tab.Put(xxhash.Sum64(k), k); err != nil {
				t.Fatal(err)
			}
		}
	}
	put()
	if n := testing.AllocsPerRun(10, put); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkTablePut(b *testing.B) {
	for _, n := range []int{300, 65536, 1 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tab, _ := NewTable(NewHeapPages(0), 2)
			k := make([]byte, 9)
			i := uint64(0)
			for b.Loop() {
				i++
				binary.LittleEndian.PutUint64(k[1:], i*0x9e3779b97f4a7c15%uint64(n))
				c, _, err := tab.Put(xxhash.Sum64(k), k)
				if err != nil {
					b.Fatal(err)
				}
				c[0]++
			}
		})
	}
}
