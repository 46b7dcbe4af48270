package ringlog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
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
