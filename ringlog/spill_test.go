package ringlog

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// faultyFile is a spill file on the heap with a script of faults.
type faultyFile struct {
	b       []byte
	full    bool // writes fail
	flip    bool // reads return damaged bytes
	readErr error
	closed  bool
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	if f.full {
		return 0, unix.ENOSPC
	}
	if need := int(off) + len(b); need > len(f.b) {
		f.b = append(f.b, make([]byte, need-len(f.b))...)
	}
	return copy(f.b[off:], b), nil
}

func (f *faultyFile) ReadAt(b []byte, off int64) (int, error) {
	if f.readErr != nil {
		return 0, f.readErr
	}
	n := copy(b, f.b[off:])
	if f.flip {
		b[100] ^= 1
	}
	return n, nil
}

func (f *faultyFile) Truncate(size int64) error { f.b = f.b[:size]; return nil }
func (f *faultyFile) Close() error              { f.closed = true; return nil }

// spillArena makes an arena of three segments whose spill file is f, and collects what it reports.
func spillArena(t *testing.T, f *faultyFile, reports *[]error) *Arena {
	return testArena(t, Heap, 3, func(c *ArenaConfig) {
		c.OpenSpill = func() (SpillFile, error) { return f, nil }
		c.OnError = func(err error) { *reports = append(*reports, err) }
	})
}

// A full disk is reported once and loses nothing; when there is room again, everything goes on.
func TestFullDisk(t *testing.T) {
	f := &faultyFile{full: true}
	var reports []error
	a := spillArena(t, f, &reports)
	woken := 0
	l := testLog(t, a, LogConfig{Sums: true, Wake: func() { woken++ }})
	var want []frame.Pos
	for tick := frame.Tick(1); tick <= 3; tick++ {
		want = append(want, mustWrite(t, l, chainA, tick, 50000))
	}
	for range 5 {
		if _, err := writeStepping(l, chainA, 4, 50000); !errors.Is(err, ErrNoSegment) {
			t.Fatalf("write to a full arena: %v", err)
		}
	}
	if len(reports) != 1 || !errors.Is(reports[0], unix.ENOSPC) || !strings.Contains(reports[0].Error(), "job 0 node 0 core 0") {
		t.Errorf("reported: %v", reports)
	}
	if st := a.Stats(); st.SpilledSegments != 0 || a.spill.mu.size != 0 {
		t.Errorf("spilled: %+v", st)
	}
	f.full, woken = false, 0
	if !a.Step() || woken != 1 {
		t.Errorf("woken %d times after the disk had room, want 1", woken)
	}
	want = append(want, mustWrite(t, l, chainA, 4, 50000))
	if got, err := readAll(l, 0, 10); err != nil || !slices.Equal(got, want) {
		t.Errorf("read %v, want %v (%v)", got, want, err)
	}
}

// What the disk gives back is checked: damage and read errors reach the one who asked, and nobody else.
func TestDamagedDisk(t *testing.T) {
	f := &faultyFile{}
	var reports []error
	a := spillArena(t, f, &reports)
	l := testLog(t, a, LogConfig{Sums: true})
	var all []frame.Pos
	for tick := frame.Tick(1); tick <= 5; tick++ {
		all = append(all, mustWrite(t, l, chainA, tick, 50000))
	}
	spilled := slices.IndexFunc(all, func(pos frame.Pos) bool { return !l.InMemory(pos) })
	f.flip = true
	if _, err := l.Acquire(all[spilled]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged: %v", err)
	}
	f.flip, f.readErr = false, unix.EIO
	if _, err := l.Acquire(all[spilled]); !errors.Is(err, unix.EIO) {
		t.Errorf("unreadable: %v", err)
	}
	f.readErr = nil
	if got, err := readAll(l, 0, 10); err != nil || !slices.Equal(got, all) {
		t.Errorf("read %v, want %v (%v)", got, all, err)
	}
	if l.Err() != nil || len(reports) > 0 {
		t.Errorf("log %v, reported %v", l.Err(), reports)
	}
	if err := a.Close(); err != nil || !f.closed {
		t.Errorf("closed %v: %v", f.closed, err)
	}
}

