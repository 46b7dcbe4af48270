package runtime

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex"
)

// reaching is a horizon that reaches back by a fixed time.
type reaching struct {
	vertex.Vertex
	back int64
}

func (r reaching) Reach(cti frame.CTI) int64 { return int64(cti) - r.back }

// TestHorizonAgainstNaive compares low with a look at all rows there ever were.
func TestHorizonAgainstNaive(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 21))
		back := rng.Int64N(40)
		h := newHorizon(reaching{back: back})
		h.from = frame.Tick(rng.IntN(5))
		var all []top // every row
		most, last := 0, frame.Tick(0)
		for tick := h.from + 1; tick < h.from+300; tick++ {
			for range rng.IntN(4) {
				var vs []int64
				for range rng.IntN(3) {
					v := int64(tick) + rng.Int64N(30) - 10
					vs, all = append(vs, v), append(all, top{tick, v})
				}
				h.rows(tick, vs)
			}
			if rng.IntN(3) > 0 {
				h.cti = max(h.cti, frame.CTI(int64(tick)-10))
			}
			want := tick
			for _, r := range all {
				if h.cti == frame.MinCTI || r.vs >= int64(h.cti)-back {
					want = min(want, r.tick-1)
				}
			}
			if rng.IntN(8) > 0 {
				continue
			}
			got := h.low(tick)
			if got != max(want, h.from) || got < last {
				t.Fatalf("seed %d: after tick %d: low %d after %d, want %d", seed, tick, got, last, want)
			}
			last = got
			most = max(most, len(h.tops))
		}
		h.cti = frame.MaxCTI - frame.CTI(math.MaxInt32)
		if got := h.low(900); got != 900 || len(h.tops) != 0 {
			t.Errorf("seed %d: at the end: low %d with %d tops", seed, got, len(h.tops))
		}
		if most > 2*horizonLeast {
			t.Errorf("seed %d: %d tops for some 70 ticks", seed, most)
		}
	}
}

func TestLowsAreBounded(t *testing.T) {
	l := lows{}
	for i := range frame.Tick(3 * lowsMax) {
		l.note(i, i)
		l.note(i, i/2)
	}
	if low, known := l[3*lowsMax-1]; len(l) != lowsMax || !known || low != (3*lowsMax-1)/2 {
		t.Errorf("%d are kept, the last says %d (%t)", len(l), low, known)
	}
	if _, known := l[0]; known {
		t.Error("the oldest is kept")
	}
}
