package ringlog

import (
	"errors"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func TestArenaRefusesInWords(t *testing.T) {
	tests := map[string]struct {
		cfg   ArenaConfig
		words []string
	}{
		"beyond the machine": {ArenaConfig{LimitBytes: 1 << 50}, []string{"1125899906842624", "bytes are available (MemAvailable"}},
		"beyond the cgroup": {
			ArenaConfig{LimitBytes: 8 << 20, Available: func() (Memory, error) { return Memory{5<<20 + headroomBytes, "limit of /sys/fs/cgroup/x"}, nil }},
			[]string{"got 8388608", "at most 5242880", "22020096 bytes are available (limit of /sys/fs/cgroup/x)"},
		},
		"unknown memory": {
			ArenaConfig{Available: func() (Memory, error) { return Memory{}, errors.New("no meminfo") }}, []string{"no meminfo"},
		},
		"odd size":     {ArenaConfig{SegmentBytes: 100_000}, []string{"got 100000", "power of two"}},
		"small":        {ArenaConfig{SegmentBytes: 32 << 10}, []string{"got 32768", "from 65536"}},
		"one segment":  {ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 100_000}, []string{"got 100000", "at least 2 segments of 65536"}},
		"all at once":  {ArenaConfig{SegmentBytes: 1, LimitBytes: 1, Backing: 9, CacheBytes: -1}, []string{"got 1 bytes, want a power", "got 1 bytes, want at least"}},
		"no directory": {ArenaConfig{LimitBytes: 8 << 20, SpillDir: "/does/not/exist"}, []string{"/does/not/exist"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := NewArena(test.cfg)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, w := range test.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
		})
	}
}

// Where memory is plenty, a look at it stands for a 256th of it.
func TestMemoryIsLookedAtOnceForAFewSegments(t *testing.T) {
	const segments, aLook = 9, 4
	looks := 0
	a := testArena(t, Anonymous, segments, func(c *ArenaConfig) {
		c.Available = func() (Memory, error) {
			looks++
			return Memory{uncheckedShare*aLook*testSegment + headroomBytes, "test"}, nil
		}
	})
	looks = 0 // but for that of the first segment, with the one at the limit
	l := testLog(t, a, LogConfig{})
	for tick := frame.Tick(0); a.Stats().Segments < segments; tick++ {
		if _, err := writeStepping(l, chainA, tick, 50000); err != nil {
			t.Fatal(err)
		}
	}
	if want := (segments - 1) / aLook; looks != want {
		t.Errorf("%d looks for %d segments behind the first, want %d", looks, segments-1, want)
	}
}

// An arena starts with two segments and grows on demand up to what the system gives; the rest is reported once, and the logs go on with
// what there is.
func TestGrowthStopsAtTheSystemsLimit(t *testing.T) {
	onEachBacking(t, func(t *testing.T, b Backing) {
		left, reports := int64(4*testSegment), 0
		a := testArena(t, b, 4, func(c *ArenaConfig) {
			c.Available = func() (Memory, error) {
				left -= testSegment
				return Memory{left + testSegment + headroomBytes, "test"}, nil
			}
			c.OnError = func(error) { reports++ }
		})
		if st := a.Stats(); st.Segments != aheadSegments {
			t.Errorf("at start: %+v", st)
		}
		l := testLog(t, a, LogConfig{})
		tick := frame.Tick(0)
		for ; ; tick++ {
			if _, err := writeStepping(l, chainA, tick, 50000); err != nil {
				if !errors.Is(err, ErrNoSegment) {
					t.Fatal(err)
				}
				break
			}
		}
		a.Step()
		if st := a.Stats(); st.Segments != 3 || tick != 3 || reports != 1 {
			t.Errorf("%d frames, %d reports, %+v", tick, reports, st)
		}
		l.Trim(chainA, 0)
		mustWrite(t, l, chainA, tick, 50000)
	})
}

