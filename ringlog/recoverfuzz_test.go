//go:build !race

package ringlog

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// FuzzRecover: whatever is in the files of a log, recovery says what is wrong with them, or returns a log that can be read and written. An input is a list of
// changes to the files of a good log: file u8, length u8, offset u16, bytes. A race build has no files.
func FuzzRecover(f *testing.F) {
	base := filepath.Join(f.TempDir(), "base")
	if err := os.Mkdir(base, 0o700); err != nil {
		f.Fatal(err)
	}
	cfg := ArenaConfig{SegmentBytes: testSegment, LimitBytes: 6 * testSegment, Backing: Tmpfs, Dir: base}
	a, err := NewArena(cfg)
	if err != nil {
		f.Fatal(err)
	}
	l := testLog(f, a, LogConfig{})
	for tick := frame.Tick(1); tick <= 20; tick++ {
		mustWrite(f, l, []frame.Chain{chainA, chainB}[tick%2], tick, 7000)
	}
	if err := a.crash(); err != nil {
		f.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(base, "*"+segmentSuffix))
	if err != nil || len(names) < 3 {
		f.Fatal(names, err)
	}
	change := func(file byte, offset uint16, b ...byte) []byte {
		return append(binary.LittleEndian.AppendUint16([]byte{file, byte(len(b))}, offset), b...)
	}
	f.Add([]byte{})
	f.Add(change(0, 0, make([]byte, 8)...))
	f.Add(change(2, 4096, 0xff, 0xff, 0xff, 0xff))
	f.Add(change(1, 64, 1, 2, 3))
	f.Add(change(2, testSegment-64, make([]byte, 64)...))
	f.Add(append(change(2, 4096+7040, 1), change(2, testSegment-8, 1)...))
	good := make([][]byte, len(names))
	for i, name := range names {
		if good[i], err = os.ReadFile(name); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, changes []byte) {
		files := make([][]byte, len(good))
		for i := range good {
			files[i] = append([]byte(nil), good[i]...)
		}
		for len(changes) >= 4 {
			file, n := files[int(changes[0])%len(files)], min(int(changes[1]), len(changes)-4)
			copy(file[binary.LittleEndian.Uint16(changes[2:]):], changes[4:][:n])
			changes = changes[4+n:]
		}
		cfg := cfg
		cfg.Dir = t.TempDir()
		for i, b := range files {
			if err := os.WriteFile(filepath.Join(cfg.Dir, filepath.Base(names[i])), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		recoverAnything(t, cfg)
	})
}

func recoverAnything(t *testing.T, cfg ArenaConfig) {
	inspectAlive(cfg.Dir)
	a, err := NewArena(cfg)
	if err != nil {
		return
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, id := range a.Stale() {
		l, _, err := a.Recover(LogConfig{Job: id.Job, Node: id.Node, Core: id.Core, Incarnation: 1 << 30}, 0)
		if err != nil {
			continue
		}
		last := frame.Pos(0)
		r := l.Reader(0)
		for r.Poll(10, func(pos frame.Pos, b []byte) bool {
			if h := frame.DecodeHeader(b); h.Pos != pos || int(h.Len) != len(b) || pos < last {
				t.Fatalf("read %+v of %d bytes at %d after %d", h, len(b), pos, last)
			}
			last = pos
			return true
		}) > 0 {
		}
		if err := r.Err(); err != nil {
			t.Fatalf("reading what was recovered: %v", err)
		}
		l.Trim(chainA, frame.MaxTick)
		l.Trim(chainB, frame.MaxTick)
		mustWrite(t, l, chainA, 1, 100)
	}
}
