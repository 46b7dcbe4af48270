package state

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"
)

type modelRow struct {
	vs, ve int64
	cells  []uint64
	vars   []string
}

func (r modelRow) String() string { return fmt.Sprint(r.vs, r.ve, r.cells, r.vars) }

// model is the multimap as plain Go: rows of (side, key) in the order they came.
type model struct {
	rows    [MaxSides]map[string][]modelRow
	expired [MaxSides]int64
}

func (m *model) probe(side int, key string, vs, ve int64) []string {
	var out []string
	for _, r := range slices.Backward(m.rows[side][key]) {
		if r.vs < ve && r.ve > vs && vs < ve {
			out = append(out, r.String())
		}
	}
	return out
}

func (m *model) expire(side int, cti int64) {
	m.expired[side] = max(m.expired[side], cti)
	for k, rows := range m.rows[side] {
		rows = slices.DeleteFunc(rows, func(r modelRow) bool { return r.ve <= cti })
		if m.rows[side][k] = rows; len(rows) == 0 {
			delete(m.rows[side], k)
		}
	}
}

func probeAll(m *Multimap, side int, hash uint64, key string, vs, ve int64, step int) []string {
	var out []string
	p := m.Probe(m.Get(hash, []byte(key)), side, vs, ve)
	sel := make([]int32, step)
	for {
		b, n := p.Next(sel)
		if n == 0 {
			return out
		}
		for _, i := range sel[:n] {
			r := modelRow{vs: b.Vs()[i], ve: b.End(int(i))}
			shape := m.sides[side].RowShape
			for c := range shape.Cells {
				r.cells = append(r.cells, b.Cell(c)[i])
			}
			for v := range shape.Vars {
				r.vars = append(r.vars, string(b.Var(v, int(i))))
			}
			out = append(out, r.String())
		}
	}
}

func snapshotOf(m *Multimap) []byte {
	var w tape
	m.Snapshot(&w)
	return w.buf
}

func restored(t *rapid.T, old *Multimap, pages Pages, shapes []RowShape) *Multimap {
	snap := snapshotOf(old)
	m, err := NewMultimap(pages, shapes...)
	if err != nil {
		t.Fatal(err)
	}
	if n := rapid.IntRange(0, len(snap)-1).Draw(t, "cut"); m.Restore(&tapeReader{tape{buf: snap[:n]}}) == nil {
		t.Fatalf("a snapshot of %d bytes cut to %d was taken", len(snap), n)
	}
	if err := m.Restore(&tapeReader{tape{buf: snap}}); err != nil {
		t.Fatal(err)
	}
	if again := snapshotOf(m); !bytes.Equal(again, snap) {
		t.Fatalf("a snapshot of %d bytes became one of %d", len(snap), len(again))
	}
	old.Reset()
	return m
}

func TestMultimapAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shapes := []RowShape{
			{HasVe: true, Cells: rapid.IntRange(0, 3).Draw(t, "cells"), Vars: rapid.IntRange(0, 2).Draw(t, "vars"), Low: true},
			{Cells: rapid.IntRange(0, 30).Draw(t, "cells")},
		}
		pages := NewHeapPages(0)
		m, err := NewMultimap(pages, shapes...)
		if err != nil {
			t.Fatal(err)
		}
		want := model{rows: [2]map[string][]modelRow{{}, {}}, expired: [2]int64{-1 << 62, -1 << 62}}
		hash := hashes[rapid.IntRange(0, len(hashes)-1).Draw(t, "hash")].f
		keys := rapid.SampledFrom([]int{1, 3, 50, 1000}).Draw(t, "keys")
		now := int64(0)
		var cam camera
		for range rapid.IntRange(1, 15).Draw(t, "steps") {
			for range rapid.IntRange(0, 300).Draw(t, "rows") {
				side := rapid.IntRange(0, 1).Draw(t, "side")
				k := key(rapid.IntRange(0, keys-1).Draw(t, "key"))
				r := modelRow{vs: now + rapid.Int64Range(-60, 50).Draw(t, "vs")} // some have ended when they come
				r.ve = r.vs + 1
				if shapes[side].HasVe {
					r.ve = r.vs + rapid.Int64Range(1, 200).Draw(t, "length")
				}
				for c := range shapes[side].Cells {
					r.cells = append(r.cells, uint64(now)*uint64(c+1))
				}
				var vars [][]byte
				for range shapes[side].Vars {
					v := strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 7, 100, 3000, 20000}).Draw(t, "var"))
					r.vars = append(r.vars, v)
					vars = append(vars, []byte(v))
				}
				chains, err := m.Put(hash(k), []byte(k))
				if err != nil {
					t.Fatal(err)
				}
				if _, _, err := m.Add(chains, hash(k), side, r.vs, r.ve, r.cells, vars); err != nil {
					t.Fatal(err)
				}
				want.rows[side][k] = append(want.rows[side][k], r)
			}
			for range 20 {
				side := rapid.IntRange(0, 1).Draw(t, "side")
				k := key(rapid.IntRange(0, keys).Draw(t, "key"))
				vs := now + rapid.Int64Range(0, 100).Draw(t, "vs")
				ve := vs + rapid.Int64Range(0, 100).Draw(t, "length")
				got := probeAll(m, side, hash(k), k, vs, ve, rapid.SampledFrom([]int{1, 3, 64}).Draw(t, "sel"))
				if w := want.probe(side, k, vs, ve); !slices.Equal(got, w) {
					t.Fatalf("side %d key %q [%d, %d): got %d rows %.200v, want %d %.200v", side, k, vs, ve, len(got), got, len(w), w)
				}
			}
			now += rapid.Int64Range(0, 100).Draw(t, "advance")
			for side := range shapes {
				m.Expire(side, now)
				want.expire(side, now)
			}
			switch rapid.IntRange(0, 5).Draw(t, "restore") {
			case 0:
				cam.releaseAll()
				m, cam = restored(t, m, pages, shapes), camera{}
			case 1:
				cam.releaseAll()
				m, cam = thawedCopy(t, m, pages, shapes), camera{}
			case 2:
				if f, err := m.Freeze(); err == nil {
					cam.takeMultimap(t, f, m)
				}
			case 3:
				cam.checkMultimaps(t, shapes)
			}
			checkRoom(t, &m.keys.space)
			if cam.stored != nil {
				checkClean(t, &m.keys.space, cam.stored)
			}
		}
		cam.checkMultimaps(t, shapes)
		cam.releaseAll()
		m.keys.endImages()
		for side := range shapes {
			m.Expire(side, now+1000)
		}
		if pages.Used() != 0 || m.keys.Len() != 0 || m.Rows(0) != 0 || m.Rows(1) != 0 {
			t.Fatalf("after everything expired: %d keys, %d and %d rows, %d bytes", m.keys.Len(), m.Rows(0), m.Rows(1), pages.Used())
		}
	})
}

// The second index: blocks are found by the time that the caller gave them.
func TestMultimapIndexes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := NewMultimap(NewHeapPages(0), RowShape{Cells: 1, Low: true})
		if err != nil {
			t.Fatal(err)
		}
		type times struct{ due, low int64 }
		want := map[ref]times{}
		for i := range rapid.IntRange(1, 200).Draw(t, "keys") {
			k := key(i)
			c, err := m.Put(xxhash.Sum64String(k), []byte(k))
			if err != nil {
				t.Fatal(err)
			}
			vs := rapid.Int64Range(0, 50).Draw(t, "vs")
			b, _, err := m.Add(c, xxhash.Sum64String(k), 0, vs, vs+1, []uint64{0}, nil)
			if err != nil {
				t.Fatal(err)
			}
			low := rapid.Int64Range(0, 50).Draw(t, "low")
			m.SetLow(0, b, low)
			want[b.ref] = times{vs + 1, low}
			if rapid.Bool().Draw(t, "move") {
				due := rapid.Int64Range(0, 50).Draw(t, "due")
				m.SetDue(0, b, due)
				want[b.ref] = times{due, low}
			}
		}
		for len(want) > 0 {
			least := times{1 << 40, 1 << 40}
			for _, w := range want {
				least = times{min(least.due, w.due), min(least.low, w.low)}
			}
			if _, low, ok := m.Lowest(0); !ok || low != least.low {
				t.Fatalf("lowest is %d, want %d", low, least.low)
			}
			if _, ok := m.TakeDue(0, least.due-1); ok {
				t.Fatalf("a block is due before %d", least.due)
			}
			b, ok := m.TakeDue(0, least.due)
			if !ok || want[b.ref].due != least.due || m.LowAt(0, b) != want[b.ref].low {
				t.Fatalf("due at %d, low %d: %v, want %v and %d", want[b.ref].due, m.LowAt(0, b), ok, want[b.ref], least.due)
			}
			if c := m.ChainsOf(0, b); ref(c.cells[0]) != b.ref {
				t.Fatalf("the chain of block %d is that of %d", b.ref, c.cells[0])
			}
			if want[b.ref].due < 50 && rapid.Bool().Draw(t, "again") {
				m.PutDue(0, b, 50)
				want[b.ref] = times{50, want[b.ref].low}
				continue
			}
			delete(want, b.ref)
			m.Drop(0, b, least.due)
		}
		if m.keys.Len() != 0 || m.Bytes() != 0 {
			t.Fatalf("%d keys and %d bytes after all blocks were dropped", m.keys.Len(), m.Bytes())
		}
	})
}

