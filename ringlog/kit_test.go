package ringlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// onEachBacking is the conformance kit: every test of it runs on every backing that the build has.
func onEachBacking(t *testing.T, f func(t *testing.T, b Backing)) {
	for _, b := range backings() {
		t.Run(b.String(), func(t *testing.T) { f(t, b) })
	}
}

func backings() []Backing {
	if raceBuild {
		return []Backing{Heap}
	}
	return []Backing{Heap, Memfd, Tmpfs, Anonymous}
}

const testSegment = MinSegmentBytes

// testArena makes an arena of the smallest segments; options may change the configuration. It is closed at the test's end.
func testArena(t testing.TB, b Backing, segments int, options ...func(*ArenaConfig)) *Arena {
	t.Helper()
	cfg := ArenaConfig{SegmentBytes: testSegment, LimitBytes: int64(segments) * testSegment, Backing: b}
	if b == Tmpfs {
		cfg.Dir = t.TempDir()
	}
	for _, o := range options {
		o(&cfg)
	}
	a, err := NewArena(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil && !errors.Is(err, errCrashed) {
			t.Errorf("close: %v", err)
		}
	})
	return a
}

func withSpill(t testing.TB) func(*ArenaConfig) {
	dir := t.TempDir()
	return func(c *ArenaConfig) { c.SpillDir = dir }
}

func testLog(t testing.TB, a *Arena, cfg LogConfig) *Log {
	t.Helper()
	if cfg.Incarnation == 0 {
		cfg.Incarnation = 1
	}
	l, err := a.NewLog(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// write commits a frame of n bytes whose payload follows from its position, so that checkFrame can tell.
func write(l *Log, c frame.Chain, tick frame.Tick, n int) (frame.Pos, error) {
	b, pos, err := l.Claim(n)
	if err != nil {
		return 0, err
	}
	fillPayload(b[frame.HeaderLen:], pos)
	got := l.Commit(frame.Header{Type: frame.Mark, Tick: tick, Edge: c.Edge, Node: c.Node})
	if err := l.Err(); err != nil {
		return 0, err
	}
	if got != pos {
		return 0, fmt.Errorf("committed at %d, want %d", got, pos)
	}
	return pos, nil
}

// writeStepping writes like write, and lets the arena step while no segment is free.
func writeStepping(l *Log, c frame.Chain, tick frame.Tick, n int) (frame.Pos, error) {
	for {
		pos, err := write(l, c, tick, n)
		if !errors.Is(err, ErrNoSegment) || !l.arena.Step() {
			return pos, err
		}
	}
}

func mustWrite(t testing.TB, l *Log, c frame.Chain, tick frame.Tick, n int) frame.Pos {
	t.Helper()
	pos, err := writeStepping(l, c, tick, n)
	if err != nil {
		t.Fatalf("write %v tick %d: %v", c, tick, err)
	}
	return pos
}

func fillPayload(b []byte, pos frame.Pos) {
	var w [8]byte
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(w[:], (uint64(pos)+uint64(i))*0x9E3779B97F4A7C15)
		copy(b[i:], w[:])
	}
}

// checkFrame compares a frame with what write put there.
func checkFrame(pos frame.Pos, b []byte) (frame.Header, error) {
	h := frame.DecodeHeader(b)
	if err := h.Valid(len(b)); err != nil {
		return h, err
	}
	if h.Pos != pos || int(h.Len) != len(b) {
		return h, fmt.Errorf("frame at %d of %d bytes, want %d of %d", h.Pos, h.Len, pos, len(b))
	}
	want := make([]byte, len(b)-frame.HeaderLen)
	fillPayload(want, pos)
	if string(want) != string(b[frame.HeaderLen:]) {
		return h, fmt.Errorf("frame at %d: wrong payload", pos)
	}
	return h, frame.VerifySum(b)
}

// readAll polls a log from a position until nothing is new, checks every frame and returns the positions.
func readAll(l *Log, from frame.Pos, most int) (all []frame.Pos, err error) {
	r := l.Reader(from)
	for {
		var bad error
		n := r.Poll(most, func(pos frame.Pos, b []byte) bool {
			_, err := checkFrame(pos, b)
			bad = errors.Join(bad, err)
			all = append(all, pos)
			return true
		})
		if err := errors.Join(bad, r.Err()); err != nil || n == 0 {
			return all, err
		}
	}
}

var errCrashed = fmt.Errorf("crashed")

// crash does to an arena what kill -9 does: its mappings and descriptors go, its files stay.
func (a *Arena) crash() error {
	a.driver.stop()
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, s := range a.mu.all {
		errs = append(errs, s.detach())
	}
	a.mu.all, a.mu.free, a.mu.logs, a.mu.closed = nil, nil, nil, true
	if a.lock != nil {
		errs = append(errs, unix.Flock(int(a.lock.Fd()), unix.LOCK_UN), a.lock.Close())
		a.lock = nil
	}
	return errors.Join(errs...)
}
