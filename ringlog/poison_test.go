//go:build !race

package ringlog

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// A foreigner truncates the files of one log: that log is poisoned wherever it is touched, others go on, and the process lives.
func TestTruncatedFilePoisonsItsLogOnly(t *testing.T) {
	touches := map[string]func(a *Arena, l *Log, pos frame.Pos) error{
		"claim":   func(_ *Arena, l *Log, _ frame.Pos) error { _, _, err := l.Claim(5000); return err },
		"acquire": func(_ *Arena, l *Log, pos frame.Pos) error { _, err := l.Acquire(pos); return err },
		"poll":    func(_ *Arena, l *Log, _ frame.Pos) error { _, err := readAll(l, 0, 10); return err },
		"replay":  func(_ *Arena, l *Log, _ frame.Pos) error { _, err := l.Replay(chainA, 0, nil); return err },
		"check":   func(_ *Arena, l *Log, _ frame.Pos) error { return l.Checkpoint() },
		"guard": func(a *Arena, l *Log, pos frame.Pos) error {
			s := l.writer.seg
			return a.Guard(func() { s.mem[5000]++ })
		},
	}
	for name, touch := range touches {
		t.Run(name, func(t *testing.T) {
			a := testArena(t, Tmpfs, 8)
			l, other := testLog(t, a, LogConfig{Core: 1}), testLog(t, a, LogConfig{Core: 2})
			pos := mustWrite(t, l, chainA, 1, 100)
			mustWrite(t, other, chainA, 1, 100)
			if err := os.Truncate(l.writer.seg.path, 0); err != nil {
				t.Fatal(err)
			}
			if err := touch(a, l, pos); !errors.Is(err, ErrPoisoned) || !strings.Contains(err.Error(), "core 1") {
				t.Errorf("touched: %v", err)
			}
			if _, _, err := l.Claim(100); !errors.Is(err, ErrPoisoned) {
				t.Errorf("claim after it: %v", err)
			}
			mustWrite(t, other, chainA, 2, 50000)
			mustWrite(t, other, chainA, 3, 50000)
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			for a.Step() {
			}
			if st := a.Stats(); st.Segments-st.FreeSegments != 2 {
				t.Errorf("the faulty segment is still there: %+v", st)
			}
		})
	}
}

// The commit of a frame whose memory vanished while it was filled poisons the log and publishes nothing.
func TestCommitFaults(t *testing.T) {
	a := testArena(t, Tmpfs, 4)
	l := testLog(t, a, LogConfig{})
	if _, _, err := l.Claim(100); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(l.writer.seg.path, 0); err != nil {
		t.Fatal(err)
	}
	before := l.Committed()
	l.Commit(frame.Header{Type: frame.Mark, Tick: 1})
	if !errors.Is(l.Err(), ErrPoisoned) || l.Committed() != before {
		t.Errorf("committed up to %d, was %d: %v", l.Committed(), before, l.Err())
	}
}

// A fault while spilling poisons the log; the arena goes on.
func TestSpillFaults(t *testing.T) {
	a := testArena(t, Tmpfs, 3, withSpill(t))
	l := testLog(t, a, LogConfig{})
	for _, tick := range []frame.Tick{1, 9, 3} { // the second is spilled first
		mustWrite(t, l, chainA, tick, 50000)
	}
	l.mu.Lock()
	path := l.mu.units[1].seg.path
	l.mu.Unlock()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := writeStepping(l, chainA, 4, 50000); !errors.Is(err, ErrPoisoned) && !errors.Is(l.Err(), ErrPoisoned) {
		t.Errorf("spilled: %v, %v", err, l.Err())
	}
}

// The kernel may meet the fault first: EFAULT from writing to the spill file poisons the log as well.
func TestSpillEFAULT(t *testing.T) {
	a := testArena(t, Tmpfs, 3, withSpill(t))
	l := testLog(t, a, LogConfig{})
	for _, tick := range []frame.Tick{1, 9, 3} {
		mustWrite(t, l, chainA, tick, 50000)
	}
	l.mu.Lock()
	path := l.mu.units[1].seg.path
	l.mu.Unlock()
	if err := os.Truncate(path, 8192); err != nil { // the frame's header stays
		t.Fatal(err)
	}
	if _, err := writeStepping(l, chainA, 4, 50000); !errors.Is(l.Err(), ErrPoisoned) || !errors.Is(l.Err(), unix.EFAULT) {
		t.Errorf("spilled: %v, %v", err, l.Err())
	}
	if size := a.spill.mu.size; size != 0 {
		t.Errorf("%d bytes of the spill file leaked", size)
	}
}

// Faults elsewhere are not ours to judge.
func TestGuardPassesOtherPanics(t *testing.T) {
	a := testArena(t, Memfd, 2)
	for name, f := range map[string]func(){
		"panic": func() { panic("other") },
		"nil":   func() { var p *[1 << 20]byte; p[1<<19]++ },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: swallowed", name)
				}
			}()
			_ = a.Guard(f)
		}()
	}
}

// Nobody can change the size of a memfd segment, or write to it, but through the arena's mapping.
func TestMemfdIsSealed(t *testing.T) {
	m, err := newMapping(Memfd, "", 0, testSegment)
	if err != nil {
		t.Fatal(err)
	}
	defer m.destroy()
	if err := unix.Ftruncate(m.fd, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("truncate: %v", err)
	}
	if err := unix.Ftruncate(m.fd, 2*testSegment); !errors.Is(err, unix.EPERM) {
		t.Errorf("extend: %v", err)
	}
	if _, err := unix.Pwrite(m.fd, []byte{1}, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write: %v", err)
	}
	m.mem[0] = 1
}
