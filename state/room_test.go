package state

import (
	"bytes"
	"maps"
	"math/bits"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// checkRoom compares what a space keeps of free blocks with what follows from its pages: each page with room is in its class's list once, those that
// changed since the last Freeze first.
func checkRoom(t fataler, s *space) {
	var want, got [classes]classRoom
	linked := map[uint32]bool{}
	for class := range s.rooms {
		c := &s.rooms[class]
		got[class] = classRoom{holes: c.holes, blocks: c.blocks}
		prev, clean := uint32(0), false
		for no := c.first; no != 0; prev, no = no, s.room[no].next {
			if r := &s.room[no]; !r.linked || r.prev != prev || linked[no] || int(s.meta[no].class) != class || (clean && !s.isClean(no)) {
				t.Fatalf("page %d in the list of class %d: %+v", no, class, *r)
			}
			linked[no], clean = true, s.isClean(no)
		}
		if prev != c.last {
			t.Fatalf("class %d: last page with room is %d, want %d", class, c.last, prev)
		}
	}
	maps := 0
	for no := range s.meta {
		m, r := &s.meta[no], &s.room[no]
		if m.size == 0 || m.class == classLarge {
			if *r != (pageRoom{}) && s.base[no] != nil {
				t.Fatalf("page %d has room: %+v", no, *r)
			}
			continue
		}
		holes := 0
		if r.holes != 0 {
			maps++
			for _, w := range s.holes.maps[r.holes-1] {
				holes += bits.OnesCount64(w)
			}
		}
		if holes != int(m.carved-m.live) || linked[uint32(no)] != (int(m.live) < m.blocks()) {
			t.Fatalf("page %d: %d free blocks, want %d of %d; with room: %v", no, holes, m.carved-m.live, m.blocks(), linked[uint32(no)])
		}
		want[m.class].holes += holes
		want[m.class].blocks += m.blocks()
	}
	if got != want || maps+len(s.holes.idle) != len(s.holes.maps) {
		t.Fatalf("free blocks of classes %+v, want %+v; %d maps used, %d idle of %d", got, want, maps, len(s.holes.idle), len(s.holes.maps))
	}
}

// Rows that go in the order they came change no page: pages go to the image as they are.
func TestPagesThatGoAreNotCopied(t *testing.T) {
	pages := &countedPages{HeapPages: NewHeapPages(0)}
	m, err := NewMultimap(pages, RowShape{Cells: 6}, RowShape{Cells: 6})
	if err != nil {
		t.Fatal(err)
	}
	const rows, keys, back = 60_000, 300, 30_000
	for i := range rows {
		k := key(i%keys + i/(64*keys)*keys) // each key has rows for a while
		hash := xxhash.Sum64String(k)
		c, err := m.Put(hash, []byte(k))
		if err == nil {
			_, _, err = m.Add(c, hash, i/keys%2, int64(i), int64(i)+1, []uint64{1, 2, 3, 4, 5, 6}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := m.Freeze()
	if err != nil {
		t.Fatal(err)
	}
	want := pagesOf(t, f)
	pages.handedOut = 0
	for i := range 10 {
		m.Expire(0, int64((i+1)*back/10))
		m.Expire(1, int64((i+1)*back/10))
	}
	buckets := m.keys.buckets
	if gone := len(m.keys.unused); pages.handedOut > buckets || gone < 5*buckets {
		t.Errorf("%d pages went, %d were copied, want at most those of %d buckets", gone, pages.handedOut, buckets)
	}
	if !maps.EqualFunc(pagesOf(t, f), want, bytes.Equal) {
		t.Error("the image is not what it was")
	}
	f.Release()
	checkRoom(t, &m.keys.space)
}

// Blocks that go in no order leave holes, which are filled before they are many, also while images make that dear.
func TestHolesAreFilled(t *testing.T) {
	m, err := NewMultimap(NewHeapPages(0), RowShape{HasVe: true, Cells: 6})
	if err != nil {
		t.Fatal(err)
	}
	n, most := uint64(0), 0
	for now := range int64(60) {
		for range 500 {
			n++
			h := n * 0x9e3779b97f4a7c15
			k := key(int(n))
			c, err := m.Put(h, []byte(k))
			if err == nil {
				_, _, err = m.Add(c, h, 0, now, now+1+int64(h>>40%13), []uint64{1, 2, 3, 4, 5, 6}, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		m.Expire(0, now)
		f, err := m.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		f.Release()
		checkRoom(t, &m.keys.space)
		for class := range m.keys.rooms {
			c := &m.keys.rooms[class]
			if most = max(most, c.holes); c.holes > c.blocks/2 {
				t.Fatalf("class %d at %d: %d of %d blocks are free", class, now, c.holes, c.blocks)
			}
		}
	}
	if most < 100 {
		t.Errorf("at most %d blocks were free: nothing was tried", most)
	}
}
