package shuffle

import (
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestTripwireNamesTheFirstTick: when closes of several ticks come at once, the first one that differs is named, each time.
func TestTripwireNamesTheFirstTick(t *testing.T) {
	for range 20 { // maps have another order each time
		h := &held{e: &Edge{ID: 1}, local: TaskRange{Count: 1}, sums: map[frame.Tick]map[channelID]uint64{}, closed: make([]frame.Tick, 1)}
		for tick := frame.Tick(1); tick <= 9; tick++ {
			h.add(tick, channelID{0, 7}, uint64(tick)/3*3) // 0 for the first two: they agree
		}
		err := h.close([]closeRec{{task: 0, through: 0, first: 1, last: 8}})
		if err == nil || !strings.Contains(err.Error(), "destination task 7, tick 3: ") {
			t.Fatalf("got %v, want tick 3 to be named", err)
		}
	}
}
