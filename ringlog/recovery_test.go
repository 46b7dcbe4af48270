package ringlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// recovery runs the commands of testdata/recovery: what a death and its aftermath do to the files.
func (s *scenario) recovery(d *datadriven.TestData) error {
	switch d.Cmd {
	case "crash":
		s.logs = map[string]*Log{}
		return s.arena.crash()
	case "checkpoint":
		return s.log(d).Checkpoint()
	case "discard":
		_, cfg := s.logConfig(d)
		return s.arena.Discard(cfg.identity())
	case "recover":
		name, cfg := s.logConfig(d)
		acked := s.pos(d, "acked")
		l, r, err := s.arena.Recover(cfg, acked)
		if err != nil {
			return err
		}
		s.logs[name] = l
		fmt.Fprintf(&s.out, "%d segments, %d frames, end %s, incarnation %d\n", r.Segments, r.Frames, place(l, r.End), r.Incarnation)
		if r.Torn != nil {
			fmt.Fprintf(&s.out, "torn: %s\n", s.withoutDir(r.Torn))
		}
		return nil
	case "torn", "zero":
		return s.damage(d)
	case "inspect":
		var out bytes.Buffer
		err := Inspect(s.dir, &out)
		s.out.WriteString(strings.ReplaceAll(out.String(), s.dir, "DIR"))
		return err
	}
	return fmt.Errorf("unknown %s", d.Cmd)
}

// damage flips (torn) or zeroes 8 bytes of a segment's file. Offsets below zero count from the segment's end.
func (s *scenario) damage(d *datadriven.TestData) error {
	var segment, offset int
	d.ScanArgs(s.t, "segment", &segment)
	d.ScanArgs(s.t, "offset", &offset)
	if offset < 0 {
		offset += testSegment
	}
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+segmentSuffix))
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		h, err := DecodeSegmentHeader(b)
		if err != nil || h.Number != SegmentNumber(segment) {
			continue
		}
		for i := offset; i < offset+8; i++ {
			if d.Cmd == "zero" {
				b[i] = 0
			} else {
				b[i] ^= 0xff
			}
		}
		return os.WriteFile(name, b, 0o600)
	}
	return fmt.Errorf("no file of segment %d among %d", segment, len(names))
}

// TestRecovery runs testdata/recovery: every crash state of the package document.
func TestRecovery(t *testing.T) {
	if len(backings()) == 1 {
		return // a race build has no files: what survives a death is on the heap there
	}
	datadriven.Walk(t, "testdata/recovery", func(t *testing.T, path string) {
		runScenario(t, path, Tmpfs)
	})
}

// Segments of a younger life must not come before those of an older one: somebody mixed directories.
func TestRecoverRefusesFallingIncarnations(t *testing.T) {
	if len(backings()) == 1 {
		return // a race build has nothing to recover
	}
	leave := func(dir string, incarnation frame.Incarnation, frames frame.Tick) []string {
		a := testArena(t, Tmpfs, 4, func(c *ArenaConfig) { c.Dir = dir })
		l := testLog(t, a, LogConfig{Incarnation: incarnation})
		var names []string
		for tick := frame.Tick(1); tick <= frames; tick++ {
			mustWrite(t, l, chainA, tick, 50000)
			names = append(names, filepath.Base(l.writer.seg.path))
		}
		if err := a.crash(); err != nil {
			t.Fatal(err)
		}
		return names
	}
	young, old := t.TempDir(), t.TempDir()
	first := leave(young, 5, 2)[0]
	second := leave(old, 1, 2)[1]
	b, err := os.ReadFile(filepath.Join(old, second))
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Fatalf("both segments are in %s", first)
	}
	if err := os.WriteFile(filepath.Join(young, second), b, 0o600); err != nil {
		t.Fatal(err)
	}
	a := testArena(t, Tmpfs, 4, func(c *ArenaConfig) { c.Dir = young })
	if _, _, err := a.Recover(LogConfig{Incarnation: 9}, 0); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "incarnation 1 after") {
		t.Errorf("recovered: %v", err)
	}
}
