package extent

import (
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/state"
)

// Pages are zero, aligned, the taker's own until freed; the budget holds; nothing stays mapped but what is kept.
func TestPagesAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		arena := NewArena(rapid.Int64Range(0, 8*extentBytes).Draw(t, "budget"))
		all := []*Pages{arena.NewPages(), arena.NewPages()}
		type owned struct {
			p    *Pages
			page []byte
			mark byte
		}
		var taken []owned
		sizes := []int{state.PageSmall, state.PageMedium, state.PageLarge, 3 * state.PageLarge}
		for i := range rapid.IntRange(1, 300).Draw(t, "steps") {
			if len(taken) > 0 && rapid.IntRange(0, 2).Draw(t, "free") == 0 {
				k := rapid.IntRange(0, len(taken)-1).Draw(t, "which")
				o := taken[k]
				for at, c := range o.page {
					if c != o.mark {
						t.Fatalf("byte %d of a page of %d is %d, want %d", at, len(o.page), c, o.mark)
					}
				}
				o.p.Free(o.page)
				taken[k] = taken[len(taken)-1]
				taken = taken[:len(taken)-1]
				continue
			}
			p, size := all[rapid.IntRange(0, 1).Draw(t, "core")], rapid.SampledFrom(sizes).Draw(t, "size")
			page := p.Alloc(size)
			if page == nil {
				if arena.Mapped()+extentBytes <= arena.budgetBytes {
					t.Fatalf("no page of %d with %d of %d mapped", size, arena.Mapped(), arena.budgetBytes)
				}
				continue
			}
			if len(page) != size || uintptr(unsafe.Pointer(unsafe.SliceData(page)))%64 != 0 {
				t.Fatalf("page of %d bytes at %p, want %d", len(page), page, size)
			}
			for at, c := range page {
				if c != 0 {
					t.Fatalf("byte %d of a new page is %d", at, c)
				}
				page[at] = byte(i + 1)
			}
			taken = append(taken, owned{p, page, byte(i + 1)})
			if arena.Mapped() > arena.budgetBytes {
				t.Fatalf("%d bytes mapped, budget %d", arena.Mapped(), arena.budgetBytes)
			}
		}
		for _, o := range taken {
			o.p.Free(o.page)
		}
		if kept := arena.Mapped(); kept > int64(len(all))*extentBytes {
			t.Fatalf("%d bytes mapped with no page in use", kept)
		}
		for _, p := range all {
			p.Close()
		}
		if arena.Mapped() != 0 {
			t.Fatalf("%d bytes mapped after Close", arena.Mapped())
		}
	})
}

// Memory that was cut into pages of one size can become pages of another.
func TestUnitsAreCutAnew(t *testing.T) {
	arena := NewArena(extentBytes)
	p := arena.NewPages()
	defer p.Close()
	for _, size := range []int{state.PageSmall, state.PageLarge, state.PageMedium, state.PageSmall} {
		var pages [][]byte
		for page := p.Alloc(size); page != nil; page = p.Alloc(size) {
			pages = append(pages, page)
		}
		if len(pages) != extentBytes/size {
			t.Fatalf("%d pages of %d bytes in an extent, want %d", len(pages), size, extentBytes/size)
		}
		for _, page := range pages {
			p.Free(page)
		}
	}
}

func TestFreeRefusesWhatIsNotInUse(t *testing.T) {
	p := NewArena(4 * extentBytes).NewPages()
	defer p.Close()
	page, wide := p.Alloc(state.PageSmall), p.Alloc(2*state.PageLarge)
	p.Alloc(state.PageSmall)
	p.Free(page)
	for name, b := range map[string][]byte{
		"freed twice": page, "another's": make([]byte, state.PageLarge), "of another size": wide[:state.PageLarge*2-1],
		"wide, another's": make([]byte, 2*state.PageLarge),
	} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(r.(string), "extent: free") {
					t.Errorf("%s: %v", name, r)
				}
			}()
			p.Free(b)
		}()
	}
}

// State on extents behaves as on the heap, and gives everything back.
func TestTableOnExtents(t *testing.T) {
	arena := NewArena(64 << 20)
	p := arena.NewPages()
	defer p.Close()
	tab, err := state.NewTable(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	key := func(i int) (uint64, []byte) {
		return uint64(i) * 0x9e3779b97f4a7c15, []byte{byte(i), byte(i >> 8), byte(i >> 16)}
	}
	for i := range 100_000 {
		h, k := key(i)
		c, _, err := tab.Put(h, k)
		if err != nil {
			t.Fatal(err)
		}
		c[0] = uint64(i)
	}
	for i := range 100_000 {
		h, k := key(i)
		if c := tab.Get(h, k); c == nil || c[0] != uint64(i) {
			t.Fatalf("key %d has %v", i, c)
		}
	}
	tab.Reset()
	if arena.Mapped() > extentBytes {
		t.Fatalf("%d bytes mapped after Reset", arena.Mapped())
	}
}