func TestCloseWithLeases(t *testing.T) {
	onEachBacking(t, func(t *testing.T, b Backing) {
		a := testArena(t, b, 4)
		l := testLog(t, a, LogConfig{})
		pos := mustWrite(t, l, chainA, 1, 1000)
		lease, err := l.Acquire(pos)
		if err != nil {
			t.Fatal(err)
		}
		copied := lease
		if err := a.Close(); !errors.Is(err, ErrLeased) {
			t.Errorf("close: %v", err)
		}
		if _, err := checkFrame(pos, copied.Bytes()); err != nil {
			t.Errorf("leased: %v", err)
		}
		if _, err := l.Acquire(pos); !errors.Is(err, ErrClosed) {
			t.Errorf("acquire: %v", err)
		}
		if _, _, err := l.Claim(100); !errors.Is(err, ErrClosed) {
			t.Errorf("claim: %v", err)
		}
		if _, err := a.NewLog(LogConfig{}); !errors.Is(err, ErrClosed) {
			t.Errorf("new log: %v", err)
		}
		lease.Release()
		if st := a.Stats(); st.Segments != 0 {
			t.Errorf("left over: %+v", st)
		}
	})
}

func TestDoubleReleasePanics(t *testing.T) {
	a := testArena(t, Heap, 2)
	l := testLog(t, a, LogConfig{})
	lease, err := l.Acquire(mustWrite(t, l, chainA, 1, 1000))
	if err != nil {
		t.Fatal(err)
	}
	lease.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
		l.writer.seg.refs.Store(0) // the test goes on to close the arena
	}()
	lease.Release()
}

// The hot paths allocate nothing, the change of segments included.
func TestNoAllocations(t *testing.T) {
	a := testArena(t, Memfd, 4)
	l := testLog(t, a, LogConfig{Sums: true})
	relay := testLog(t, a, LogConfig{Relay: true})
	raw := make([]byte, 9000)
	frame.PutHeader(raw, &frame.Header{Len: 9000, Type: frame.Mark, Tick: 1})
	r := l.Reader(0)
	tick := frame.Tick(0)
	read := func(frame.Pos, []byte) bool { return true }
	round := func() {
		for range 20 {
			tick++
			for _, c := range []frame.Chain{chainA, chainB} {
				_, pos, err := l.Claim(9000)
				if err != nil {
					t.Fatal(err)
				}
				l.Commit(frame.Header{Type: frame.Mark, Tick: tick, Edge: c.Edge, Node: c.Node})
				lease, err := l.Acquire(pos)
				if err != nil {
					t.Fatal(err)
				}
				lease.Release()
				l.Trim(c, tick)
			}
			if r.Poll(10, read) != 2 {
				t.Fatal("poll")
			}
			if _, err := relay.Append(raw); err != nil {
				t.Fatal(err)
			}
			relay.Trim(frame.Chain{}, 1)
		}
	}
	round()
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("%v allocations in 60 frames, want 0", n)
	}
}

func TestSegmentsAhead(t *testing.T) {
	for _, c := range []struct {
		segmentBytes int
		limitBytes   int64
		want         int
	}{
		{64 << 10, 128 << 10, 2}, {64 << 10, 2 << 20, 2}, {64 << 10, 4 << 20, 4}, {64 << 10, 1 << 30, 8},
		{1 << 20, 16 << 20, 2}, {1 << 20, 64 << 20, 4}, {1 << 20, 256 << 20, 8}, {4 << 20, 1 << 30, 2}, {64 << 20, 8 << 30, 2},
	} {
		cfg := ArenaConfig{SegmentBytes: c.segmentBytes, LimitBytes: c.limitBytes}
		if got := cfg.ahead(); got != c.want {
			t.Errorf("segments of %d bytes, %d in all: %d ahead, want %d", c.segmentBytes, c.limitBytes, got, c.want)
		}
	}
}
