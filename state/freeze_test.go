package state

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"
)

// shot is an image that is alive, and what the state wrote by value when it was made.
type shot struct {
	f    *Frozen
	want []byte
}

// camera keeps images of one state and a store of pages that only what is dirty goes to, as in a chain of increments.
type camera struct {
	shots  []shot
	stored map[uint32][]byte
}

type fataler interface{ Fatalf(string, ...any) }

func pagesOf(t fataler, f *Frozen) map[uint32][]byte {
	pages := map[uint32][]byte{}
	for no := range f.Pages() {
		if f.PageBytes(no) == 0 {
			continue
		}
		b, err := f.AppendPage(nil, no)
		if err != nil || len(b) != f.PageBytes(no) {
			t.Fatalf("page %d: %d bytes, want %d: %v", no, len(b), f.PageBytes(no), err)
		}
		pages[no] = b
	}
	return pages
}

// take keeps an image and checks that its increment over the one before gives all of it.
func (c *camera) take(t fataler, f *Frozen, want []byte) {
	c.shots = append(c.shots, shot{f, want})
	all := pagesOf(t, f)
	if c.stored == nil {
		c.stored = map[uint32][]byte{}
	}
	for _, no := range f.Dirty().ToArray() {
		delete(c.stored, no)
		if b, ok := all[no]; ok {
			c.stored[no] = b
		}
	}
	if !maps.EqualFunc(c.stored, all, bytes.Equal) {
		t.Fatalf("%d pages out of increments, want %d", len(c.stored), len(all))
	}
}

func from(pages map[uint32][]byte) ReadPages {
	return func(all [][]byte) error {
		for no, dst := range all {
			if stored := pages[uint32(no)]; dst != nil && (copy(dst, stored) != len(dst) || len(dst) != len(stored)) {
				return fmt.Errorf("page %d has %d bytes, want %d", no, len(stored), len(dst))
			}
		}
		return nil
	}
}

func (c *camera) release(i int) {
	c.shots[i].f.Release()
	c.shots = slices.Delete(c.shots, i, i+1)
}

func (c *camera) releaseAll() {
	for len(c.shots) > 0 {
		c.release(0)
	}
}

// takeMultimap keeps an image; the first of a camera may be an increment over pages that it does not know.
func (c *camera) takeMultimap(t fataler, f *Frozen, m *Multimap) {
	if c.stored == nil {
		c.stored = pagesOf(t, f)
	}
	c.take(t, f, snapshotOf(m))
}

// checkMultimaps compares all images that are alive with what was written by value.
func (c *camera) checkMultimaps(t fataler, shapes []RowShape) {
	for _, s := range c.shots {
		m, _ := NewMultimap(NewHeapPages(0), shapes...)
		if err := m.ThawPages(s.f.AppendHead(nil), from(pagesOf(t, s.f))); err != nil {
			t.Fatalf("%v", err)
		}
		if !bytes.Equal(snapshotOf(m), s.want) {
			t.Fatalf("an image is not the multimap as it was")
		}
	}
}

// checkClean compares every page that counts as clean with what the newest image holds: a write without touch shows here.
func checkClean(t fataler, s *space, newest map[uint32][]byte) {
	for no := range s.base {
		if s.base[no] != nil && s.isClean(uint32(no)) {
			if !bytes.Equal(unsafe.Slice((*byte)(s.base[no]), s.meta[no].size), newest[uint32(no)]) {
				t.Fatalf("page %d of class %d was written without touch", no, s.meta[no].class)
			}
		}
	}
}

