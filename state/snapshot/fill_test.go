package snapshot

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/state"
)

// large is a part in a full file and an increment of a store, and what its pages hold.
func large(t *testing.T) (r *rand.Rand, s *Dir, dir string, want map[uint32][]byte) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r, dir = rand.New(rand.NewPCG(seed, 0)), t.TempDir()
	s, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	k, c := newTask(t), openTask(t, s, 8)
	k.execute(t, 1, 60_000)
	if _, err := k.snap(t, c, 1); err != nil {
		t.Fatal(err)
	}
	k.execute(t, 2, 1+r.IntN(200))
	im := k.image(t)
	defer im.Release()
	if e, err := c.Write(2, im); err != nil || e.Full {
		t.Fatalf("%+v, %v", e, err)
	}
	want = map[uint32][]byte{}
	f := im.Parts[len(im.Parts)-1].Frozen
	for no := range f.Pages() {
		if f.PageBytes(no) > 0 {
			if want[no], err = f.AppendPage(nil, no); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r, s, dir, want
}

// Pages of two files are those that were written, whichever are asked for; what nobody wrote is refused.
func TestPagesAreFilled(t *testing.T) {
	defer goleak.VerifyNone(t)
	r, s, _, want := large(t)
	l, err := Load(s, 9, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	part := &l.Parts[len(l.Parts)-1]
	for _, share := range []int{1, 2, 50} {
		pages := make([][]byte, slices.Max(slices.Collect(maps.Keys(want)))+1)
		for no, b := range want {
			if r.IntN(share) == 0 {
				pages[no] = make([]byte, len(b))
			}
		}
		if err := part.Read(pages); err != nil {
			t.Fatal(err)
		}
		for no, b := range pages {
			if b != nil && !bytes.Equal(b, want[uint32(no)]) {
				t.Fatalf("page %d of %d bytes is not what was written", no, len(b))
			}
		}
		no := r.IntN(len(pages) + 1)
		pages = append(pages, nil)
		if pages[no] = make([]byte, 3); !errors.Is(part.Read(pages), ErrDamaged) {
			t.Errorf("page %d of 3 bytes was filled", no)
		}
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
}

// A page that is damaged is found, and its file named.
func TestFillingFindsDamage(t *testing.T) {
	defer goleak.VerifyNone(t)
	_, s, dir, want := large(t)
	files, err := filepath.Glob(filepath.Join(dir, folder(9, 3), "*"+fileSuffix))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v: %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1 // in a page of the full file
	if err := os.WriteFile(files[0], b, 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := Load(s, 9, 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := state.NewMultimap(state.NewHeapPages(0), taskShape...)
	if err != nil {
		t.Fatal(err)
	}
	part := &l.Parts[len(l.Parts)-1]
	err = rows.ThawPages(part.Head, part.Read)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(files[0])) || len(want) == 0 {
		t.Errorf("got %v, want damage in %s", err, files[0])
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
