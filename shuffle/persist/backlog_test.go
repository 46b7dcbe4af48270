package persist

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// naive keeps frames as they came, and sorts all of them for each object.
type naive struct {
	passed frame.Tick
	frames []shuffle.Written
}

func (n *naive) plan(whole frame.Tick, objectBytes uint64) plan {
	pl := plan{first: n.passed + 1, last: whole}
	for _, w := range n.frames {
		if w.First <= whole {
			pl.frames = append(pl.frames, w)
		}
	}
	begin := func(w shuffle.Written) frame.Tick { return max(w.First, pl.first) }
	slices.SortStableFunc(pl.frames, func(x, y shuffle.Written) int {
		return cmp.Or(cmp.Compare(begin(x), begin(y)), cmp.Compare(x.Type, y.Type), cmp.Compare(x.Core, y.Core), cmp.Compare(x.Node, y.Node))
	})
	for i, w := range pl.frames {
		if pl.bytes >= objectBytes && begin(w) > begin(pl.frames[i-1]) {
			pl.last, pl.frames = begin(w)-1, pl.frames[:i]
			break
		}
		pl.bytes += uint64(w.Len)
	}
	return pl
}

func (n *naive) pass(t frame.Tick) {
	n.passed = t
	n.frames = slices.DeleteFunc(n.frames, func(w shuffle.Written) bool { return w.Last <= t })
}

// TestBacklogAgainstNaive: whatever comes between them, objects are cut and ordered as if all that waits were sorted for each.
func TestBacklogAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		after := frame.Tick(rapid.Uint64Range(0, 5).Draw(t, "after"))
		b, n := newBacklog(after), naive{passed: after}
		whole, pos := after, frame.Pos(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"rows", "rows", "close", "again", "whole", "object", "object", "compare"}).Draw(t, "step") {
			case "rows", "close":
				first := whole + 1 + frame.Tick(rapid.Uint64Range(0, 4).Draw(t, "first"))
				w := shuffle.Written{Type: frame.Data, First: first, Last: first}
				if rapid.Bool().Draw(t, "is close") {
					w.Type, w.Last = frame.Close, first+frame.Tick(rapid.Uint64Range(0, 9).Draw(t, "ticks"))
				}
				both(t, &b, &n, w, &pos)
			case "again":
				w := shuffle.Written{Type: frame.Close, First: max(whole, 1), Last: whole + frame.Tick(rapid.Uint64Range(0, 3).Draw(t, "ticks"))}
				both(t, &b, &n, w, &pos)
			case "whole":
				whole += frame.Tick(rapid.Uint64Range(0, 6).Draw(t, "whole"))
			case "object":
				objectBytes := rapid.Uint64Range(1, 40).Draw(t, "object bytes")
				if whole == n.passed {
					continue
				}
				got, want := b.plan(whole, objectBytes), n.plan(whole, objectBytes)
				if got.first != want.first || got.last != want.last || got.bytes != want.bytes || !slices.Equal(got.frames, want.frames) {
					t.Fatalf("after %d, whole %d: got\n%+v, want\n%+v", n.passed, whole, got, want)
				}
				if rapid.Bool().Draw(t, "stored") {
					b.pass(got.last)
					n.pass(got.last)
				}
			case "compare":
				if whole == n.passed {
					continue
				}
				to := n.passed + frame.Tick(rapid.Uint64Range(1, uint64(whole-n.passed)).Draw(t, "to"))
				got, want := slices.Clone(b.through(to, whole)), n.plan(to, 1<<60).frames
				b.sort(got)
				if !slices.Equal(got, want) {
					t.Fatalf("after %d, through %d: got\n%+v, want\n%+v", n.passed, to, got, want)
				}
				b.pass(to)
				n.pass(to)
			}
			bytes := uint64(0)
			for _, w := range n.frames {
				bytes += uint64(w.Len)
			}
			if got := len(b.ready) + len(b.fresh); got != len(n.frames) || b.bytes != bytes || b.passed != n.passed {
				t.Fatalf("%d frames of %d bytes behind tick %d, want %d of %d behind %d", got, b.bytes, b.passed, len(n.frames), bytes, n.passed)
			}
		}
	})
}

// both adds a frame, of some log.
func both(t *rapid.T, b *backlog, n *naive, w shuffle.Written, pos *frame.Pos) {
	*pos++
	w.Pos, w.Len = *pos, rapid.Int32Range(1, 20).Draw(t, "len")
	w.Core, w.Node = frame.CoreID(rapid.IntRange(0, 2).Draw(t, "core")), frame.NodeID(rapid.IntRange(0, 2).Draw(t, "node"))
	b.add(w)
	if w.Last > n.passed {
		n.frames = append(n.frames, w)
	}
}

// BenchmarkBacklog drains what a store left behind: the time of a frame grows with what waits as sorting does once, not with each object.
func BenchmarkBacklog(b *testing.B) {
	const perTick, perObject, frameBytes = 8, 100, 64 << 10
	for _, frames := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint("frames=", frames), func(b *testing.B) {
			for b.Loop() {
				l := newBacklog(0)
				for i := range frames {
					tick := frame.Tick(1 + i/perTick)
					l.add(shuffle.Written{Type: frame.Data, Core: frame.CoreID(i % perTick), Pos: frame.Pos(i), Len: frameBytes, First: tick, Last: tick})
				}
				for whole := frame.Tick(frames / perTick); l.passed < whole; {
					l.pass(l.plan(whole, perObject*frameBytes).last)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*frames), "ns/frame")
		})
	}
}
