package ringlog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestTornWrites is the death of a machine whose segment files lay on a disk: of all lines, sectors or pages written since the last durable
// moment, any may have arrived, in any order. With sums, every acknowledged frame is recovered, and every recovered frame is whole.
func TestTornWrites(t *testing.T) {
	if raceBuild {
		return // it has no files
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		cfg := ArenaConfig{SegmentBytes: testSegment, LimitBytes: 6 * testSegment, Backing: Tmpfs, Dir: dir}
		a, err := NewArena(cfg)
		if err != nil {
			rt.Fatal(err)
		}
		l := testLog(t, a, LogConfig{Sums: true})
		var written []frame.Pos
		writeSome := func() {
			for range rapid.IntRange(0, 4).Draw(rt, "frames") {
				pos, err := writeStepping(l, chainA, frame.Tick(len(written)+1), rapid.SampledFrom([]int{64, 100, 5000, 9000, 30000}).Draw(rt, "len"))
				if err != nil {
					rt.Fatal(err)
				}
				written = append(written, pos)
			}
		}
		writeSome()
		acked, durable := l.Committed(), readFiles(t, dir)
		writeSome()
		if rapid.Bool().Draw(rt, "claim") {
			if _, _, err := l.Claim(1000); err != nil && !errors.Is(err, ErrNoSegment) {
				rt.Fatal(err)
			}
		}
		after := readFiles(t, dir)
		if err := a.crash(); err != nil {
			rt.Fatal(err)
		}
		mixLines(rt, durable, after)

		b, err := NewArena(cfg)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := b.Close(); err != nil {
				rt.Error(err)
			}
		}()
		again, report, err := b.Recover(LogConfig{Incarnation: 2, Sums: true}, acked)
		if ackedIn, _ := l.arena.layout.Split(acked); errors.Is(err, ErrCorrupt) && l.writer.number > ackedIn {
			return // C9: a segment was begun, so an earlier one that is not whole was not torn by the death of a process
		}
		if err != nil {
			rt.Fatalf("acked %d: %v", acked, err)
		}
		got, err := readAll(again, 0, 10)
		if err != nil || !slices.Equal(got, written[:len(got)]) {
			rt.Fatalf("read %v of %v: %v", got, written, err)
		}
		if len(got) < len(written) && written[len(got)] < acked {
			rt.Fatalf("%+v: frame at %d was lost, acked up to %d", report, written[len(got)], acked)
		}
	})
}

func readFiles(t *testing.T, dir string) map[string][]byte {
	files := map[string][]byte{}
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if files[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// mixLines writes files of which each line (or sector, or page) that changed is the old or the new one. The last file with changes to the header keeps
// the new header, or none: a header is not written again without the rest.
func mixLines(t *rapid.T, old, changed map[string][]byte) {
	unit := rapid.SampledFrom([]int{64, 512, 4096}).Draw(t, "unit")
	for name, b := range changed {
		was := old[name]
		if was == nil {
			was = make([]byte, len(b))
		}
		newHeader := le64(was) == le64(b) || rapid.Bool().Draw(t, "header")
		for at := 0; at < len(b); at += unit {
			if slices.Equal(b[at:at+unit], was[at:at+unit]) {
				continue
			}
			if at < SegmentHeaderLen && newHeader {
				continue
			}
			if at < SegmentHeaderLen || rapid.Bool().Draw(t, "old line") {
				copy(b[at:at+unit], was[at:at+unit])
			}
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
