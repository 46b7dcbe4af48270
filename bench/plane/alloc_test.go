package plane

import (
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestExchangeAllocatesNothing steps both cores of a warm exchange in one goroutine, from making rows to reading them.
func TestExchangeAllocatesNothing(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		s := localShape(ordered)
		s.TickRows, s.Ahead = 4*s.BatchRows, 1
		l, err := newLocal(s, newPlain())
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := l.close(); err != nil {
				t.Error(err)
			}
		}()
		for _, c := range l.cores {
			c.until = time.Now().Add(time.Hour)
		}
		tick := func() {
			from := l.cores[0].consumer.executed.Load()
			for l.cores[0].consumer.executed.Load() < from+8 {
				for _, c := range l.cores {
					if _, err := c.step(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for range 16 {
			tick()
		}
		// Eight ticks are 16 CLOSE and 16 or more DATA frames.
		if n := testing.AllocsPerRun(20, tick); n != 0 {
			t.Errorf("ordered %v: %v allocations in 8 ticks, want none", ordered, n)
		}
		if got := l.cores[1].consumer.executed.Load(); got == 0 || got == uint64(frame.MaxTick) {
			t.Errorf("ordered %v: the second core has executed %d ticks", ordered, got)
		}
	}
}