func TestTableFreeze(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := hashes[rapid.IntRange(0, len(hashes)-1).Draw(t, "hash")].f
		pages := NewHeapPages(0)
		tab, _ := NewTable(pages, 1)
		var cam camera
		value := uint64(0)
		look := func(s shot) {
			got, _ := NewTable(NewHeapPages(0), 1)
			if err := got.ThawPages(s.f.AppendHead(nil), from(pagesOf(t, s.f))); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(tableSnapshot(got), s.want) {
				t.Fatalf("an image is not the table as it was")
			}
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "op") {
			case 0:
				if len(cam.shots) < MaxFrozen {
					f, err := tab.Freeze()
					if err != nil {
						t.Fatal(err)
					}
					cam.take(t, f, tableSnapshot(tab))
				} else if _, err := tab.Freeze(); !errors.Is(err, ErrFrozen) {
					t.Fatalf("image %d: %v, want %v", MaxFrozen+1, err, ErrFrozen)
				}
			case 1:
				if n := len(cam.shots); n > 0 {
					cam.release(rapid.IntRange(0, n-1).Draw(t, "released"))
				}
			case 2:
				if n := len(cam.shots); n > 0 {
					look(cam.shots[rapid.IntRange(0, n-1).Draw(t, "seen")])
				}
			case 3:
				if rapid.IntRange(0, 4).Draw(t, "reset") == 0 {
					tab.Reset()
				}
			default:
				from, n := rapid.IntRange(0, 1500).Draw(t, "from"), rapid.IntRange(1, 400).Draw(t, "n")
				del := rapid.IntRange(0, 2).Draw(t, "delete") == 0
				for i := from; i < from+n; i++ {
					k := key(i)
					if del {
						tab.Delete(h(k), []byte(k))
						continue
					}
					c, _, err := tab.Put(h(k), []byte(k))
					if err != nil {
						t.Fatal(err)
					}
					value++
					c[0] = value
				}
			}
			checkClean(t, &tab.space, cam.stored)
			checkRoom(t, &tab.space)
		}
		for len(cam.shots) > 0 {
			look(cam.shots[0])
			cam.release(0)
		}
		tab.Reset()
		tab.endImages()
		if pages.Used() != 0 || tab.Bytes() != 0 {
			t.Fatalf("%d bytes held after all, the table knows of %d", pages.Used(), tab.Bytes())
		}
	})
}

func tableSnapshot(t *Table) []byte {
	var w tape
	t.Snapshot(&w)
	return w.buf
}

// thawedCopy is the multimap out of an image of it, which goes on in place of the old one.
func thawedCopy(t *rapid.T, old *Multimap, pages Pages, shapes []RowShape) *Multimap {
	want := snapshotOf(old)
	f, err := old.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMultimap(pages, shapes...)
	if err != nil {
		t.Fatal(err)
	}
	head := f.AppendHead(nil)
	if err := m.ThawPages(head[:rapid.IntRange(0, len(head)-1).Draw(t, "cut")], from(nil)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("a head cut short: %v", err)
	}
	if err := m.ThawPages(head, from(pagesOf(t, f))); err != nil {
		t.Fatal(err)
	}
	f.Release()
	old.Reset()
	old.keys.endImages()
	if !bytes.Equal(snapshotOf(m), want) {
		t.Fatalf("an image is not the multimap as it was")
	}
	again, err := m.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Release()
	if !again.Dirty().IsEmpty() {
		t.Fatalf("%d dirty pages in an image right after a thaw", again.Dirty().GetCardinality())
	}
	return m
}

