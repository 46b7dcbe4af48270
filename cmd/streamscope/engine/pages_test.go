package engine

import (
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/state"
)

// Pages are aligned, zero, of the size asked for, and no two overlap while they are in use.
func TestPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o offHeap
		type page struct {
			b    []byte
			mark byte
		}
		var used []page
		sizes := []int{state.PageSmall, state.PageSmall, state.PageMedium, state.PageMedium, state.PageLarge, 3 * state.PageLarge, extentBytes + state.PageLarge}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(used) > 0 && rapid.IntRange(0, 2).Draw(t, "free") == 0 {
				k := rapid.IntRange(0, len(used)-1).Draw(t, "which")
				p := used[k]
				used[k] = used[len(used)-1]
				used = used[:len(used)-1]
				if p.b[0] != p.mark || p.b[len(p.b)-1] != p.mark {
					t.Fatalf("a page in use was written by another")
				}
				o.Free(p.b)
				continue
			}
			size := sizes[rapid.IntRange(0, len(sizes)-1).Draw(t, "size")]
			b := o.Alloc(size)
			if len(b) != size || cap(b) != size || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%64 != 0 {
				t.Fatalf("asked for %d, got %d of capacity %d at %p", size, len(b), cap(b), b)
			}
			for _, v := range b {
				if v != 0 {
					t.Fatal("a page is not zero")
				}
			}
			mark := byte(i + 1)
			b[0], b[len(b)-1] = mark, mark
			used = append(used, page{b, mark})
		}
		if err := o.close(); err != nil {
			t.Fatal(err)
		}
	})
}
