package ringlog

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestStaleLaps is TestTornWrites on segments that were used before: behind the end of the log lie whole frames of earlier laps, with good sums, at
// places where frames of this lap could begin. None of them may come back.
func TestStaleLaps(t *testing.T) {
	if raceBuild {
		return // it has no files
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		cfg := ArenaConfig{SegmentBytes: testSegment, LimitBytes: 4 * testSegment, Backing: Tmpfs, Dir: dir}
		a, err := NewArena(cfg)
		if err != nil {
			rt.Fatal(err)
		}
		w := lapWriter{t: rt, log: testLog(t, a, LogConfig{Sums: true}), len: rapid.SampledFrom([]int{1024, 4096, 8000, 20000}).Draw(rt, "len"), keep: rapid.IntRange(0, 5).Draw(rt, "keep")}
		w.write(8*testSegment/w.len + rapid.IntRange(0, 2*testSegment/w.len).Draw(rt, "laps"))
		acked, durable, segment := w.log.Committed(), readFiles(t, dir), w.log.writer.number
		if w.log.writer.number < 6 {
			rt.Fatalf("at segment %d: no segment was used twice", w.log.writer.number)
		}
		w.write(rapid.IntRange(0, 4).Draw(rt, "frames"))
		after := readFiles(t, dir)
		begun := w.log.writer.number != segment
		if err := a.crash(); err != nil {
			rt.Fatal(err)
		}
		mixLines(rt, durable, after)
		w.recovered(t, cfg, acked, begun)
	})
}

// lapWriter writes frames of one length and trims all but the last few.
type lapWriter struct {
	t         *rapid.T
	log       *Log
	len, keep int
	written   []frame.Pos
}

func (w *lapWriter) write(n int) {
	for range n {
		tick := len(w.written) + 1
		pos, err := writeStepping(w.log, chainA, frame.Tick(tick), w.len)
		if err != nil {
			w.t.Fatal(err)
		}
		w.written = append(w.written, pos)
		if tick > w.keep {
			w.log.Trim(chainA, frame.Tick(tick-w.keep))
		}
	}
}

// recovered checks that what comes back is one stretch of what was written, whole, up to what was acknowledged at least. With begun, a segment was
// begun after that: an earlier one that is not whole is damage, which recovery may say (crash state C9).
func (w *lapWriter) recovered(t *testing.T, cfg ArenaConfig, acked frame.Pos, begun bool) {
	a, err := NewArena(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	l, report, err := a.Recover(LogConfig{Incarnation: 2, Sums: true}, acked)
	if errors.Is(err, ErrCorrupt) && begun {
		return
	}
	if err != nil {
		w.t.Fatalf("acked %d: %v", acked, err)
	}
	got, err := readAll(l, 0, 10)
	if len(got) == 0 && err == nil && (begun || w.endsSegment(acked-1, acked)) {
		return // what was acknowledged was trimmed, and its place is used again
	}
	if err != nil || len(got) == 0 {
		w.t.Fatalf("%+v: read %v, acked up to %d: %v", report, got, acked, err)
	}
	from := slices.Index(w.written, got[0])
	if from < 0 || from+len(got) > len(w.written) || !slices.Equal(got, w.written[from:][:len(got)]) {
		w.t.Fatalf("%+v: read %v of %v", report, got, w.written)
	}
	if last := got[len(got)-1] + frame.Pos(frame.PadLen(w.len)); last < acked && !w.endsSegment(last, acked) {
		w.t.Fatalf("%+v: the last frame ends at %d, acked up to %d", report, last, acked)
	}
}

// endsSegment tells whether nothing but the end of a segment lies between two positions.
func (w *lapWriter) endsSegment(last, acked frame.Pos) bool {
	n, _ := w.log.arena.layout.Split(last)
	return acked == w.log.arena.layout.First(n+1)
}