// Images are read by another goroutine while the owner writes.
func TestFrozenReadsWhileOwnerWrites(t *testing.T) {
	tab, _ := NewTable(NewHeapPages(0), 1)
	put := func(i int) {
		k := key(i)
		c, _, err := tab.Put(xxhash.Sum64String(k), []byte(k))
		if err != nil {
			t.Fatal(err)
		}
		c[0] += uint64(i)
	}
	for i := range 5000 {
		put(i)
	}
	var wg sync.WaitGroup
	for range 3 {
		f, err := tab.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		want := tableSnapshot(tab)
		wg.Go(func() {
			defer f.Release()
			got, _ := NewTable(NewHeapPages(0), 1)
			pages := map[uint32][]byte{}
			for no := range f.Pages() {
				if f.PageBytes(no) > 0 {
					b, err := f.AppendPage(nil, no)
					if err != nil {
						t.Error(err)
						return
					}
					pages[no] = b
				}
			}
			if err := got.ThawPages(f.AppendHead(nil), from(pages)); err != nil || !bytes.Equal(tableSnapshot(got), want) {
				t.Errorf("an image read while the owner wrote differs: %v", err)
			}
		})
		for i := range 5000 {
			put(i * 3)
			if i%7 == 0 {
				tab.Delete(xxhash.Sum64String(key(i)), []byte(key(i)))
			}
		}
	}
	wg.Wait()
}

// Without memory for a copy the image fails and the owner goes on.
func TestFrozenWithoutMemoryFails(t *testing.T) {
	pages := NewHeapPages(256 << 10)
	tab, _ := NewTable(pages, 1)
	n := 0
	for {
		k := key(n)
		if _, _, err := tab.Put(xxhash.Sum64String(k), []byte(k)); err != nil {
			break
		}
		n++
	}
	f, err := tab.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if c, fresh, err := tab.Put(xxhash.Sum64String(key(i)), []byte(key(i))); err != nil || fresh {
			t.Fatalf("key %d of %d: fresh %v, %v", i, n, fresh, err)
		} else {
			c[0] = 1
		}
	}
	if _, err := f.AppendPage(nil, 1); !errors.Is(err, ErrFull) {
		t.Fatalf("an image that there was no memory for: %v, want %v", err, ErrFull)
	}
	f.Release()
	if _, err := f.AppendPage(nil, 1); !errors.Is(err, ErrReleased) {
		t.Fatalf("a released image: %v, want %v", err, ErrReleased)
	}
	tab.Reset()
	tab.endImages()
	if pages.Used() != 0 {
		t.Fatalf("%d bytes held after all", pages.Used())
	}
}

