package snapshot

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// A chain against a map from ticks to states: restarts from snapshots, trims, images that were skipped.
func TestChainAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := openDir(newFaultDisk(), "/d")
		if err != nil {
			t.Fatal(err)
		}
		fullEvery := rapid.IntRange(1, 4).Draw(t, "fullEvery")
		c, k := openTask(t, s, fullEvery), newTask(t)
		want := map[frame.Tick][]byte{}
		tick := frame.Tick(0)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "op") {
			case 0:
				from := frame.Tick(rapid.Uint64Range(0, uint64(tick)+1).Draw(t, "from"))
				if err := c.Trim(from); err != nil {
					t.Fatal(err)
				}
				for i, have := range slices.Sorted(maps.Keys(want)) {
					if _, ok := c.manifest.find(have); !ok && (have >= from || i >= len(want)-2) {
						t.Fatalf("a trim to %d took tick %d of %d snapshots", from, have, len(want))
					}
				}
				maps.DeleteFunc(want, func(have frame.Tick, _ []byte) bool { _, ok := c.manifest.find(have); return !ok })
			case 1:
				c = openTask(t, s, fullEvery)
				if n := len(c.manifest.Snapshots); n > 0 {
					tick = c.manifest.Snapshots[rapid.IntRange(0, n-1).Draw(t, "restart")].Tick
					k = wantLoads(t, s, tick, want[tick])
				} else {
					tick, k = 0, newTask(t)
				}
				if rapid.Bool().Draw(t, "rewind") {
					if err := c.Rewind(tick); err != nil {
						t.Fatal(err)
					}
					maps.DeleteFunc(want, func(have frame.Tick, _ []byte) bool { return have > tick })
				}
			case 2:
				k.image(t).Release()
			default:
				tick += frame.Tick(rapid.IntRange(1, 3).Draw(t, "ticks"))
				k.execute(t, tick, rapid.IntRange(0, 60).Draw(t, "rows"))
				_, seen := want[tick]
				e, err := k.snap(t, c, tick)
				newest := tick
				if n := len(c.manifest.Snapshots); n > 0 {
					newest = c.manifest.Snapshots[n-1].Tick
				}
				if err != nil && (seen || tick > newest) {
					t.Fatalf("tick %d: %v", tick, err)
				}
				if err == nil && !seen {
					want[tick] = k.value()
				}
				if chain, chainErr := c.manifest.chain(max(e.Tick, newest)); chainErr != nil || len(chain) > fullEvery {
					t.Fatalf("a chain of %d files, want at most %d: %v", len(chain), fullEvery, chainErr)
				}
			}
			if len(want) != len(c.Snapshots()) {
				t.Fatalf("%d snapshots, want %d", len(c.Snapshots()), len(want))
			}
		}
		for have, value := range want {
			wantLoads(t, s, have, value)
		}
		names, err := s.List("")
		if err != nil || len(names) != len(want)+1 {
			t.Fatalf("%d objects for %d snapshots: %v", len(names), len(want), err)
		}
	})
}

func TestIncrementsHoldWhatChanged(t *testing.T) {
	s := openStore(t, t.TempDir())
	c, k := openTask(t, s, 8), newTask(t)
	k.execute(t, 1, 20000)
	full, err := k.snap(t, c, 1)
	if err != nil || !full.Full {
		t.Fatalf("the first snapshot is %+v: %v", full, err)
	}
	k.execute(t, 2, 10)
	e, err := k.snap(t, c, 2)
	if err != nil || e.Full || e.Base != 1 || e.Bytes > full.Bytes/8 {
		t.Fatalf("after 10 rows over 20000: %+v, %v; the full one has %d bytes", e, err, full.Bytes)
	}
	wantLoads(t, s, 2, k.value())
}

func TestSecondWriterFencesTheFirst(t *testing.T) {
	s := openStore(t, t.TempDir())
	first, k := openTask(t, s, 0), newTask(t)
	k.execute(t, 1, 10)
	second := openTask(t, s, 0)
	for range 2 {
		if _, err := k.snap(t, first, 1); !errors.Is(err, ErrConflict) {
			t.Fatalf("the fenced writer: %v, want %v", err, ErrConflict)
		}
	}
	if _, err := k.snap(t, second, 1); err != nil {
		t.Fatal(err)
	}
	wantLoads(t, s, 1, k.value())
}

func TestConfigAndImagesAreChecked(t *testing.T) {
	s := openStore(t, t.TempDir())
	if _, err := OpenChain(Config{Store: s, FullEvery: maxChain + 1}); err == nil || !strings.Contains(err.Error(), "full every 257, want 1 to 256") {
		t.Errorf("a chain without bound: %v", err)
	}
	c, k := openTask(t, s, 0), newTask(t)
	im := k.image(t)
	defer im.Release()
	slices.Reverse(im.Parts)
	if _, err := c.Write(1, im); err == nil || !strings.Contains(err.Error(), "part 1 after part 7") {
		t.Errorf("parts out of order: %v", err)
	}
	if _, err := Load(s, 9, 3, 5); !errors.Is(err, ErrNotFound) {
		t.Errorf("a tick without snapshot: %v, want %v", err, ErrNotFound)
	}
	if got, err := Snapshots(s, 9, 4); err != nil || len(got) != 0 {
		t.Errorf("a task without snapshots has %v, %v", got, err)
	}
}

// What changed between two images of which one was never stored must not be lost.
func TestSkippedImageMakesTheNextOneFull(t *testing.T) {
	s := openStore(t, t.TempDir())
	c, k := openTask(t, s, 8), newTask(t)
	k.execute(t, 1, 5000)
	if _, err := k.snap(t, c, 1); err != nil {
		t.Fatal(err)
	}
	k.execute(t, 2, 300)
	k.image(t).Release()
	k.execute(t, 4, 1)
	e, err := k.snap(t, c, 4)
	if err != nil || !e.Full {
		t.Fatalf("after an image that was skipped: %+v, %v; want a full one", e, err)
	}
	wantLoads(t, s, 4, k.value())
	k.execute(t, 5, 1)
	if e, err = k.snap(t, c, 5); err != nil || e.Full {
		t.Fatalf("after that: %+v, %v; want an increment", e, err)
	}
	wantLoads(t, s, 5, k.value())
}