// Blocks read again come from the cache; the cache is bounded, and a lease keeps its block beyond its eviction.
func TestBlockCache(t *testing.T) {
	onEachBacking(t, func(t *testing.T, b Backing) {
		a := testArena(t, b, 3, withSpill(t), func(c *ArenaConfig) { c.CacheBytes = 4 * spillBlockBytes })
		l := testLog(t, a, LogConfig{Sums: true})
		var spilled []frame.Pos
		for tick := frame.Tick(1); tick <= 60; tick++ {
			spilled = append(spilled, mustWrite(t, l, chainA, tick, 30000))
		}
		spilled = slices.DeleteFunc(spilled, l.InMemory)
		first, err := l.Acquire(spilled[0])
		if err != nil {
			t.Fatal(err)
		}
		a.spill.cache.mu.c.Wait()
		for range 10 {
			lease, err := l.Acquire(spilled[0])
			if err != nil {
				t.Fatal(err)
			}
			lease.Release()
		}
		if st := a.Stats(); st.BlockReads != 1 || st.BlockHits != 10 {
			t.Errorf("one block eleven times: %d reads, %d hits", st.BlockReads, st.BlockHits)
		}
		for range 3 {
			for _, pos := range spilled {
				lease, err := l.Acquire(pos)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := checkFrame(pos, lease.Bytes()); err != nil {
					t.Fatal(err)
				}
				lease.Release()
				a.spill.cache.mu.c.Wait()
			}
		}
		if st := a.Stats(); st.CachedBytes > 5*spillBlockBytes {
			t.Errorf("cached %d bytes, want at most %d and what is leased", st.CachedBytes, 4*spillBlockBytes)
		}
		l.Trim(chainA, 100)
		if _, err := checkFrame(spilled[0], first.Bytes()); err != nil {
			t.Errorf("leased: %v", err)
		}
		if _, err := l.Acquire(spilled[0]); !errors.Is(err, ErrTrimmed) {
			t.Errorf("acquire after trim: %v", err)
		}
		first.Release()
	})
}

// The room of the spill file is given out once, and found again.
func TestExtents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &spillStore{file: &faultyFile{b: make([]byte, 1<<20)}}
		var used []extent
		t.Repeat(map[string]func(*rapid.T){
			"alloc": func(t *rapid.T) { used = append(used, s.alloc(64*rapid.Int64Range(1, 20).Draw(t, "len"))) },
			"free": func(t *rapid.T) {
				if len(used) > 0 {
					i := rapid.IntRange(0, len(used)-1).Draw(t, "which")
					s.free(used[i])
					used = slices.Delete(used, i, i+1)
				}
			},
			"shrink": func(*rapid.T) { s.shrink() },
			"": func(t *rapid.T) {
				all := append(slices.Clone(used), s.mu.unused...)
				slices.SortFunc(all, func(x, y extent) int { return int(x.off - y.off) })
				end := int64(0)
				for _, e := range all {
					if e.off != end || e.len <= 0 {
						t.Fatalf("extent at %d+%d, want one at %d", e.off, e.len, end)
					}
					end = e.end()
				}
				if end != s.mu.size || s.mu.fileSize < end {
					t.Fatalf("extents end at %d, the size is %d of %d", end, s.mu.size, s.mu.fileSize)
				}
				for i := 1; i < len(s.mu.unused); i++ {
					if s.mu.unused[i-1].end() == s.mu.unused[i].off {
						t.Fatalf("not merged: %v", s.mu.unused)
					}
				}
				if k := len(s.mu.unused); k > 0 && s.mu.unused[k-1].end() == s.mu.size {
					t.Fatalf("unused at the end: %v of %d", s.mu.unused, s.mu.size)
				}
			},
		})
	})
}

// Who can do without some frames is asked before anything is spilled.
func TestOnFull(t *testing.T) {
	f := &faultyFile{}
	var reports []error
	a := spillArena(t, f, &reports)
	l := testLog(t, a, LogConfig{})
	newest, asked := frame.Tick(0), 0
	a.OnFull(func() bool {
		asked++
		l.Trim(chainA, newest)
		return true
	})
	for tick := frame.Tick(1); tick <= 20; tick++ {
		mustWrite(t, l, chainA, tick, 50000)
		newest = tick
	}
	if asked == 0 || a.Stats().SpilledBytes != 0 || len(f.b) != 0 {
		t.Errorf("asked %d times, %d bytes were spilled", asked, len(f.b))
	}
	a.OnFull(func() bool { return false })
	for tick := frame.Tick(21); tick <= 30; tick++ {
		mustWrite(t, l, chainA, tick, 50000)
	}
	if a.Stats().SpilledBytes == 0 {
		t.Error("nothing was spilled although nothing could be done without")
	}
}