// What images leave is used for the next ones, and goes back when no more is copied.
func TestFrozenMemoryIsUsedAgain(t *testing.T) {
	pages := NewHeapPages(0)
	tab, _ := NewTable(pages, 1)
	update := func() {
		for i := range 20_000 {
			k := key(i)
			c, _, err := tab.Put(xxhash.Sum64String(k), []byte(k))
			if err != nil {
				t.Fatal(err)
			}
			c[0]++
		}
	}
	update()
	own := pages.Used()
	var used []int
	for range 5 {
		f, err := tab.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		update()
		f.Release()
		used = append(used, pages.Used())
	}
	if used[0] < own+own/2 || used[4] > used[1] || tab.Bytes() != used[4] {
		t.Errorf("%d bytes without an image, then %v; the table knows of %d", own, used, tab.Bytes())
	}
	for range 100 + own/PageSmall/leftPerFreeze {
		f, err := tab.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	if pages.Used() != own || len(tab.images.mu.live) > 1 {
		t.Errorf("%d bytes and %d images long after the last copy, want %d bytes", pages.Used(), len(tab.images.mu.live), own)
	}
}

// countedPages counts what it hands out.
type countedPages struct {
	*HeapPages
	handedOut int
}

func (p *countedPages) Alloc(size int) []byte {
	p.handedOut++
	return p.HeapPages.Alloc(size)
}

// Rows come and go in the order of time, so that an image takes over pages that their owner is through with, and the owner needs others: those that
// the images before have left.
func TestFrozenMemoryOfPagesThatGo(t *testing.T) {
	pages := &countedPages{HeapPages: NewHeapPages(0)}
	m, err := NewMultimap(pages, RowShape{Cells: 2})
	if err != nil {
		t.Fatal(err)
	}
	const alive, turn = 40_000, 8_000
	now := int64(0)
	advance := func(n int) {
		for range n {
			k := key(int(now / 16))
			hash := xxhash.Sum64String(k)
			c, err := m.Put(hash, []byte(k))
			if err == nil {
				_, _, err = m.Add(c, hash, 0, now, now+1, []uint64{1, 2}, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			if now++; now%4_000 == 0 { // several pages go at a time
				m.Expire(0, now-alive)
			}
		}
	}
	advance(2 * alive)
	var handedOut []int
	for range 6 {
		f, err := m.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		pages.handedOut = 0
		advance(turn) // while the image is alive
		f.Release()
		if f, err = m.Freeze(); err != nil {
			t.Fatal(err)
		}
		f.Release()
		advance(turn) // and without one
		handedOut = append(handedOut, pages.handedOut)
	}
	if first, last := handedOut[0], handedOut[5]; first < 20 || last > first/4 {
		t.Errorf("new pages between images: %v, want few in the end", handedOut)
	}
}

// A thaw of damaged pages or heads is refused, or gives a state that can be used.
func FuzzThawPages(f *testing.F) {
	shapes := []RowShape{{HasVe: true, Cells: 1, Vars: 1, Low: true}, {}}
	m, _ := NewMultimap(NewHeapPages(0), shapes...)
	for i := range 60 {
		k := []byte(key(i))
		c, _ := m.Put(uint64(i%50)<<58, k)
		_, _, _ = m.Add(c, uint64(i%50)<<58, i%2, int64(i), int64(i)+5, []uint64{3}[:1-i%2], [][]byte{[]byte("value")}[:1-i%2])
	}
	m.Expire(0, 20)
	frozen, err := m.Freeze()
	if err != nil {
		f.Fatal(err)
	}
	head, stored := frozen.AppendHead(nil), pagesOf(f, frozen)
	f.Add(uint32(0), uint16(0), uint64(0), uint16(3))
	f.Add(uint32(1), uint16(16), uint64(1), uint16(0))
	f.Fuzz(func(t *testing.T, no uint32, at uint16, flip uint64, headAt uint16) {
		h, pages := slices.Clone(head), map[uint32][]byte{}
		for n, b := range stored {
			pages[n] = slices.Clone(b)
		}
		h[int(headAt)%len(h)] ^= byte(flip >> 32)
		if p := pages[no%uint32(len(pages)+1)]; p != nil {
			for i := range 4 {
				p[(int(at)+i)%len(p)] ^= byte(flip >> (8 * i))
			}
		}
		budget := NewHeapPages(1 << 20)
		got, _ := NewMultimap(budget, shapes...)
		if err := got.ThawPages(h, from(pages)); err == nil {
			snapshotOf(got)
			for i := range 60 {
				probeAll(got, i%2, uint64(i%50)<<58, key(i), 0, 100, 8)
				if c, err := got.Put(uint64(i%50)<<58, []byte(key(i))); err == nil {
					_, _, _ = got.Add(c, uint64(i%50)<<58, 1, 70, 71, nil, nil)
				}
			}
			got.Expire(0, 1<<62)
			got.Expire(1, 1<<62)
		}
		got.Reset()
		if budget.Used() != 0 {
			t.Fatalf("%d bytes held after Reset", budget.Used())
		}
	})
}

// The pause: an image of a table of 16 KiB pages.
func BenchmarkFreeze(b *testing.B) {
	for _, mib := range []int{16, 128} {
		b.Run(fmt.Sprintf("%dMiB", mib), func(b *testing.B) {
			tab, _ := NewTable(NewHeapPages(0), 2)
			k := make([]byte, 8)
			for i := 0; tab.Bytes() < mib<<20; i++ {
				copy(k, fmt.Append(k[:0], i))
				if _, _, err := tab.Put(xxhash.Sum64(k), k); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				f, err := tab.Freeze()
				if err != nil {
					b.Fatal(err)
				}
				f.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)*1024/float64(mib)/1e6, "ms/GiB")
		})
	}
}