func TestMultimapRefusesBeyondBudget(t *testing.T) {
	m, err := NewMultimap(NewHeapPages(32<<10), RowShape{Cells: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil && i < 1<<20; i++ {
		var c Chains
		if c, err = m.Put(uint64(i%7)<<60, []byte{byte(i % 7)}); err == nil {
			_, _, err = m.Add(c, uint64(i%7)<<60, 0, int64(i), int64(i)+1, []uint64{1, 2}, nil)
		}
	}
	if err != ErrFull {
		t.Fatalf("beyond the budget: %v, want %v", err, ErrFull)
	}
}

func FuzzRestore(f *testing.F) {
	m, _ := NewMultimap(NewHeapPages(0), RowShape{HasVe: true, Cells: 1, Vars: 1}, RowShape{})
	c, _ := m.Put(7, []byte("key"))
	_, _, _ = m.Add(c, 7, 0, 1, 5, []uint64{3}, [][]byte{[]byte("value")})
	_, _, _ = m.Add(c, 7, 1, 1, 2, nil, nil)
	f.Add(snapshotOf(m))
	f.Fuzz(func(t *testing.T, snap []byte) {
		pages := NewHeapPages(1 << 20)
		m, _ := NewMultimap(pages, RowShape{HasVe: true, Cells: 1, Vars: 1}, RowShape{})
		if m.Restore(&tapeReader{tape{buf: snap}}) == nil {
			again, _ := NewMultimap(NewHeapPages(1<<20), RowShape{HasVe: true, Cells: 1, Vars: 1}, RowShape{})
			if err := again.Restore(&tapeReader{tape{buf: snapshotOf(m)}}); err != nil {
				t.Fatalf("what was taken and written again is refused: %v", err)
			}
		}
		m.Reset()
		if pages.Used() != 0 {
			t.Fatalf("%d bytes held after Reset", pages.Used())
		}
	})
}

// Rows arrive in time order and are probed near their time, as in a running join.
func BenchmarkMultimapAddProbe(b *testing.B) {
	for _, keys := range []int{300, 65536} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			m, _ := NewMultimap(NewHeapPages(0), RowShape{HasVe: true, Cells: 1}, RowShape{Cells: 1})
			k := make([]byte, 8)
			sel := make([]int32, 256)
			cells := []uint64{1}
			now := int64(0)
			for b.Loop() {
				now++
				copy(k, fmt.Append(k[:0], uint64(now)*7919%uint64(keys)))
				h := xxhash.Sum64(k)
				c, err := m.Put(h, k)
				if err != nil {
					b.Fatal(err)
				}
				p := m.Probe(c, int(now&1), now, now+1)
				for n := 1; n > 0; {
					_, n = p.Next(sel)
				}
				_, _, err = m.Add(c, h, 1-int(now&1), now, now+1-now&1+int64(4*keys), cells, nil)
				if err != nil {
					b.Fatal(err)
				}
				if now%4096 == 0 {
					m.Expire(0, now)
					m.Expire(1, now)
				}
			}
		})
	}
}
